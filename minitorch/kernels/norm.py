"""Normalisation of C-contiguous arrays (N, C): by row (layer norm) and by column (batch norm).

Means and variances are accumulated in float64 in two passes, as exact as torch's; the rest is in the array's type.
"""

from __future__ import annotations

import math

import numpy as np

from .jit import kernel

# ---------------------------------------------------------------------- rows


@kernel(reorder=True)
def total(row):
    """sum(row), in float64"""
    s = 0.0
    for j in range(row.size):
        s += row[j]
    return s


@kernel(reorder=True)
def squares(row, mean):
    """sum((row - mean)**2), in float64"""
    s = 0.0
    for j in range(row.size):
        d = row[j] - mean
        s += d * d
    return s


@kernel(reorder=True)
def products(g, w, row, mean):
    """sum(g * w), sum(g * w * (row - mean)), in float64"""
    s, t = 0.0, 0.0
    for j in range(row.size):
        gw = g[j] * w[j]
        s += gw
        t += gw * (row[j] - mean)
    return s, t


@kernel
def normalize_rows(x, w, b, eps, mean, rstd, out):
    """mean = x.mean(1), rstd = 1 / sqrt(x.var(1) + eps), out = (x - mean) * rstd * w + b"""
    n, c = x.shape
    for i in range(n):
        m = x.dtype.type(total(x[i]) / c)
        r = x.dtype.type(1 / math.sqrt(squares(x[i], m) / c + eps))
        mean[i], rstd[i] = m, r
        for j in range(c):
            out[i, j] = (x[i, j] - m) * r * w[j] + b[j]


@kernel
def normalize_rows_backward(g, x, w, mean, rstd, dx, dw, db):
    """With y = (x - mean) * rstd: dx = rstd * (g * w - (g * w).mean(1) - y * (g * w * y).mean(1)), dw += (g * y).sum(0),
    db += g.sum(0)"""
    n, c = x.shape
    for i in range(n):
        m, r = mean[i], rstd[i]
        s, t = products(g[i], w, x[i], m)
        s, t = x.dtype.type(s / c), x.dtype.type(t / c) * r * r
        for j in range(c):
            d = x[i, j] - m
            dx[i, j] = r * (g[i, j] * w[j] - s - d * t)
            dw[j] += g[i, j] * d * r
            db[j] += g[i, j]


# ---------------------------------------------------------------------- columns


@kernel
def column_statistics(x, mean, var):
    """mean, var = x.mean(0), x.var(0); both start as zeros"""
    n, c = x.shape
    for i in range(n):
        for j in range(c):
            mean[j] += x[i, j]
    for j in range(c):
        mean[j] /= n
    for i in range(n):
        for j in range(c):
            d = x[i, j] - mean[j]
            var[j] += d * d
    for j in range(c):
        var[j] /= n


@kernel
def normalize_columns(x, w, b, mean, rstd, out):
    """out = (x - mean) * rstd * w + b"""
    n, c = x.shape
    for i in range(n):
        for j in range(c):
            out[i, j] = (x[i, j] - mean[j]) * rstd[j] * w[j] + b[j]


@kernel
def column_products(g, x, mean, rstd, dw, db):
    """dw = (g * (x - mean) * rstd).sum(0), db = g.sum(0); both start as zeros"""
    n, c = x.shape
    for i in range(n):
        for j in range(c):
            dw[j] += g[i, j] * ((x[i, j] - mean[j]) * rstd[j])
            db[j] += g[i, j]


@kernel
def normalize_columns_backward(g, x, w, mean, rstd, dw, db, dx):
    """With y = (x - mean) * rstd and dw, db the means of g * y and g: dx = rstd * w * (g - db - y * dw)"""
    n, c = x.shape
    for i in range(n):
        for j in range(c):
            y = (x[i, j] - mean[j]) * rstd[j]
            dx[i, j] = rstd[j] * w[j] * (g[i, j] - db[j] - y * dw[j])


# ---------------------------------------------------------------------- layer norm, batch norm


def layer_norm(x, w, b, eps):
    """-> (x normalised by rows, means, reciprocal standard deviations)"""
    out = np.empty_like(x)
    mean, rstd = np.empty((2, len(x)), x.dtype)
    normalize_rows(x, w, b, eps, mean, rstd, out)
    return out, mean, rstd


def layer_norm_backward(g, x, w, mean, rstd):
    """-> gradients of x, w and b"""
    dx = np.empty_like(x)
    dw, db = np.zeros((2, x.shape[1]))
    normalize_rows_backward(g, x, w, mean, rstd, dx, dw, db)
    return dx, dw.astype(x.dtype), db.astype(x.dtype)


def statistics(x):
    """-> mean and variance (of n, not n - 1) of each column"""
    mean, var = np.zeros((2, x.shape[1]))
    column_statistics(x, mean, var)
    return mean.astype(x.dtype), var.astype(x.dtype)


def batch_norm(x, w, b, mean, var, eps):
    """x normalised by columns"""
    out = np.empty_like(x)
    normalize_columns(x, w, b, mean, 1 / np.sqrt(var + x.dtype.type(eps)), out)
    return out


def batch_norm_backward(g, x, w, mean, var, eps, training):
    """-> gradients of x, w and b; in training the mean and the variance are those of x"""
    rstd = 1 / np.sqrt(var + x.dtype.type(eps))
    sums = np.zeros((2, x.shape[1]))
    column_products(g, x, mean, rstd, *sums)
    dw, db = sums.astype(x.dtype)
    if not training:
        return g * (w * rstd), dw, db
    dx, n = np.empty_like(x), x.dtype.type(len(x))
    normalize_columns_backward(g, x, w, mean, rstd, dw / n, db / n, dx)
    return dx, dw, db
