"""Floats as truths: what is not zero (NaN neither) holds."""

from __future__ import annotations

import numpy as np

from .builtin import NOT, builtin, given, new_array, new_matrix
from .jit import kernel
from .layout import BOOL, DATA, DOUBLE, SINGLE, TYPE
from .raw import array_at, elements, item, vector, word

F32, F64, U8, ZERO, ONE = np.float32(0), np.float64(0), np.uint8(0), np.int64(0), np.int64(1)


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


@kernel(inner=True)
def put_places(x, rows, columns, out, ndim):
    """The places of what is not zero, one after the other. What is not wanted is written, too, and overwritten by the next, which is quicker
    than to guess what comes (1.2 ns an element)."""
    found, zero = 0, x.dtype.type(0)
    for i in range(rows):
        for j in range(columns):
            if ndim == 2:
                out[found] = i
            out[found + ndim - 1] = j
            found += ndim * (x[i * columns + j] != zero)


@builtin(np.dtype(np.int64))
def places(results, arguments, count_):
    """(x): np.argwhere(x) and one row more, of a contiguous vector or matrix of float32, float64 or bools."""
    array, data, shape, kind, ndim = array_at(arguments)
    if ndim < 1 or ndim > 2 or (kind != SINGLE and kind != DOUBLE and kind != BOOL):
        return given(results, NOT)
    rows, columns, size = word(shape) if ndim == 2 else ONE, word(shape + 8 * (ndim - 1)), elements(word(arguments))
    single, double, bools = vector(data, size, F32), vector(data, size, F64), vector(data, size, U8)
    found = count(single) if kind == SINGLE else count(double) if kind == DOUBLE else count(bools)
    out = new_matrix(array, item(results, 1), found + 1, ndim)
    if out:
        to = vector(word(out + DATA), (found + 1) * ndim, ZERO)
        if kind == SINGLE:
            put_places(single, rows, columns, to, ndim)
        elif kind == DOUBLE:
            put_places(double, rows, columns, to, ndim)
        else:
            put_places(bools, rows, columns, to, ndim)
    return out
