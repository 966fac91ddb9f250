"""Losses of an input and a target in one pass each way. What a loss of this `kind` is, `value` and `slope`, `binary_total` and
`binary_slope` say."""

from __future__ import annotations

import math

import numpy as np

from .builtin import (
    NOT,
    PyFloat_AsDouble,
    PyLong_AsLongLong,
    builtin,
    dtype_of,
    given,
    is_number_of,
    new_array,
    new_number,
    number_of,
)
from .exponential import exp
from .fuse import LARGE
from .jit import kernel
from .layout import DATA, DOUBLE, INT, NDIM, SHAPE, SINGLE, TYPE
from .logarithm import log, log1p
from .raw import array_at, elements, same_shape, vector, word
from .sums import BLOCK
from .team import ZERO, run

KINDS = {"squared": 0, "absolute": 1, "huber": 2, "binary": 3, "logits": 4}
SQUARED, ABSOLUTE, HUBER, BINARY, LOGITS = KINDS.values()


@kernel(inner=True)
def value(kind, x, t, delta):
    """The loss of one element, of those of the difference"""
    d = abs(x - t)
    m = delta if d > delta else d
    return d * d if kind == SQUARED else d if kind == ABSOLUTE else m * (d - type(x)(0.5) * m)


@kernel(reorder=True, inner=True)
def binary_total(kind, x, target):
    """The sum of a binary loss of some elements; NaN for that of probabilities if an x or a target is outside [0, 1]."""
    number = x.dtype.type
    s, zero, one, low, nan = number(0), number(0), number(1), number(-100), number(math.nan)
    if kind == LOGITS:
        for i in range(x.size):
            a = x[i]
            s += (one - target[i]) * a - ((a if a < zero else zero) - log1p(exp(-abs(a))))
    else:
        for i in range(x.size):
            t, a, b = target[i], log(x[i]), log1p(-x[i])
            value = (t - one) * (low if b < low else b) - t * (low if a < low else a)
            s += value if (t >= zero) & (t <= one) else nan
    return s


@kernel(inner=True)
def slope(kind, x, t, delta):
    """The derivative of a loss of the difference with respect to x. NOTE: without a branch or a call, or the loop would not vectorise."""
    d = x - t
    limit = type(x)(1) if kind == ABSOLUTE else delta
    kink = limit if d > 0 else -limit if d < 0 else d
    return d + d if kind == SQUARED else d if kind == HUBER and abs(d) <= limit else kink


@kernel(inner=True)
def binary_slope(kind, x, t):
    """The derivative of a binary loss with respect to x."""
    one = type(x)(1)
    if kind == LOGITS:
        return (one - t) - one / (one + exp(x))
    scale = x * (one - x)
    return (x - t) / (type(x)(1e-12) if scale < 1e-12 else scale)


@kernel(reorder=True, nogil=True)
def accumulate(x, target, kind, delta):
    """sum(value), in float64"""
    s, delta = 0.0, x.dtype.type(delta)
    if kind < BINARY:
        for i in range(x.size):
            s += value(kind, x[i], target[i], delta)
    else:
        for start in range(0, x.size, BLOCK):
            s += binary_total(kind, x[start : start + BLOCK], target[start : start + BLOCK])
    return s


@kernel(nogil=True)
def slopes(x, target, dx, kind, g, delta):
    """dx = g * slope"""
    g, delta = x.dtype.type(g), x.dtype.type(delta)
    if kind < BINARY:
        for i in range(x.size):
            dx[i] = g * slope(kind, x[i], target[i], delta)
    else:
        for i in range(x.size):
            dx[i] = g * binary_slope(kind, x[i], target[i])


# ---------------------------------------------------------------------- of few elements


@kernel(inner=True)
def few(x, target):
    """(kind of dtype, elements, where they are, where those of the target are), of one shape and type, contiguous; kind 0: others, or many."""
    array, data, _, kind, ndim = array_at(x)
    other, target_data, _, target_kind, target_ndim = array_at(target)
    n = elements(word(x))
    fine = ndim >= 0 and target_ndim >= 0 and other == array and target_kind == kind and same_shape(word(x), word(target)) and 0 < n < LARGE
    return kind if fine and kind in (SINGLE, DOUBLE) else ZERO, n, data, target_data


@builtin()
def few_loss(results, arguments, count):
    """(x, target, kind, delta, mean): `loss` as an array of no dimensions; NotImplemented if it can't, or if probabilities are wrong."""
    dtype, n, x, target = few(arguments, arguments + 8)
    if not dtype:
        return given(results, NOT)
    kind, delta = PyLong_AsLongLong(word(arguments + 16)), PyFloat_AsDouble(word(arguments + 24))
    if dtype == SINGLE:
        s = accumulate(vector(x, n, np.float32(0)), vector(target, n, np.float32(0)), kind, delta)
    else:
        s = accumulate(vector(x, n, 0.0), vector(target, n, 0.0), kind, delta)
    if kind == BINARY and s != s:
        return given(results, NOT)
    return new_number(word(arguments), s / n if PyLong_AsLongLong(word(arguments + 32)) else s)


@builtin()
def few_loss_backward(results, arguments, count):
    """(g, x, target, kind, delta, scale, n): `loss_backward` of g * scale / n; g of no dimensions."""
    dtype, n, x, target = few(arguments + 8, arguments + 16)
    g, like = word(arguments), word(arguments + 8)
    if not dtype or not is_number_of(g, like):
        return given(results, NOT)
    kind, delta = PyLong_AsLongLong(word(arguments + 24)), PyFloat_AsDouble(word(arguments + 32))
    scale, by = PyFloat_AsDouble(word(arguments + 40)), PyFloat_AsDouble(word(arguments + 48))
    dx, factor = new_array(word(like + TYPE), dtype_of(like), word(like + NDIM) & INT, word(like + SHAPE)), number_of(g) * scale / by
    if dx and dtype == SINGLE:
        one = np.float32(0)
        slopes(vector(x, n, one), vector(target, n, one), vector(word(dx + DATA), n, one), kind, factor, delta)
    elif dx:
        slopes(vector(x, n, 0.0), vector(target, n, 0.0), vector(word(dx + DATA), n, 0.0), kind, factor, delta)
    return dx


# ---------------------------------------------------------------------- of many


def loss(kind, x, target, delta, mean):
    """The sum or the mean of the losses of two arrays of one shape."""
    cost = 0.05 if KINDS[kind] < BINARY else 0.4
    s = run(accumulate, (x.ravel(), target.ravel()), (KINDS[kind], float(delta)), cost, 0.0)
    s = s if type(s) is float else s.sum()
    return np.asarray(s / x.size if mean else s, x.dtype)


def loss_backward(kind, g, x, target, delta):
    """The derivative with respect to x, times the number g."""
    dx = np.empty(x.shape, x.dtype)
    run(slopes, (x.ravel(), target.ravel(), dx.ravel()), (KINDS[kind], g, float(delta)), cost=0.05)
    return dx
