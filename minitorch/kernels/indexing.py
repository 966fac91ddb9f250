"""Taking from, writing at and adding to positions along one dimension; choosing; order. Arrays of three dimensions, before, along and
`after`, the last two of which are given as one.

A kernel that gets positions, as numbers without a sign (or Numba would count negative ones from the end), returns False where one is
not in [0, n): NumPy then says what is wrong, or counts it from the end.
"""

from __future__ import annotations

import numpy as np

from .jit import kernel


@kernel(inner=True)
def _outside(index, n):
    """Whether some of these whole numbers without a sign are not below n. (In one pass: negative ones have become very large.)"""
    largest = np.uint64(0)
    for k in range(index.size):
        largest = max(largest, index[k])
    return largest >= n


@kernel(inner=True)
def _loops(size, after):
    """-> lengths of an outer and an inner loop over (along, after), and whether the inner one goes along `after`"""
    return (1, size, np.uint64(0)) if after == 1 else (size // after, after, np.uint64(1))


@kernel(nogil=True)
def take_elements(out, x, index, after):
    """out = np.take_along_axis(x, index, 1)"""
    step = np.uint64(after)
    outer, inner, moves = _loops(index.shape[1], after)
    for a in range(index.shape[0]):
        if _outside(index[a], np.uint64(x.shape[1]) // step):
            return False
        for k in range(outer):
            for b in range(inner):
                i = k * inner + b
                out[a, i] = x[a, index[a, i] * step + np.uint64(b) * moves]
    return True


@kernel(nogil=True)
def add_elements(out, source, index, after):
    """out[a, index[a, k, b], b] += source[a, k, b], for a, k and b in this order"""
    step = np.uint64(after)
    outer, inner, moves = _loops(index.shape[1], after)
    for a in range(index.shape[0]):
        if _outside(index[a], np.uint64(out.shape[1]) // step):
            return False
        for k in range(outer):
            for b in range(inner):
                i = k * inner + b
                out[a, index[a, i] * step + np.uint64(b) * moves] += source[a, i]
    return True


PUT, MULTIPLY, LARGEST, SMALLEST = 0, 1, 2, 3


@kernel(nogil=True)
def put_elements(out, source, index, after, how):
    """As `add_elements`, but source is written (PUT), multiplied by, or the LARGEST or SMALLEST stays; NaN counts as both."""
    step = np.uint64(after)
    outer, inner, moves = _loops(index.shape[1], after)
    for a in range(index.shape[0]):
        if _outside(index[a], np.uint64(out.shape[1]) // step):
            return False
        for k in range(outer):
            for b in range(inner):
                i = k * inner + b
                at = index[a, i] * step + np.uint64(b) * moves
                new = source[a, i]
                if how != PUT:
                    old = out[a, at]
                    if how == MULTIPLY:
                        new = old * new
                    elif how == LARGEST:
                        new = old if (old > new) | (old != old) else new
                    else:
                        new = old if (old < new) | (old != old) else new
                out[a, at] = new
    return True


@kernel(nogil=True)
def take_columns(x, out, index):
    """out = np.take(x, index, 1), of matrices"""
    if _outside(index, np.uint64(x.shape[1])):
        return False
    for a in range(x.shape[0]):
        for k in range(index.size):
            out[a, k] = x[a, index[k]]
    return True


@kernel(nogil=True)
def add_slices(out, source, index, after):
    """np.add.at(out, (slice(None), index), source), in the same order; index (K,)"""
    if _outside(index, np.uint64(out.shape[1] // after)):
        return False
    step = np.uint64(after)
    for a in range(out.shape[0]):
        if after == 1:
            for k in range(index.size):
                out[a, index[k]] += source[a, k]
        else:
            for k in range(index.size):
                for b in range(after):
                    out[a, index[k] * step + np.uint64(b)] += source[a, k * after + b]
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
