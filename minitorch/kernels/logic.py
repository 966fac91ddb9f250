"""Floats as truths: what is not zero (NaN neither) holds."""

from __future__ import annotations

import numpy as np

from .builtin import NOT, builtin, given, new_array
from .jit import kernel
from .layout import DATA, DOUBLE, SINGLE, TYPE
from .raw import array_at, elements, item, vector, word

F32, F64, ZERO = np.float32(0), np.float64(0), np.int64(0)


@kernel(nogil=True)
def count(x):
    """np.count_nonzero(x)"""
    found, zero = 0, x.dtype.type(0)
    for i in range(x.size):
        found += x[i] != zero
    return found


@builtin(np.dtype(np.int64))
def counts(results, arguments, count_):
    """(x): `count` of a contiguous `ndarray` of float32 or float64, as an array of no dimensions."""
    _, data, _, kind, ndim = array_at(arguments)
    if ndim < 0 or (kind != SINGLE and kind != DOUBLE):
        return given(results, NOT)
    x = word(arguments)
    out, size = new_array(word(x + TYPE), item(results, 1), 0, x), elements(x)
    if out:
        found = count(vector(data, size, F32)) if kind == SINGLE else count(vector(data, size, F64))
        vector(word(out + DATA), 1, ZERO)[0] = found
    return out


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
