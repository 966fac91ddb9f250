"""The variance of all numbers of an array, and its derivative: a pass for the mean and one for what is made of it."""

from __future__ import annotations

import numpy as np

from .builtin import NOT, PyFloat_AsDouble, builtin, dtype_of, given, new_array, new_number
from .fuse import LARGE
from .jit import kernel
from .layout import DATA, DOUBLE, INT, NDIM, SHAPE, SINGLE, TYPE
from .raw import array_at, elements, vector, word
from .sums import BLOCK, blocks
from .team import run


@kernel(reorder=True, inner=True)
def squares(row, mean):
    """sum((row - mean)**2)"""
    s = row.dtype.type(0)
    for j in range(row.size):
        d = row[j] - mean
        s += d * d
    return s


@kernel(nogil=True)
def total(x):
    """x.sum(), float64"""
    return blocks(x)


@kernel(nogil=True)
def distances(x, mean):
    """((x - mean)**2).sum(), in float64 from one block to the next"""
    s, mean = 0.0, x.dtype.type(mean)
    for start in range(0, x.size, BLOCK):
        s += squares(x[start : start + BLOCK], mean)
    return s


@kernel(nogil=True)
def slopes(x, dx, mean, factor):
    """dx = factor * (x - mean)"""
    mean, factor = x.dtype.type(mean), x.dtype.type(factor)
    for i in range(x.size):
        dx[i] = factor * (x[i] - mean)


@kernel(inner=True)
def few(x):
    """(kind of dtype, where they are, how many) of a contiguous array of few elements; kind 0: of another."""
    _, data, _, kind, ndim = array_at(x)
    n = elements(word(x))
    return kind if ndim >= 0 and n < LARGE and kind in (SINGLE, DOUBLE) else 0, data, n


@builtin()
def few_variance(results, arguments, count):
    """(x, n): ((x - x.mean())**2).sum() / n, of few elements."""
    kind, data, size = few(arguments)
    n = PyFloat_AsDouble(word(arguments + 8))
    if kind == SINGLE:
        x = vector(data, size, np.float32(0))
        return new_number(word(arguments), distances(x, total(x) / size) / n)
    if kind == DOUBLE:
        y = vector(data, size, 0.0)
        return new_number(word(arguments), distances(y, total(y) / size) / n)
    return given(results, NOT)


@builtin()
def few_slopes(results, arguments, count):
    """(x, factor): factor * (x - x.mean()), of few elements."""
    kind, data, size = few(arguments)
    if not kind:
        return given(results, NOT)
    like, factor = word(arguments), PyFloat_AsDouble(word(arguments + 8))
    dx = new_array(word(like + TYPE), dtype_of(like), word(like + NDIM) & INT, word(like + SHAPE))
    if dx and kind == SINGLE:
        x = vector(data, size, np.float32(0))
        slopes(x, vector(word(dx + DATA), size, np.float32(0)), total(x) / size, factor)
    elif dx:
        y = vector(data, size, 0.0)
        slopes(y, vector(word(dx + DATA), size, 0.0), total(y) / size, factor)
    return dx


def added(kernel, flat, *numbers):
    """What a kernel returns of all of a large array."""
    s = run(kernel, (flat,), numbers, cost=0.03, returns=0.0)
    return s if type(s) is float else float(s.sum())


def variance(x, n):
    """((x - x.mean())**2).sum() / n"""
    found = few_variance(x, float(n))
    if found is not NotImplemented:
        return found
    flat = x.ravel()
    return np.asarray(added(distances, flat, added(total, flat) / x.size) / n, x.dtype)


def gradient(x, factor):
    """factor * (x - x.mean())"""
    found = few_slopes(x, factor)
    if found is not NotImplemented:
        return found
    dx, flat = np.empty(x.shape, x.dtype), x.ravel()
    run(slopes, (flat, dx.ravel()), (added(total, flat) / x.size, factor), cost=0.03)
    return dx
