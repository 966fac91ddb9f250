"""Taking from, writing at and adding to positions along one dimension; choosing; order. Arrays of three dimensions: before, along, after.

A kernel that gets positions returns False where one is not in [0, n): NumPy then says what is wrong, or counts it from the end.
"""

from __future__ import annotations

import numpy as np

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


SIGN, ALL, HALF = np.uint32(1 << 31), np.uint32(0xFFFFFFFF), np.uint64(32)
LARGEST = np.uint32(0x7F800000)  # infinity: what is above, but for the sign, is NaN


@kernel(nogil=True)
def keys(bits, descending, out):
    """out = a number in the order of the float32 whose bits these are, times 2 ** 32, plus the place in the row. Zeros are equal, and
    NaNs, which come after everything, too."""
    for i in range(bits.shape[0]):
        for j in range(bits.shape[1]):
            b = bits[i, j]
            magnitude = b & ~SIGN
            b = ~b if b & SIGN else b | SIGN
            b = SIGN if magnitude == 0 else b
            b = ALL if magnitude > LARGEST else b
            b = ~b if descending else b
            out[i, j] = (np.uint64(b) << HALF) | np.uint64(j)


@kernel(nogil=True)
def unpack(keys, x, values, indices):
    """values, indices = x at the places in the keys, these"""
    for i in range(keys.shape[0]):
        for j in range(keys.shape[1]):
            at = np.int64(keys[i, j] & np.uint64(ALL))
            indices[i, j] = at
            values[i, j] = x[i, at]


@kernel
def triangle(x, diagonal, lower, out):
    """out = np.tril(x, diagonal), or np.triu; of matrices"""
    zero = x.dtype.type(0)
    for a in range(x.shape[0]):
        for i in range(x.shape[1]):
            edge = min(max(i + diagonal + lower, 0), x.shape[2])  # the first that is not in a lower, that is in an upper triangle
            for j in range(edge):
                out[a, i, j] = x[a, i, j] if lower else zero
            for j in range(edge, x.shape[2]):
                out[a, i, j] = zero if lower else x[a, i, j]
