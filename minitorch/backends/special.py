"""The error function of NumPy arrays, which NumPy has not: by kernels. erfc of float32 by polynomials, in operations that can be
fused: minimax fits in float64, rounded. Its largest error found on 10**7 numbers, where it is normal: 5.1 ulp (torch's 0.8).
"""

from __future__ import annotations

import numpy as np

from .. import kernels

#: (1 + 2x) * exp(x * x) * erfc(x) - 1 in (x - 2) / (x + 2), to the x whose erfc is 0
LAST = 10.06
COMPLEMENT = (-4.0057316e-4, -1.2299202e-3, 1.3135230e-3, 8.6316755e-3, -8.0598770e-3)
COMPLEMENT += (-5.4204296e-2, 0.16405535, -0.16603142, -9.2763983e-2, 0.27697840)


def polynomial(x, coefficients):
    """coefficients[0] * x ** n + ... + coefficients[n]"""
    first, second, *rest = coefficients
    out = x * first + second
    for c in rest:
        out = out * x + c
    return out


def erf(x):
    """2 / sqrt(pi) * the integral of exp(-t * t) from 0 to x"""
    return _kernel(kernels.activation.erf, x)


def _kernel(kernel, x):
    single = x if x.dtype.itemsize >= 4 else x.astype(np.float32)
    out = np.empty(x.shape, single.dtype)
    kernel(single.ravel(), out.ravel())
    return out.astype(x.dtype, copy=False)


def erfc(x):
    """1 - erf(x), exact where that is small."""
    if x.dtype != np.float32:
        return _kernel(kernels.activation.erfc, x)
    size = np.abs(x)
    ratio = (polynomial((size - 2) / (size + 2), COMPLEMENT) + 1) / (size * 2 + 1)
    high = size * 4097  # the upper half of size's digits, whose square is exact ...
    high = high - (high - size)
    low = size - high
    squared = size * size
    rest = (high * high - squared) + high * low * 2 + low * low  # ... so size ** 2 is squared + rest
    gauss = np.exp(-squared)
    tail = np.where(size > LAST, 0.0, ratio * (gauss - gauss * rest))
    return np.where(x < 0, 2 - tail, tail)
