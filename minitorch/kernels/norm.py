"""Normalisation of C-contiguous arrays (N, C): by row (layer norm) and by column (batch norm).

Means and variances are accumulated in float64 in two passes, as exact as torch's; the rest is in the array's type.
"""

from __future__ import annotations

import math

import numpy as np

from .jit import kernel

# ---------------------------------------------------------------------- rows


@kernel(inner=True)
def zeros(n):
    """np.zeros(n), compiled in half the time"""
    out = np.empty(n, np.float64)
    for i in range(n):
        out[i] = 0.0
    return out


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
    """With y = (x - mean) * rstd: dx = rstd * (g * w - (g * w).mean(1) - y * (g * w * y).mean(1)), dw = (g * y).sum(0),
    db = g.sum(0)"""
    n, c = x.shape
    g_sums, gd_sums = zeros(c), zeros(c)
    for i in range(n):
        m, r = mean[i], rstd[i]
        s, t = products(g[i], w, x[i], m)
        s, t = x.dtype.type(s / c), x.dtype.type(t / c) * r * r
        for j in range(c):
            d = x[i, j] - m
            dx[i, j] = r * (g[i, j] * w[j] - s - d * t)
            gd_sums[j] += g[i, j] * d * r
            g_sums[j] += g[i, j]
    for j in range(c):
        dw[j], db[j] = gd_sums[j], g_sums[j]


# ---------------------------------------------------------------------- columns


@kernel
def column_statistics(x, mean, var):
    """mean, var = x.mean(0), x.var(0)"""
    n, c = x.shape
    s, t = zeros(c), zeros(c)
    for i in range(n):
        for j in range(c):
            s[j] += x[i, j]
    for j in range(c):
        s[j] /= n
    for i in range(n):
        for j in range(c):
            d = x[i, j] - s[j]
            t[j] += d * d
    for j in range(c):
        mean[j], var[j] = s[j], t[j] / n


@kernel
def reciprocal(var, eps):
    """1 / sqrt(var + eps)"""
    rstd = np.empty(var.size, var.dtype)
    for j in range(var.size):
        rstd[j] = var.dtype.type(1) / math.sqrt(var[j] + eps)
    return rstd


@kernel
def normalize_columns(x, w, b, mean, var, eps, out):
    """out = (x - mean) / sqrt(var + eps) * w + b"""
    rstd = reciprocal(var, eps)
    n, c = x.shape
    for i in range(n):
        for j in range(c):
            out[i, j] = (x[i, j] - mean[j]) * rstd[j] * w[j] + b[j]


@kernel
def normalize_columns_backward(g, x, w, mean, var, eps, training, dx, dw, db):
    """With y = (x - mean) * rstd, rstd = 1 / sqrt(var + eps): dw = (g * y).sum(0), db = g.sum(0), and
    dx = rstd * w * (g - db / n - y * dw / n) in training, where mean and var are those of x, else rstd * w * g"""
    rstd = reciprocal(var, eps)
    n, c = x.shape
    s, t = zeros(c), zeros(c)
    for i in range(n):
        for j in range(c):
            s[j] += g[i, j] * ((x[i, j] - mean[j]) * rstd[j])
            t[j] += g[i, j]
    number = x.dtype.type
    for j in range(c):
        dw[j], db[j] = s[j], t[j]
        s[j], t[j] = dw[j] / number(n) * rstd[j], db[j] / number(n)
    for i in range(n):
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


# ---------------------------------------------------------------------- layer norm, batch norm


def layer_norm(x, w, b, eps):
    """-> (x normalised by rows, means, reciprocal standard deviations)"""
    out, mean, rstd = np.empty_like(x), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    normalize_rows(x, w, b, eps, mean, rstd, out)
    return out, mean, rstd


def layer_norm_backward(g, x, w, mean, rstd):
    """-> gradients of x, w and b"""
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty_like(w)
    normalize_rows_backward(g, x, w, mean, rstd, dx, dw, db)
    return dx, dw, db


def statistics(x):
    """-> mean and variance (of n, not n - 1) of each column"""
    mean, var = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    column_statistics(x, mean, var)
    return mean, var


def batch_norm(x, w, b, mean, var, eps):
    """x normalised by columns"""
    out = np.empty_like(x)
    normalize_columns(x, w, b, mean, var, x.dtype.type(eps), out)
    return out


def batch_norm_backward(g, x, w, mean, var, eps, training):
    """-> gradients of x, w and b; in training the mean and the variance are those of x"""
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty_like(w)
    normalize_columns_backward(g, x, w, mean, var, x.dtype.type(eps), training, dx, dw, db)
    return dx, dw, db
