"""Taking from, writing at and adding to positions along one dimension; choosing; order. Arrays of three dimensions, before, along and
`after`, the last two of which are given as one.

A kernel that gets positions, as numbers without a sign (or Numba would count negative ones from the end), returns False where one is
not in [0, n); backends/indexing.py then says which.
"""

from __future__ import annotations

import math

import numpy as np

from .jit import kernel


@kernel(nogil=True)
def copy(x, out):
    """out = x, of bytes"""
    for i in range(out.size):
        out[i] = x[i]


@kernel(nogil=True)
def copy_lines(start, stop, memory, first, step, out, to, distance, size):
    """So many bytes of out from to + i * distance on = those of memory from first + i * step on, for i from start to stop"""
    for i in range(start, stop):
        at, there = np.uint64(first + i * step), np.uint64(to + i * distance)
        line, place = memory[at : at + np.uint64(size)], out[there : there + np.uint64(size)]
        for j in range(size):
            place[j] = line[j]


@kernel(nogil=True)
def fill(out, value):
    """out[:] = value"""
    for i in range(out.size):
        out[i] = value


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
def take_elements(index, out, x, after):
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


PUT, ADD, MULTIPLY, LARGEST, SMALLEST = range(5)


@kernel(nogil=True)
def put_elements(index, out, source, after, how):
    """out[a, index[a, k, b], b] = source[a, k, b], for a, k and b in this order (PUT), or its sum or product with what is there, or the
    LARGEST or SMALLEST of both; NaN counts as both."""
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
                if how == ADD:
                    new += out[a, at]
                elif how != PUT:
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
def take_slices(x, out, index, after):
    """out = np.take(x, index, 1); index (K,)"""
    if _outside(index, np.uint64(x.shape[1] // after)):
        return False
    step = np.uint64(after)
    for a in range(x.shape[0]):
        if after == 1:
            for k in range(index.size):
                out[a, k] = x[a, index[k]]
        else:
            for k in range(index.size):
                for b in range(after):
                    out[a, k * after + b] = x[a, index[k] * step + np.uint64(b)]
    return True


@kernel(nogil=True)
def add_slices(source, out, index, after):
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


SIGN, ALL, HALF = np.uint32(1 << 31), np.uint32(0xFFFFFFFF), np.uint64(32)
INFINITY = np.uint32(0x7F800000)  # what is above, but for the sign, is NaN


@kernel(inner=True)
def key_of(b, j, descending):
    """A number in the order of the float32 whose bits are b, times 2 ** 32, plus the place j in its row. Zeros are equal, and NaNs,
    which come after everything, too."""
    magnitude = b & ~SIGN
    b = ~b if b & SIGN else b | SIGN
    b = SIGN if magnitude == 0 else b
    b = ALL if magnitude > INFINITY else b
    b = ~b if descending else b
    return (np.uint64(b) << HALF) | np.uint64(j)


@kernel(nogil=True)
def keys(bits, descending, out):
    """out = the `key_of` of every element of a row"""
    for i in range(bits.shape[0]):
        for j in range(bits.shape[1]):
            out[i, j] = key_of(bits[i, j], j, descending)


#: the most elements, and of how many times as many, that are found without an order of the others
FEW, OF = 64, 32


@kernel
def lanes_for(n, k):
    """How many lanes: one by one are looked at the smallest of all lanes, and k lanes (2 of 100, all of 100 rows: 32 lanes 6 us, 128 13)."""
    return 16 * max(2, int(math.sqrt(n * k)) // 16 + 1)


@kernel(nogil=True)
def first_keys(x, bits, out, descending, k, lanes):
    """out = in order the k smallest `keys` of a row, and after them whatever. False if too many for `out` are about as small, or NaN.

    Every element belongs to one of the lanes, which are looked at side by side. There are k elements up to the k-th
    smallest of the lanes' smallest ones, so what is above is out; the others are in the few lanes whose smallest is not.
    """
    n, infinity, sign = x.shape[1], x.dtype.type(np.inf), x.dtype.type(-1 if descending else 1)
    lowest, smallest = np.empty(lanes, x.dtype), np.empty(k, x.dtype)
    for i in range(x.shape[0]):
        lowest[:] = infinity
        for start in range(0, n, lanes):
            part = x[i, start : start + lanes]
            for j in range(part.size):
                low, value = lowest[j], part[j] * sign
                lowest[j] = low if (low <= value) | (low != low) else value
        smallest[:] = infinity
        for low in lowest:
            if low != low:
                return False
            if low < smallest[k - 1]:
                at = k - 1
                while at and low < smallest[at - 1]:
                    smallest[at] = smallest[at - 1]
                    at -= 1
                smallest[at] = low
        found, bound = 0, smallest[k - 1]
        for lane in range(lanes):
            if lowest[lane] <= bound:
                for j in range(lane, n, lanes):
                    if x[i, j] * sign <= bound:
                        if found == out.shape[1]:
                            return False
                        key, at = key_of(bits[i, j], j, descending), found
                        while at and key < out[i, at - 1]:
                            out[i, at] = out[i, at - 1]
                            at -= 1
                        out[i, at] = key
                        found += 1
    return True


@kernel(nogil=True)
def unpack(keys, x, values, indices):
    """values, indices = x at the places in the first keys, these"""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            at = np.int64(keys[i, j] & np.uint64(ALL))
            indices[i, j] = at
            values[i, j] = x[i, at]


@kernel(nogil=True)
def triangle(start, stop, x, rows, size, diagonal, lower, out):
    """out = np.tril(x, diagonal), or np.triu; the lines from start to stop, as bytes, of matrices of so many rows, of elements of this size"""
    for line in range(start, stop):
        edge = line % rows + diagonal + lower  # the first that is not in a lower, that is in an upper triangle
        edge, end = min(max(edge * size, 0), x.shape[1]), x.shape[1]
        low, high = (0, edge) if lower else (edge, end)
        part, to = x[line, low:high], out[line, low:high]
        for j in range(to.size):
            to[j] = part[j]
        low, high = (edge, end) if lower else (0, edge)
        to = out[line, low:high]
        for j in range(to.size):
            to[j] = 0
