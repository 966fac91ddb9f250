"""The updates of `minitorch.optim` as kernels: one pass over memory, equal to torch's for-loop bit for bit.

A kernel is the `update` of the optimizer of its name (`minitorch.optim.adam.update` ...), which is its documentation: the
same arguments, the same result. All arrays are one-dimensional, contiguous and of one dtype; the numbers are doubles and
are rounded to that dtype, as torch rounds them. For an array that is None, Numba compiles a loop without its lines.
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


@kernel(nogil=True)
def sgd(p, g, buf, first, lr, momentum, rate, weight_decay, nesterov, maximize):
    number = p.dtype.type
    decay, minus_lr, mu, new = number(weight_decay), number(-lr), number(momentum), number(rate)
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        if weight_decay != 0:
            x = fma(p[i], decay, x)
        if buf is not None:
            b = x if first else fma(x, new, buf[i] * mu)
            buf[i] = b
            x = fma(b, mu, x) if nesterov else b
        p[i] = fma(x, minus_lr, p[i])


@kernel(nogil=True)
def adam(p, g, m, v, v_max, size, root, beta1, beta2, eps, weight_decay, shrink, maximize):
    number = p.dtype.type
    keep, decay, b2, w2 = number(shrink), number(weight_decay), number(beta2), number(1 - beta2)
    r, e, minus_size, w1 = number(root), number(eps), number(-size), number(1 - beta1)
    near = abs(w1) < number(0.5)
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
        if v_max is not None:
            top = v_max[i]
            b = top if top > b or top != top else b
            v_max[i] = b
        p[i] = q + minus_size * a / (number(math.sqrt(b)) / r + e)


@kernel(nogil=True)
def rmsprop(p, g, v, buf, mean, lr, alpha, eps, weight_decay, momentum, maximize):
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
        if mean is not None:
            h = fma(c, x - mean[i], mean[i] if near else x)
            mean[i] = h
            b = fma(-h, h, b)
        s = number(math.sqrt(b)) + e
        if buf is None:
            p[i] = p[i] + minus_lr * x / s
        else:
            h = buf[i] * mu + x / s
            buf[i] = h
            p[i] = fma(h, minus_lr, p[i])


@kernel(nogil=True)
def adagrad(p, g, total, rate, eps, weight_decay, maximize):
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
def norm(x):
    """`sqrt((x * x).sum())`, added as torch's vector_norm does: in 8 (float64: 4) partial sums, joined at the end."""
    number = x.dtype.type
    a = b = c = d = e = f = g = h = number(0)
    lanes = 32 // x.itemsize
    whole = x.size - x.size % lanes
    for i in range(0, whole, lanes):
        a = fma(x[i], x[i], a)
        b = fma(x[i + 1], x[i + 1], b)
        c = fma(x[i + 2], x[i + 2], c)
        d = fma(x[i + 3], x[i + 3], d)
        if lanes == 8:
            e = fma(x[i + 4], x[i + 4], e)
            f = fma(x[i + 5], x[i + 5], f)
            g = fma(x[i + 6], x[i + 6], g)
            h = fma(x[i + 7], x[i + 7], h)
    total = a + b + c + d + e + f + g + h
    for i in range(whole, x.size):
        total = fma(x[i], x[i], total)
    return number(math.sqrt(total))
