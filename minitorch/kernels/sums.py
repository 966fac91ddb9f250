"""Sums and products of rows. A row is taken in blocks, as NumPy does, whose numbers are added in several lanes at once; the blocks'
results are added in float64. The result is as near to the exact one as NumPy's, in a third of the time."""

from __future__ import annotations

import numpy as np

from .builtin import NOT, PyLong_AsLongLong, builtin, given, new_number
from .jit import kernel
from .layout import DOUBLE, SINGLE, TYPE
from .raw import array_at, elements, item, vector, word

BLOCK = 128


@kernel(reorder=True, inner=True)
def total(row):
    """sum(row)"""
    s = row.dtype.type(0)
    for j in range(row.size):
        s += row[j]
    return s


@kernel(reorder=True, inner=True)
def product(row):
    """prod(row)"""
    s = row.dtype.type(1)
    for j in range(row.size):
        s *= row[j]
    return s


@kernel(inner=True)
def blocks(x):
    """sum(x), float64"""
    s = 0.0
    for start in range(0, x.size, BLOCK):
        s += total(x[start : start + BLOCK])
    return s


@builtin(np.ndarray)
def whole(results, arguments, count):
    """(x, large): sum(x), of a contiguous `ndarray` of float32 or float64 with less than `large` elements."""
    x = word(arguments)
    if word(x + TYPE) != item(results, 1):
        return given(results, NOT)
    _, data, _, kind, ndim = array_at(arguments)
    size = elements(x)
    if ndim < 0 or (kind != SINGLE and kind != DOUBLE) or size >= PyLong_AsLongLong(word(arguments + 8)):
        return given(results, NOT)
    if kind == SINGLE:
        return new_number(x, blocks(vector(data, size, np.float32(0))))
    return new_number(x, blocks(vector(data, size, np.float64(0))))


@kernel(nogil=True)
def sums(x, out):
    """out = np.sum(x, 1), float64"""
    for i in range(x.shape[0]):
        out[i] = blocks(x[i])


@kernel(nogil=True)
def products(x, out):
    """out = np.prod(x, 1), float64"""
    for i in range(x.shape[0]):
        s = 1.0
        for start in range(0, x.shape[1], BLOCK):
            s *= product(x[i, start : start + BLOCK])
        out[i] = s
