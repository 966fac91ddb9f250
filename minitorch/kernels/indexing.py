"""Taking from, writing at and adding to positions along one dimension, and choosing. Arrays of three dimensions: before, along, after.

A kernel that gets positions returns False where one is not in [0, n): NumPy then says what is wrong, or counts it from the end.
"""

from __future__ import annotations

from .jit import kernel


@kernel(nogil=True)
def take_elements(out, x, index):
    """out = np.take_along_axis(x, index, 1)"""
    n = x.shape[1]
    for a in range(index.shape[0]):
        for k in range(index.shape[1]):
            for b in range(index.shape[2]):
                at = index[a, k, b]
                if at < 0 or at >= n:
                    return False
                out[a, k, b] = x[a, at, b]
    return True


@kernel(nogil=True)
def put_elements(out, source, index):
    """np.put_along_axis(out, index, source, 1)"""
    n = out.shape[1]
    for a in range(index.shape[0]):
        for k in range(index.shape[1]):
            for b in range(index.shape[2]):
                at = index[a, k, b]
                if at < 0 or at >= n:
                    return False
                out[a, at, b] = source[a, k, b]
    return True


@kernel(nogil=True)
def add_elements(out, source, index):
    """out[a, index[a, k, b], b] += source[a, k, b], for a, k and b in this order"""
    n = out.shape[1]
    for a in range(index.shape[0]):
        for k in range(index.shape[1]):
            for b in range(index.shape[2]):
                at = index[a, k, b]
                if at < 0 or at >= n:
                    return False
                out[a, at, b] += source[a, k, b]
    return True


@kernel(nogil=True)
def add_slices(out, source, index):
    """np.add.at(out, (slice(None), index), source), in the same order; index (K,)"""
    for k in range(index.size):
        if index[k] < 0 or index[k] >= out.shape[1]:
            return False
    for a in range(out.shape[0]):
        if out.shape[2] == 1:  # without a loop of one element
            for k in range(index.size):
                out[a, index[k], 0] += source[a, k, 0]
        else:
            for k in range(index.size):
                for b in range(out.shape[2]):
                    out[a, index[k], b] += source[a, k, b]
    return True


@kernel(nogil=True)
def where_arrays(condition, x, y, out):
    """out = np.where(condition, x, y)"""
    for i in range(out.size):
        a, b = x[i], y[i]  # both: a loop that reads only one does not vectorise
        out[i] = a if condition[i] else b


@kernel(nogil=True)
def where_number(condition, x, out, y, holds):
    """out = np.where(condition == holds, x, y) for a number y"""
    number = out.dtype.type(y)
    for i in range(out.size):
        a = x[i]
        out[i] = a if condition[i] == holds else number


@kernel
def places(x, out):
    """out = np.argwhere(x), of a matrix (a vector: of one row, and out has one column). out has room for one more row: what is not
    wanted is written, too, and overwritten by the next, which is quicker than to guess what comes (1.2 ns an element)."""
    found, last = 0, out.shape[1] - 1
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if last:
                out[found, 0] = i
            out[found, last] = j
            found += x[i, j]
