"""The error function of NumPy arrays, which NumPy has not. float32 by polynomials, in operations that can be fused; other
types by the C library, one element after the other.

The polynomials are minimax fits in float64, rounded. Largest errors found on 10**7 numbers: erf 1.5 ulp, erfc 5.1 ulp (where it
is a normal number); torch's: 0.7 and 0.8.
"""

from __future__ import annotations

import math

import numpy as np

_erf, _erfc = np.frompyfunc(math.erf, 1, 1), np.frompyfunc(math.erfc, 1, 1)

#: erf(x) / x - 1 in x * x, to EDGE; log(erfc(x)) / x + 1 in x, from there
EDGE = 0.9277
NEAR = (-5.9597020e-4, 4.9871127e-3, -2.6762519e-2, 0.11281705, -0.37612483, 0.12837915)
FAR = (-1.1231225e-5, 3.2280307e-4, -3.6424559e-3, 2.3762057e-2, -0.10623687, -0.63515133, -0.12864849)

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
    if x.dtype != np.float32:
        return np.asarray(_erf(x)).astype(x.dtype)
    size = np.abs(x)
    far = 1 - np.exp(polynomial(size, FAR) * size - size)
    near = polynomial(x * x, NEAR) * x + x
    return np.where(size > EDGE, np.where(x < 0, -far, far), near)


def erfc(x):
    """1 - erf(x), exact where that is small."""
    if x.dtype != np.float32:
        return np.asarray(_erfc(x)).astype(x.dtype)
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
