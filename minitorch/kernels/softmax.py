"""Softmax, its logarithm, logsumexp and cross-entropy along the rows of C-contiguous arrays (N, C).

exp is taken of as many rows at a time as stay in the fastest cache. The largest of a row is subtracted first, so that exp does not
overflow.
"""

from __future__ import annotations

import math

import numpy as np

from .builtin import (
    NOT,
    PyLong_AsLongLong,
    builtin,
    counted,
    dtype_of,
    given,
    is_number_of,
    new_matrix,
    new_number,
    number_of,
)
from .exponential import exp
from .jit import kernel
from .layout import DATA, DOUBLE, INT64, SINGLE, TYPE
from .number import ordered
from .raw import array_at, matrix, vector, word
from .sums import total
from .team import ZERO, run

#: ns an element of each array, for `run`; elements from which on cross-entropy asks it; elements of the rows that go through exp at a time;
#: shorter rows go through it together
COST, LARGE, BLOCK, SHORT = 0.4, 1 << 15, 4096, 32


def softmax(x):
    """exp(x - max) / sum(exp(x - max)) of each row."""
    out = np.empty_like(x)
    run(softmax_rows, (x, out), (False,), COST)
    return out


def softmax_backward(g, out):
    """(g - sum(g * out)) * out of each row."""
    dx = np.empty_like(out)
    run(project, (g, out, dx), (), cost=0.1)
    return dx


def log_softmax(x):
    """x - max - log(sum(exp(x - max))) of each row."""
    out = np.empty_like(x)
    run(softmax_rows, (x, out), (True,), COST)
    return out


def log_softmax_backward(g, out):
    """g - exp(out) * sum(g) of each row."""
    dx = np.empty_like(out)
    run(spread, (g, out, dx), (), COST)
    return dx


def logsumexp(x):
    """log(sum(exp(x))) of each row."""
    out = np.empty(len(x), x.dtype)
    run(logsumexp_rows, (x, out), (), COST)
    return out


def logsumexp_backward(g, x, out):
    """g * exp(x - out); g and out: a number for each row."""
    dx = np.empty_like(x)
    run(weigh, (x, dx, g, out), (), COST / 2)
    return dx


def cross_entropy(x, target, ignore_index):
    """-mean(log_softmax(x)[i, target[i]]) over the labels that are not `ignore_index`, accumulated in float64, and None; or, if a label
    is not in [0, C), NaN and that label."""
    if x.size < LARGE:
        loss, count, wrong = pick(x, target, ignore_index)
    else:
        found = run(pick, (x, target), (ignore_index,), COST, (0.0, 0.0, 0.0))  # a row for each piece, or one tuple
        loss, count, wrong = np.reshape(found, (-1, 3)).sum(0)
    if wrong:
        outside = (target != ignore_index) & ((target < 0) | (target >= x.shape[1]))
        return math.nan, target[outside][0]
    return loss / (count or math.nan), None


def cross_entropy_backward(g, x, target, ignore_index):
    """(softmax(x) - one_hot(target)) * g / the number of labels; 0 (NaN if there is one) in rows that are ignored."""
    dx = np.empty_like(x)
    if x.size < LARGE:
        subtract_one_hot(x, target, dx, ignore_index, g, -1)
    else:
        count = np.count_nonzero(target != ignore_index)
        run(subtract_one_hot, (x, target, dx), (ignore_index, g, count), COST)
    return dx


# ---------------------------------------------------------------------- of few elements


@kernel(inner=True)
def labelled(x, target):
    """(kind of dtype, rows, columns, where x is, and the labels) of a matrix and its labels, contiguous all; kind 0: they are not, or none."""
    array, data, shape, kind, ndim = array_at(x)
    labels, labels_data, labels_shape, labels_kind, labels_ndim = array_at(target)
    if ndim != 2 or labels_ndim != 1 or labels != array or labels_kind != INT64 or (kind != SINGLE and kind != DOUBLE):
        return ZERO, ZERO, ZERO, ZERO, vector(ZERO, 0, ZERO)
    n, c = word(shape), word(shape + 8)
    fine = word(labels_shape) == n and n * c > 0
    return kind if fine else ZERO, n, c, data, vector(labels_data, n, ZERO)


@kernel(inner=True)
def few(x, target):
    """The same; kind 0 also of many."""
    kind, n, c, data, labels = labelled(x, target)
    return kind if n * c < LARGE else ZERO, n, c, data, labels


@builtin()
def few_cross_entropy(results, arguments, count):
    """(x, target, ignore_index): `cross_entropy` as an array of no dimensions; NotImplemented if it can't: they are others, or many, or a
    label is wrong."""
    kind, n, c, data, target = few(arguments, arguments + 8)
    if not kind:
        return given(results, NOT)
    ignore = PyLong_AsLongLong(word(arguments + 16))
    if kind == SINGLE:
        loss, labels, wrong = pick(matrix(data, n, c, np.float32(0)), target, ignore)
    else:
        loss, labels, wrong = pick(matrix(data, n, c, np.float64(0)), target, ignore)
    if wrong:
        return given(results, NOT)
    return new_number(word(arguments), loss / labels)


@builtin()
def few_cross_entropy_backward(results, arguments, count):
    """(g, x, target, ignore_index): `cross_entropy_backward`; g of no dimensions."""
    kind, n, c, data, target = few(arguments + 8, arguments + 16)
    g, x, ignore = word(arguments), word(arguments + 8), PyLong_AsLongLong(word(arguments + 24))
    if not kind or not is_number_of(g, x):
        return given(results, NOT)
    dx = new_matrix(word(x + TYPE), dtype_of(x), n, c)
    if dx and kind == SINGLE:
        one = np.float32(0)
        subtract_one_hot(matrix(data, n, c, one), target, matrix(word(dx + DATA), n, c, one), ignore, number_of(g), -1)
    elif dx:
        one = 0.0
        subtract_one_hot(matrix(data, n, c, one), target, matrix(word(dx + DATA), n, c, one), ignore, number_of(g), -1)
    return dx


# ---------------------------------------------------------------------- of the logarithms of probabilities


@kernel(inner=True)
def chosen(x, target, ignore_index):
    """sum(x[i, target[i]]), in float64, and whether all labels are in [0, C) and none is `ignore_index`"""
    s, fine = 0.0, True
    for i in range(target.size):
        label = target[i]
        if 0 <= label < x.shape[1] and label != ignore_index:
            s += x[i, label]
        else:
            fine = False
    return s, fine


@kernel(inner=True)
def put_chosen(dx, target, value):
    """dx[i, target[i]] = value"""
    for i in range(target.size):
        if 0 <= target[i] < dx.shape[1]:
            dx[i, target[i]] = value


@builtin()
def nll(results, arguments, count):
    """(x, target, ignore_index): -mean(x[i, target[i]]) as an array of no dimensions; NotImplemented if there are other labels than [0, C), or
    ignored ones, or the arrays are others."""
    kind, n, c, data, target = labelled(arguments, arguments + 8)
    if not kind:
        return given(results, NOT)
    ignore = PyLong_AsLongLong(word(arguments + 16))
    if kind == SINGLE:
        s, fine = chosen(matrix(data, n, c, np.float32(0)), target, ignore)
    else:
        s, fine = chosen(matrix(data, n, c, np.float64(0)), target, ignore)
    return new_number(word(arguments), s / -n) if fine else given(results, NOT)


@builtin()
def nll_backward(results, arguments, count):
    """(dx, target, g): dx, in which are zeros, with the derivative of `nll` times g, of no dimensions, in its places"""
    kind, n, c, data, target = labelled(arguments, arguments + 8)
    g = word(arguments + 16)
    if not kind or not is_number_of(g, word(arguments)):
        return given(results, NOT)
    if kind == SINGLE:
        put_chosen(matrix(data, n, c, np.float32(0)), target, np.float32(number_of(g)) / np.float32(-n))
    else:
        put_chosen(matrix(data, n, c, np.float64(0)), target, number_of(g) / -n)
    return counted(word(arguments))


# ---------------------------------------------------------------------- of a row


@kernel(inner=True)
def largest(row):
    """max(row), compared as whole numbers, which is done in several lanes; what it is if there is a NaN does not matter: it stays in the row."""
    high = ordered(row[0])
    for j in range(row.size):
        k = ordered(row[j])
        high = k if k > high else high
    return ordered(high)


@kernel(reorder=True, inner=True)
def dot(a, b):
    """sum(a * b)"""
    s = a.dtype.type(0)
    for j in range(a.size):
        s += a[j] * b[j]
    return s


# ---------------------------------------------------------------------- of many rows


@kernel(inner=True)
def exps(x, high, e):
    """e = exp(x - high), a number for each row; of short rows all at once, since a loop of few numbers does not vectorise"""
    n, c = x.shape
    for i in range(n):
        if c < SHORT:
            for j in range(c):
                e[i, j] = x[i, j] - high[i]
        else:
            for j in range(c):
                e[i, j] = exp(x[i, j] - high[i])
    if c < SHORT:
        flat = e.reshape(e.size)
        for i in range(flat.size):
            flat[i] = exp(flat[i])


@kernel(inner=True)
def highest(x, high):
    """high = max(x, 1)"""
    for i in range(len(x)):
        high[i] = largest(x[i])


@kernel(nogil=True)
def softmax_rows(x, out, log):
    """out = softmax(x, 1), or its logarithm"""
    n, c = x.shape
    step = BLOCK // c or 1
    high, scratch = np.empty(min(n, step), x.dtype), np.empty((min(n, step) if log else 0, c), x.dtype)
    for start in range(0, n, step):
        rows, results = x[start : start + step], out[start : start + step]
        e = scratch[: len(rows)] if log else results
        highest(rows, high)
        exps(rows, high, e)
        for i in range(len(e)):
            s = total(e[i])
            if log:
                s = out.dtype.type(math.log(s))
                for j in range(c):
                    results[i, j] = rows[i, j] - high[i] - s
            else:
                for j in range(c):
                    results[i, j] /= s


@kernel(nogil=True)
def project(g, out, dx):
    """dx = (g - sum(g * out, 1)) * out"""
    n, c = out.shape
    for i in range(n):
        s = dot(g[i], out[i])
        for j in range(c):
            dx[i, j] = (g[i, j] - s) * out[i, j]


@kernel(nogil=True)
def spread(g, out, dx):
    """dx = g - exp(out) * sum(g, 1)"""
    n, c = dx.shape
    step = BLOCK // c or 1
    zero = np.zeros(min(n, step), dx.dtype)
    for start in range(0, n, step):
        e = dx[start : start + step]
        exps(out[start : start + step], zero, e)
        for i in range(len(e)):
            s = total(g[start + i])
            for j in range(c):
                e[i, j] = g[start + i, j] - e[i, j] * s


@kernel(nogil=True)
def logsumexp_rows(x, out):
    """out = log(sum(exp(x), 1)), for each row from its largest element on, unless that is infinite"""
    n, c = x.shape
    step, zero = BLOCK // c or 1, x.dtype.type(0)
    high, scratch = np.empty(min(n, step), x.dtype), np.empty((min(n, step), c), x.dtype)
    for start in range(0, n, step):
        rows = x[start : start + step]
        e = scratch[: len(rows)]
        highest(rows, high)
        for i in range(len(e)):
            high[i] = high[i] if high[i] - high[i] == zero else zero
        exps(rows, high, e)
        for i in range(len(e)):
            out[start + i] = high[i] + out.dtype.type(math.log(total(e[i])))


@kernel(nogil=True)
def weigh(x, dx, g, out):
    """dx = g * exp(x - out), g and out (N)"""
    n, c = x.shape
    step = BLOCK // c or 1
    for start in range(0, n, step):
        e = dx[start : start + step]
        exps(x[start : start + step], out[start : start + step], e)
        for i in range(len(e)):
            for j in range(c):
                e[i, j] *= g[start + i]


@kernel(nogil=True)
def pick(x, target, ignore_index):
    """The sum of the losses, the number of labels that are not `ignore_index`, and of those that are not in [0, C)."""
    n, c = x.shape
    step = BLOCK // c or 1
    high, scratch = np.empty(min(n, step), x.dtype), np.empty((min(n, step), c), x.dtype)
    loss, count, wrong = 0.0, 0.0, 0.0
    for start in range(0, n, step):
        rows = x[start : start + step]
        e = scratch[: len(rows)]
        highest(rows, high)
        exps(rows, high, e)
        for i in range(len(e)):
            label = target[start + i]
            if label == ignore_index:
                continue
            if label < 0 or label >= c:
                wrong += 1
                continue
            loss += math.log(total(e[i])) - (rows[i, label] - high[i])
            count += 1
    return loss, count, wrong


@kernel(nogil=True)
def subtract_one_hot(x, target, dx, ignore_index, g, count):
    """dx = (softmax(x) - one_hot(target)) * g / count; if it is negative, the number of the labels that are not `ignore_index`"""
    n, c = x.shape
    step, zero = BLOCK // c or 1, x.dtype.type(0)
    high = np.empty(min(n, step), x.dtype)
    if count < 0:
        count = 0
        for i in range(n):
            count += target[i] != ignore_index
    scale = x.dtype.type(g / count)
    for start in range(0, n, step):
        rows, e = x[start : start + step], dx[start : start + step]
        highest(rows, high)
        exps(rows, high, e)
        for i in range(len(e)):
            label = target[start + i]
            kept = label != ignore_index
            s = (scale if kept else zero) / total(e[i])
            for j in range(c):
                e[i, j] *= s
            if kept:
                e[i, label] -= scale
