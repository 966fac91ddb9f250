"""e ** x and its kin: formulas of one number (number.py) for loops of kernels, and for ufuncs.py.

NumPy has loops that take several numbers at once for some functions on some processors, and C's, one by one, for the others (sinh of 10**5
elements with AVX2: 1.6 ms, here 0.2); torch's are those of SLEEF and of Intel. Ours give the same numbers on every processor. What computes in
float32 is within an ulp. What computes in float64 for a result in float32 gives the exact one, rounded, but for one in thousands. What
a `where` leaves out is never infinite or NaN where the result is neither, or NumPy would warn of it; and none gives x itself, or a loop
in place would store the other numbers alone, for which AMD's processors need 40 instructions (exp: 1.05 ns an element instead of 0.75).
Polynomials without a name are Taylor's, or fits of ours. Source: Cody and Waite, Software Manual for the Elementary Functions (1980).
"""

from __future__ import annotations

import math

import numpy as np

from .number import absolute, between, copysign, double, fma, formula, power2, rint, single, where

LN2 = math.log(2.0)
LN2_HIGH = float(np.float32(LN2))
LN2_LOW = LN2 - LN2_HIGH


def cubic(x, z, a, b, c, d):
    """a + b * x + c * x**2 + d * x**3, z = x * x: not one term after the other, or a loop would wait for each."""
    return fma(fma(d, x, c), z, fma(b, x, a))


def expm1_part(r):
    """e ** r - 1 in float32, |r| <= log(2) / 2"""
    p = fma(fma(1.9875691500e-4, r, 1.3981999507e-3), r, 8.3334519073e-3)
    p = fma(fma(fma(p, r, 4.1665795894e-2), r, 0.16666665459), r, 0.5000000120118)
    return fma(p, r * r, r)


def scaled(k, r):
    """2 ** k * e ** r in float32, |r| <= log(2) / 2; 2 ** k itself may be denormal, or above the largest number."""
    p = expm1_part(r)
    half = rint(k * 0.5)
    s = power2(half)
    return fma(s, p, s) * power2(k - half)


def _exp(x):
    """e ** x = 2 ** k * e ** r for the whole k nearest to x / log(2); beyond the limits it is infinite or 0."""
    y = between(x, -104.0, 89.0)
    k = rint(y * (1.0 / LN2))
    return where(x == x, scaled(k, fma(k, -LN2_LOW, fma(k, -LN2_HIGH, y))), math.nan)


def _exp2(x):
    y = between(x, -160.0, 160.0)
    k = rint(y)
    return where(x == x, scaled(k, (y - k) * LN2), math.nan)


# ---------------------------------------------------------------------- in float64, for results in float32

T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13 = (1.0 / math.factorial(n) for n in range(2, 14))


def expm1_small(r):
    """e ** r - 1 for |r| <= log(2) / 2, within 1e-10"""
    z = r * r
    p = fma(cubic(r, z, T6, T7, T8, T9), z * z, cubic(r, z, T2, T3, T4, T5))
    return fma(p, z, r)


def exp_wide(x):
    """e ** x for -700 <= x <= 700"""
    k = rint(x * (1.0 / LN2))
    s = power2(k)
    return fma(s, expm1_small(fma(k, -LN2, x)), s)


def expm1_wide(x):
    """e ** x - 1 for -700 <= x <= 700"""
    k = rint(x * (1.0 / LN2))
    s = power2(k)
    return fma(s, expm1_small(fma(k, -LN2, x)), s - 1.0)


def _expm1(x):
    return where(x == x, copysign(single(expm1_wide(between(double(x), -30.0, 100.0))), x), math.nan)


def _tanh(x):
    """1 - 2 / (e ** 2a + 1) with what rounding takes away from the sum and from the quotient; a polynomial for |x| < 0.55 (Cephes' tanhf)."""
    a = between(absolute(x), 0.0, 9.1)
    k = rint(a * (2.0 / LN2))
    p = expm1_part(fma(k, -LN2_LOW, fma(k, -LN2_HIGH, a + a)))
    s = power2(k)
    whole = s + 1.0
    below = fma(s, p, whole)
    q = 2.0 / below
    rest = fma(-q, below, 2.0) - q * fma(s, p, whole - below)
    t = 1.0 - q
    large = t + ((1.0 - t - q) - 0.5 * q * rest)
    z = a * a
    small = fma(fma(fma(fma(-5.70498872745e-3, z, 2.06390887954e-2), z, -5.37397155531e-2), z, 1.33314422036e-1), z, -3.33332819422e-1)
    return where(x == x, copysign(where(a < 0.55, fma(small * z, a, a), large), x), math.nan)


def _sinh(x):
    e = expm1_wide(between(double(absolute(x)), 0.0, 100.0))
    return where(x == x, copysign(single(0.5 * (e + e / (e + 1.0))), x), math.nan)


def _cosh(x):
    e = exp_wide(between(double(absolute(x)), 0.0, 100.0))
    return where(x == x, single(0.5 * (e + 1.0 / e)), math.nan)


# ---------------------------------------------------------------------- in float64


#: log(2) in two parts, the product of the first with a whole number is exact
LN2_SHORT, LN2_TAIL = 0.6931471803691238, 1.9082149292705877e-10


def _exp_double(x):
    """e ** x within 0.7 ulp: of the sums that matter, what rounding took away is added later."""
    y = between(x, -750.0, 710.0)
    k = rint(y * (1.0 / LN2))
    whole, tail = fma(k, -LN2_SHORT, y), k * LN2_TAIL
    r = whole - tail
    z = r * r
    w = z * z
    p = fma(cubic(r, z, T10, T11, T12, T13), w, cubic(r, z, T6, T7, T8, T9))
    p = fma(p, w, cubic(r, z, T2, T3, T4, T5))
    t = 1.0 + r
    y = t + ((1.0 - t + r) + fma(z, p, whole - r - tail))
    half = rint(k * 0.5)
    return where(x == x, y * power2(half) * power2(k - half), math.nan)


exp = formula(_exp, _exp_double)
sigmoid = formula(lambda x: 1.0 / (1.0 + _exp(-x)), lambda x: 1.0 / (1.0 + _exp_double(-x)))
exp2, expm1, tanh, sinh, cosh = map(formula, (_exp2, _expm1, _tanh, _sinh, _cosh))
