"""Losses of an input and a target in one pass each way. What a loss of this `kind` is, `value` and `slope`, `binary_value` and
`binary_slope` say for one element."""

from __future__ import annotations

import math

import numpy as np

from .exponential import exp
from .jit import kernel
from .logarithm import log, log1p
from .team import run

KINDS = {"squared": 0, "absolute": 1, "huber": 2, "binary": 3, "logits": 4}
SQUARED, ABSOLUTE, HUBER, BINARY, LOGITS = KINDS.values()


@kernel(inner=True)
def value(kind, x, t, delta):
    """The loss of one element, of those of the difference"""
    d = abs(x - t)
    m = delta if d > delta else d
    return d * d if kind == SQUARED else d if kind == ABSOLUTE else m * (d - type(x)(0.5) * m)


@kernel(inner=True)
def binary_value(kind, x, t):
    """A binary loss of one element; NaN for that of probabilities if x or t is outside [0, 1]."""
    one, low = type(x)(1), type(x)(-100)
    if kind == LOGITS:
        return (one - t) * x - ((x if x < 0 else type(x)(0)) - log1p(exp(-abs(x))))
    if not (t >= 0 and t <= 1):
        return type(x)(math.nan)
    a, b = log(x), log1p(-x)
    return (t - one) * (low if b < low else b) - t * (low if a < low else a)


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
        for i in range(x.size):
            s += binary_value(kind, x[i], target[i])
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


def loss(kind, x, target, delta, mean):
    """The sum or the mean of the losses of two arrays of one shape."""
    s = run(accumulate, (x.ravel(), target.ravel()), (KINDS[kind], float(delta)), cost=0.05, returns=0.0)
    s = s if type(s) is float else s.sum()
    return np.asarray(s / x.size if mean else s, x.dtype)


def loss_backward(kind, g, x, target, delta):
    """The derivative with respect to x, times the number g."""
    dx = np.empty(x.shape, x.dtype)
    run(slopes, (x.ravel(), target.ravel(), dx.ravel()), (KINDS[kind], g, float(delta)), cost=0.05)
    return dx
