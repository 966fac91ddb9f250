"""The updates of `minitorch.optim` as kernels: one pass over memory, equal to torch's for-loop bit for bit.

All arrays are one-dimensional, contiguous and of one dtype; the scalars are doubles and are rounded to that dtype,
as torch rounds them.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from .jit import kernel

if numba.config.DISABLE_JIT:

    def fma(a, b, c):
        """`a * b + c`, rounded once (float64: twice)."""
        return type(a)(np.float64(a) * np.float64(b) + np.float64(c))

else:
    from numba.extending import intrinsic

    @intrinsic
    def fma(typing_context, a, b, c):
        """`a * b + c`, rounded once: the processor's instruction."""

        def generate(context, builder, signature, args):
            return builder.fma(*args)

        return a(a, a, a), generate


@kernel
def sgd(p, g, weight_decay, lr, maximize):
    """`p -= lr * (±g + weight_decay * p)`"""
    number = p.dtype.type
    decay, minus_lr = number(weight_decay), number(-lr)
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        if weight_decay != 0:
            x = fma(p[i], decay, x)
        p[i] = fma(x, minus_lr, p[i])


@kernel
def sgd_momentum(p, g, buf, first, weight_decay, momentum, rate, nesterov, lr, maximize):
    """`d = ±g + weight_decay * p; buf = d if first else momentum * buf + rate * d`
    `p -= lr * (d + momentum * buf if nesterov else buf)`"""
    number = p.dtype.type
    decay, minus_lr, mu, new = number(weight_decay), number(-lr), number(momentum), number(rate)
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        if weight_decay != 0:
            x = fma(p[i], decay, x)
        b = x if first else fma(x, new, buf[i] * mu)
        buf[i] = b
        if nesterov:
            b = fma(b, mu, x)
        p[i] = fma(b, minus_lr, p[i])


@kernel
def adam(p, g, m, v, shrink, weight_decay, beta1, beta2, root, eps, step_size, maximize):
    """`p *= shrink; d = ±g + weight_decay * p; m += (1 - beta1) * (d - m); v = beta2 * v + (1 - beta2) * d * d`
    `p -= step_size * m / (sqrt(v) / root + eps)`"""
    number = p.dtype.type
    keep, decay, w1, b2, w2 = (
        number(shrink),
        number(weight_decay),
        number(1 - beta1),
        number(beta2),
        number(1 - beta2),
    )
    r, e, size, near = number(root), number(eps), number(-step_size), abs(w1) < number(0.5)
    c1 = w1 if near else w1 - number(1)
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        q = p[i] * keep
        if weight_decay != 0:
            x = fma(q, decay, x)
        a = fma(c1, x - m[i], m[i] if near else x)
        b = fma(w2 * x, x, v[i] * b2)
        m[i] = a
        v[i] = b
        p[i] = q + size * a / (number(math.sqrt(b)) / r + e)


@kernel
def amsgrad(p, g, m, v, v_max, shrink, weight_decay, beta1, beta2, root, eps, step_size, maximize):
    """`adam` with `v_max = maximum(v_max, v)` in place of v in the last line."""
    number = p.dtype.type
    keep, decay, w1, b2, w2 = (
        number(shrink),
        number(weight_decay),
        number(1 - beta1),
        number(beta2),
        number(1 - beta2),
    )
    r, e, size, near = number(root), number(eps), number(-step_size), abs(w1) < number(0.5)
    c1 = w1 if near else w1 - number(1)
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        q = p[i] * keep
        if weight_decay != 0:
            x = fma(q, decay, x)
        a = fma(c1, x - m[i], m[i] if near else x)
        b = fma(w2 * x, x, v[i] * b2)
        m[i] = a
        v[i] = b
        top = v_max[i]
        top = top if top > b or top != top else b
        v_max[i] = top
        p[i] = q + size * a / (number(math.sqrt(top)) / r + e)


@kernel
def rmsprop(p, g, v, lr, alpha, eps, weight_decay, maximize):
    """`d = ±g + weight_decay * p; v = alpha * v + (1 - alpha) * d * d; p -= lr * d / (sqrt(v) + eps)`"""
    number = p.dtype.type
    decay, a, w, e, minus_lr = (
        number(weight_decay),
        number(alpha),
        number(1 - alpha),
        number(eps),
        number(-lr),
    )
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        if weight_decay != 0:
            x = fma(p[i], decay, x)
        b = fma(w * x, x, v[i] * a)
        v[i] = b
        p[i] = p[i] + minus_lr * x / (number(math.sqrt(b)) + e)


@kernel
def rmsprop_options(
    p, g, v, mean, buf, lr, alpha, eps, weight_decay, momentum, centered, with_momentum, maximize
):
    """`d = ±g + weight_decay * p; v = alpha * v + (1 - alpha) * d * d`
    `mean += (1 - alpha) * (d - mean); s = sqrt(v - mean * mean) + eps`, or not centered `s = sqrt(v) + eps`
    `buf = momentum * buf + d / s; p -= lr * buf`, or without momentum `p -= lr * d / s`"""
    number = p.dtype.type
    decay, a, w, e = number(weight_decay), number(alpha), number(1 - alpha), number(eps)
    mu, minus_lr, near = number(momentum), number(-lr), abs(w) < number(0.5)
    c = w if near else w - number(1)
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        if weight_decay != 0:
            x = fma(p[i], decay, x)
        b = fma(w * x, x, v[i] * a)
        v[i] = b
        if centered:
            h = fma(c, x - mean[i], mean[i] if near else x)
            mean[i] = h
            b = fma(-h, h, b)
        s = number(math.sqrt(b)) + e
        if with_momentum:
            h = buf[i] * mu + x / s
            buf[i] = h
            p[i] = fma(h, minus_lr, p[i])
        else:
            p[i] = p[i] + minus_lr * x / s


@kernel
def adagrad(p, g, total, rate, weight_decay, eps, maximize):
    """`d = ±g + weight_decay * p; total += d * d; p -= rate * d / (sqrt(total) + eps)`"""
    number = p.dtype.type
    decay, minus_rate, e = number(weight_decay), number(-rate), number(eps)
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        if weight_decay != 0:
            x = fma(p[i], decay, x)
        b = fma(x, x, total[i])
        total[i] = b
        p[i] = p[i] + minus_rate * x / (number(math.sqrt(b)) + e)


@kernel
def squares(x):
    """`(x * x).sum()`, in the order of torch's vector_norm: eight partial sums, joined at the end."""
    number = x.dtype.type
    lanes = 32 // x.itemsize
    whole = x.size - x.size % lanes
    sums = np.zeros(lanes, x.dtype)
    for i in range(0, whole, lanes):
        for j in range(lanes):
            sums[j] = fma(x[i + j], x[i + j], sums[j])
    total = sums[0]
    for j in range(1, lanes):
        total = total + sums[j]
    for i in range(whole, x.size):
        total = fma(x[i], x[i], total)
    return number(total)
