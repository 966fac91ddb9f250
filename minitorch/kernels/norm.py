"""Normalisation of C-contiguous arrays (N, C): by row (layer norm) and by column (batch norm).

Means and variances are accumulated in float64 in two passes, as exact as torch's; the rest is in the array's type.
"""

from __future__ import annotations

import math

import numpy as np

from . import team
from .jit import kernel

# ---------------------------------------------------------------------- rows


@kernel(inner=True)
def cleared(row):
    """row = 0"""
    for j in range(row.size):
        row[j] = 0.0
    return row


@kernel(reorder=True, inner=True)
def total(row):
    """sum(row), in float64"""
    s = 0.0
    for j in range(row.size):
        s += row[j]
    return s


@kernel(reorder=True, inner=True)
def squares(row, mean):
    """sum((row - mean)**2), in float64"""
    s = 0.0
    for j in range(row.size):
        d = row[j] - mean
        s += d * d
    return s


@kernel(reorder=True, inner=True)
def products(g, w, row, mean):
    """sum(g * w), sum(g * w * (row - mean)), in float64"""
    s, t = 0.0, 0.0
    for j in range(row.size):
        gw = g[j] * w[j]
        s += gw
        t += gw * (row[j] - mean)
    return s, t


@kernel(nogil=True)
def normalize_rows(x, out, mean, rstd, w, b, eps):
    """mean = x.mean(1), rstd = 1 / sqrt(x.var(1) + eps), out = (x - mean) * rstd * w + b"""
    n, c = x.shape
    for i in range(n):
        m = x.dtype.type(total(x[i]) / c)
        r = x.dtype.type(1 / math.sqrt(squares(x[i], m) / c + eps))
        mean[i], rstd[i] = m, r
        for j in range(c):
            out[i, j] = (x[i, j] - m) * r * w[j] + b[j]


@kernel(nogil=True)
def normalize_rows_backward(start, stop, rows, g, x, w, mean, rstd, dx, sums):
    """With y = (x - mean) * rstd: dx = rstd * (g * w - (g * w).mean(1) - y * (g * w * y).mean(1)), and of each block of rows
    sums = (g * y).sum(0), g.sum(0), unless these are of no columns"""
    n, c = x.shape
    for block in range(start, stop):
        gd_sums, g_sums = cleared(sums[block, 0]), cleared(sums[block, 1])
        for i in range(block * rows, min(n, block * rows + rows)):
            m, r = mean[i], rstd[i]
            s, t = products(g[i], w, x[i], m)
            s, t = x.dtype.type(s / c), x.dtype.type(t / c) * r * r
            for j in range(c):
                dx[i, j] = r * (g[i, j] * w[j] - s - (x[i, j] - m) * t)
            for j in range(gd_sums.size):
                gd_sums[j] += g[i, j] * (x[i, j] - m) * r
                g_sums[j] += g[i, j]


# ---------------------------------------------------------------------- columns


@kernel(nogil=True)
def column_statistics(start, stop, rows, x, sums):
    """Of each block of rows: sums = x.mean(0), ((x - x.mean(0)) ** 2).sum(0)"""
    n, c = x.shape
    for block in range(start, stop):
        first, end = block * rows, min(n, block * rows + rows)
        s, t = cleared(sums[block, 0]), cleared(sums[block, 1])
        for i in range(first, end):
            for j in range(c):
                s[j] += x[i, j]
        for j in range(c):
            s[j] /= end - first
        for i in range(first, end):
            for j in range(c):
                d = x[i, j] - s[j]
                t[j] += d * d


@kernel
def reciprocal(var, eps):
    """1 / sqrt(var + eps)"""
    rstd = np.empty(var.size, var.dtype)
    for j in range(var.size):
        rstd[j] = var.dtype.type(1) / math.sqrt(var[j] + eps)
    return rstd


@kernel(nogil=True)
def normalize_columns(x, out, w, b, mean, rstd):
    """out = (x - mean) * rstd * w + b"""
    n, c = x.shape
    for i in range(n):
        for j in range(c):
            out[i, j] = (x[i, j] - mean[j]) * rstd[j] * w[j] + b[j]


@kernel(nogil=True)
def column_products(start, stop, rows, g, x, mean, rstd, sums):
    """With y = (x - mean) * rstd, of each block of rows: sums = (g * y).sum(0), g.sum(0)"""
    n, c = x.shape
    for block in range(start, stop):
        s, t = cleared(sums[block, 0]), cleared(sums[block, 1])
        for i in range(block * rows, min(n, block * rows + rows)):
            for j in range(c):
                s[j] += g[i, j] * ((x[i, j] - mean[j]) * rstd[j])
                t[j] += g[i, j]


@kernel(nogil=True)
def columns_dx(g, x, dx, w, mean, rstd, dw, db, n, training):
    """With y = (x - mean) * rstd: dx = rstd * w * (g - db / n - y * dw / n) in training, where mean and rstd are those of x, else
    rstd * w * g"""
    rows, c = x.shape
    number = x.dtype.type
    s, t = cleared(np.empty(c)), cleared(np.empty(c))
    for j in range(c):
        s[j], t[j] = dw[j] / number(n) * rstd[j], db[j] / number(n)
    for i in range(rows):
        for j in range(c):
            d = g[i, j]
            if training:
                d = d - number(t[j]) - (x[i, j] - mean[j]) * number(s[j])
            dx[i, j] = rstd[j] * w[j] * d


@kernel
def follow(running_mean, running_var, mean, var, unbiased, momentum):
    """running = (1 - momentum) * running + momentum * new, of mean and of unbiased * var"""
    number = mean.dtype.type
    keep, take, factor = number(1 - momentum), number(momentum), number(unbiased)
    for j in range(mean.size):
        running_mean[j] = running_mean[j] * keep + mean[j] * take
        running_var[j] = running_var[j] * keep + var[j] * factor * take


# ---------------------------------------------------------------------- blocks of rows

#: elements from which on there are several blocks (10**5: sharing costs what it saves), of a block at least, and the most blocks
LARGE, BLOCK, BLOCKS = 1 << 18, 1 << 15, 32


def sums_of(kernel, x, arguments, cost, columns):
    """The two sums (so many columns) of each block of rows of x, in float64, and how many rows a block has; cost: ns an element."""
    n, c = x.shape
    rows = n if x.size < LARGE else -(-n // min(n, BLOCKS, x.size // BLOCK))
    sums = np.empty((-(-n // rows) if n else 1, 2, columns))
    if len(sums) == 1:
        kernel(0, 1, rows, *arguments, sums)
    else:
        team.run_range(kernel, len(sums), (rows, *arguments, sums), cost * rows * c)
    return sums, rows


def added(sums, dtype):
    """The two sums of all blocks, each in memory of its own: they become gradients."""
    first, second = sums[0] if len(sums) == 1 else sums.sum(0)
    return first.astype(dtype), second.astype(dtype)


# ---------------------------------------------------------------------- layer norm, batch norm


def layer_norm(x, w, b, eps):
    """-> (x normalised by rows, means, reciprocal standard deviations)"""
    out, mean, rstd = np.empty_like(x), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    team.run(normalize_rows, (x, out, mean, rstd), (w, b, eps), cost=0.07)
    return out, mean, rstd


def layer_norm_backward(g, x, w, mean, rstd, affine=True):
    """-> gradients of x, and, if `affine`, of w and b"""
    dx = np.empty_like(x)
    sums, _ = sums_of(normalize_rows_backward, x, (g, x, w, mean, rstd, dx), 0.8 if affine else 0.4, x.shape[1] if affine else 0)
    return dx, *(added(sums, w.dtype) if affine else (None, None))


def statistics(x):
    """-> mean and variance (of n, not n - 1) of each column"""
    sums, rows = sums_of(column_statistics, x, (x,), 0.5, x.shape[1])
    means, squares = sums[:, 0], sums[:, 1]
    if len(sums) == 1:
        return means[0].astype(x.dtype), (squares[0] / len(x)).astype(x.dtype)
    counts = np.full((len(sums), 1), rows)
    counts[-1] = len(x) - rows * (len(sums) - 1)
    mean = (means * counts).sum(0) / len(x)  # variances of parts: Chan, Golub, LeVeque 1983
    var = (squares + (means - mean) ** 2 * counts).sum(0) / len(x)
    return mean.astype(x.dtype), var.astype(x.dtype)


def batch_norm(x, w, b, mean, var, eps):
    """x normalised by columns"""
    out = np.empty_like(x)
    team.run(normalize_columns, (x, out), (w, b, mean, reciprocal(var, x.dtype.type(eps))), cost=0.15)
    return out


def batch_norm_backward(g, x, w, mean, var, eps, training):
    """-> gradients of x, w and b; in training the mean and the variance are those of x"""
    dx, rstd = np.empty_like(x), reciprocal(var, x.dtype.type(eps))
    sums, _ = sums_of(column_products, x, (g, x, mean, rstd), 0.4, x.shape[1])
    dw, db = added(sums, w.dtype)
    team.run(columns_dx, (g, x, dx), (w, mean, rstd, dw, db, len(x), training), cost=0.1)
    return dx, dw, db
