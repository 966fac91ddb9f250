"""Functions of an angle, and angles: formulas as in exponential.py, in float64 for results in float32."""

from __future__ import annotations

import math

from .exponential import cubic
from .number import (
    absolute,
    between,
    copysign,
    double,
    floor,
    fma,
    formula,
    is_odd,
    rint,
    signbit,
    single,
    sqrt,
    where,
)

#: pi / 2 and what it is less than that; up to this |x| what remains of x after whole quarters is exact enough
QUARTER, REST, WIDEST = math.pi / 2, 6.123233995736766e-17, 1e9
S1, S2, S3, S4, S5, S6 = ((-1.0) ** n / math.factorial(2 * n + 1) for n in range(1, 7))
C1, C2, C3, C4, C5, C6, C7 = ((-1.0) ** n / math.factorial(2 * n) for n in range(1, 8))


def sine(r):
    """sin(r) for |r| <= pi / 4"""
    z = r * r
    w = z * z
    p = fma(fma(S6, z, S5), w * w, cubic(z, w, S1, S2, S3, S4))
    return fma(p * z, r, r)


def cosine(r):
    """cos(r) for |r| <= pi / 4"""
    z = r * r
    w = z * z
    p = fma(fma(C7, w, fma(C6, z, C5)), w * w, cubic(z, w, C1, C2, C3, C4))
    return fma(p, z, 1.0)


def quarters(x):
    """k and r with x = k * pi / 2 + r, |r| <= pi / 4"""
    v = double(x)
    k = rint(v * (2.0 / math.pi))
    return k, fma(k, -REST, fma(k, -QUARTER, v))


def turned(k, r):
    """sin(r + k * pi / 2)"""
    y = where(is_odd(k), cosine(r), sine(r))
    return where(is_odd(floor(k * 0.5)), -y, y)


def _sin(x):
    y = single(turned(*quarters(x)))
    return where(x == 0.0, copysign(0.0 * y, x), y)


def _cos(x):
    k, r = quarters(x)
    return single(turned(k + 1.0, r))


def _tan(x):
    k, r = quarters(x)
    odd, s, c = is_odd(k), sine(r), cosine(r)
    y = single(where(odd, -c, s) / where(odd, s, c))
    return where(x == 0.0, copysign(0.0 * y, x), y)


# ---------------------------------------------------------------------- angles


def quadrant(y, x):
    """The angle of the point (x, y) of the first quadrant, not (0, 0): that of u < tan(pi / 8) from 0, pi / 4 or pi / 2, which is
    u + u**3 * P(u**2), P within 3e-14."""
    near, far = y < (math.sqrt(2.0) - 1.0) * x, y > (math.sqrt(2.0) + 1.0) * x
    u = where(near, y, where(far, -x, y - x)) / where(near, x, where(far, y, y + x))
    z = u * u
    w = z * z
    a = cubic(z, w, -0.3333333333169579, 0.19999999685394784, -0.14285693583757528, 0.11110449672983766)
    b = cubic(z, w, -0.09079133455530436, 0.07568509700808915, -0.05890944144731701, 0.030892963760340845)
    return fma(fma(b, w * w, a) * z, u, u) + where(near, 0.0 * u, where(far, QUARTER, 0.0 * u + 0.25 * math.pi))


def _atan(x):
    v = between(double(absolute(x)), 0.0, 1e18)
    return where(x == x, copysign(single(quadrant(v, 0.0 * v + 1.0)), x), math.nan)


def asin_half(a):
    """asin(a) if a <= 1/2, else asin(sqrt((1 - a) / 2)), which is half of acos(a), for 0 <= a <= 1: s + s**3 * P(s**2), P within 1e-12"""
    small = a <= 0.5
    z = where(small, a * a, 0.5 - 0.5 * a)
    s = where(small, a, sqrt(z))
    w = z * z
    p = cubic(z, w, 0.16666666626724186, 0.07500005042089387, 0.04464068770811959, 0.03042684262312555)
    q = cubic(z, w, 0.02186300253513368, 0.02065906468687919, 0.0019483935620648873, 0.032941812350407496)
    return fma(fma(q, w * w, p) * z, s, s)


def _asin(x):
    a = double(between(absolute(x), 0.0, 1.0))
    y = asin_half(a)
    y = copysign(single(where(a <= 0.5, y, QUARTER - 2.0 * y)), x)
    return where(absolute(x) <= 1.0, y, x * math.nan)


def _acos(x):
    a = double(between(absolute(x), 0.0, 1.0))
    y = asin_half(a)
    positive = x > 0.0
    y = where(a <= 0.5, QUARTER - where(positive, y, -y), where(positive, 2.0 * y, math.pi - 2.0 * y))
    return where(absolute(x) <= 1.0, single(y), x * math.nan)


def _atan2(y, x):
    a, b = between(double(absolute(y)), 0.0, 1e100), between(double(absolute(x)), 0.0, 1e100)
    nowhere = (a == 0.0) & (b == 0.0)
    t = quadrant(a, where(nowhere, 1.0, b))
    t = copysign(single(where(signbit(x), math.pi - t, t)), y)
    return where((x == x) & (y == y), t, x + y)


sin, cos, tan, asin, acos, atan, atan2 = map(formula, (_sin, _cos, _tan, _asin, _acos, _atan, _atan2))
