"""Cross-entropy of logits x (N, C) and labels (N), one pass over each row."""

from __future__ import annotations

import math

from .jit import kernel


@kernel
def cross_entropy(x, target):
    """-mean(log_softmax(x, 1)[arange(N), target]), the mean accumulated in float64."""
    n, c = x.shape
    total = 0.0
    for i in range(n):
        largest = x[i, 0]
        for j in range(1, c):
            largest = max(largest, x[i, j])
        s = x.dtype.type(0)
        for j in range(c):
            s += math.exp(x[i, j] - largest)
        total += math.log(s) - (x[i, target[i]] - largest)
    return x.dtype.type(total / n)


@kernel
def cross_entropy_backward(g, x, target, dx):
    """dx = (softmax(x, 1) - one_hot(target)) * g / N"""
    n, c = x.shape
    scale = x.dtype.type(g / n)
    for i in range(n):
        largest = x[i, 0]
        for j in range(1, c):
            largest = max(largest, x[i, j])
        s = x.dtype.type(0)
        for j in range(c):
            dx[i, j] = math.exp(x[i, j] - largest)
            s += dx[i, j]
        s = scale / s
        for j in range(c):
            dx[i, j] *= s
        dx[i, target[i]] -= scale
