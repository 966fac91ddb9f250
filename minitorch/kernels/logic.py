"""Floats as truths: what is not zero (NaN neither) holds."""

from __future__ import annotations

import numpy as np

from .jit import kernel
from .layout import DOUBLE, ITEMS, SINGLE
from .raw import array_at, elements, item, vector

F32, F64 = np.float32(0), np.float64(0)


@kernel(nogil=True)
def count(x):
    """np.count_nonzero(x)"""
    found, zero = 0, x.dtype.type(0)
    for i in range(x.size):
        found += x[i] != zero
    return found


@kernel
def count_in(objects):
    """`count` of the array in the tuple at this address (see layout.py); -1 if it's not contiguous, of float32 or float64"""
    _, data, _, kind, ndim = array_at(objects + ITEMS)
    if ndim < 0:
        return -1
    size = elements(item(objects, 0))
    return count(vector(data, size, F32)) if kind == SINGLE else count(vector(data, size, F64)) if kind == DOUBLE else -1


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
            found += x[i, j] != 0
