"""Softmax, its logarithm and cross-entropy along the rows of C-contiguous arrays (N, C).

exp is NumPy's, called once on the whole array between two loops: it computes several elements at a time, Numba's does not
(512 x 64: 15 us against 75). The largest of a row is subtracted first, so that exp does not overflow.
"""

from __future__ import annotations

import math

import numpy as np

from .jit import kernel
from .threads import run

#: ns an element of each array, for `run`; and elements from which on it is worth its call
COST, LARGE = 0.4, 1 << 17


def softmax(x):
    """exp(x - max) / sum(exp(x - max)) of each row."""
    out = np.empty_like(x)
    run(_softmax, (x, out), (), COST)
    return out


def _softmax(x, out):
    shift(x, out)
    np.exp(out, out)
    divide(out)


def softmax_backward(g, out):
    """(g - sum(g * out)) * out of each row."""
    dx = np.empty_like(out)
    run(project, (g, out, dx), (), cost=0.1)
    return dx


def log_softmax(x):
    """x - max - log(sum(exp(x - max))) of each row."""
    out = np.empty_like(x)
    run(_log_softmax, (x, out), (), COST)
    return out


def _log_softmax(x, out):
    shift(x, out)
    subtract_log(np.exp(out), out)


def log_softmax_backward(g, out):
    """g - exp(out) * sum(g) of each row."""
    dx = np.empty_like(out)
    run(_log_softmax_backward, (g, out, dx), (), COST)
    return dx


def _log_softmax_backward(g, out, dx):
    np.exp(out, dx)
    spread(g, dx)


def cross_entropy(x, target, ignore_index):
    """-mean(log_softmax(x)[i, target[i]]) over the labels that are not `ignore_index`, accumulated in float64, and None; or, if a label
    is not in [0, C), NaN and that label."""
    if x.size < LARGE:
        loss, count, wrong = _cross_entropy(x, target, ignore_index)
    else:
        parts = run(_cross_entropy, (x, target), (ignore_index,), COST)
        loss, count = sum([part[0] for part in parts]), sum([part[1] for part in parts])
        wrong = next((part[2] for part in parts if part[2] is not None), None)
    return loss / (count or math.nan), wrong


def _cross_entropy(x, target, ignore_index):
    shifted = np.empty_like(x)
    shift(x, shifted)
    return pick(shifted, np.exp(shifted), target, ignore_index)


def cross_entropy_backward(g, x, target, ignore_index):
    """(softmax(x) - one_hot(target)) * g / the number of labels; 0 (NaN if there is one) in rows that are ignored."""
    dx = np.empty_like(x)
    scale = share(g, target, ignore_index)
    if x.size < LARGE:
        _cross_entropy_backward(x, target, dx, ignore_index, scale)
    else:
        run(_cross_entropy_backward, (x, target, dx), (ignore_index, scale), COST)
    return dx


def _cross_entropy_backward(x, target, dx, ignore_index, scale):
    shift(x, dx)
    np.exp(dx, dx)
    subtract_one_hot(scale, target, ignore_index, dx)


@kernel(inner=True)
def largest(row):
    """max(row), compared in four lanes; what it is if there is a NaN does not matter: it stays in the row."""
    a = b = c = d = row[0]
    n = row.size - row.size % 4
    for j in range(0, n, 4):
        a, b, c, d = max(a, row[j]), max(b, row[j + 1]), max(c, row[j + 2]), max(d, row[j + 3])
    for j in range(n, row.size):
        a = max(a, row[j])
    return max(max(a, b), max(c, d))


@kernel(reorder=True, inner=True)
def total(row):
    """sum(row)"""
    s = row.dtype.type(0)
    for j in range(row.size):
        s += row[j]
    return s


@kernel(reorder=True, inner=True)
def dot(a, b):
    """sum(a * b)"""
    s = a.dtype.type(0)
    for j in range(a.size):
        s += a[j] * b[j]
    return s


@kernel(nogil=True)
def shift(x, out):
    """out = x - max(x, 1)"""
    n, c = x.shape
    for i in range(n):
        m = largest(x[i])
        for j in range(c):
            out[i, j] = x[i, j] - m


@kernel(nogil=True)
def divide(e):
    """e /= sum(e, 1)"""
    n, c = e.shape
    for i in range(n):
        s = total(e[i])
        for j in range(c):
            e[i, j] /= s


@kernel(nogil=True)
def project(g, out, dx):
    """dx = (g - sum(g * out, 1)) * out"""
    n, c = out.shape
    for i in range(n):
        s = dot(g[i], out[i])
        for j in range(c):
            dx[i, j] = (g[i, j] - s) * out[i, j]


@kernel(nogil=True)
def subtract_log(e, out):
    """out -= log(sum(e, 1))"""
    n, c = e.shape
    for i in range(n):
        s = out.dtype.type(math.log(total(e[i])))
        for j in range(c):
            out[i, j] -= s


@kernel(nogil=True)
def spread(g, dx):
    """dx = g - dx * sum(g, 1)"""
    n, c = dx.shape
    for i in range(n):
        s = total(g[i])
        for j in range(c):
            dx[i, j] = g[i, j] - dx[i, j] * s


@kernel(nogil=True)
def pick(shifted, e, target, ignore_index):
    """See `cross_entropy`."""
    n, c = shifted.shape
    loss, count = 0.0, 0
    for i in range(n):
        label = target[i]
        if label != ignore_index:
            if label < 0 or label >= c:
                return math.nan, count, label
            loss += math.log(total(e[i])) - shifted[i, label]
            count += 1
    return loss, count, None


@kernel
def share(g, target, ignore_index):
    """g / the number of labels that are not `ignore_index`"""
    count = 0
    for i in range(target.size):
        count += target[i] != ignore_index
    return g / count


@kernel(nogil=True)
def subtract_one_hot(scale, target, ignore_index, dx):
    """dx = (dx / sum(dx, 1) - one_hot(target)) * scale"""
    n, c = dx.shape
    zero, scale = dx.dtype.type(0), dx.dtype.type(scale)
    for i in range(n):
        kept = target[i] != ignore_index
        s = (scale if kept else zero) / total(dx[i])
        for j in range(c):
            dx[i, j] *= s
        if kept:
            dx[i, target[i]] -= scale
