"""Logarithms, what is made of them, and powers: formulas as in exponential.py."""

from __future__ import annotations

import math

import numpy as np

from .exponential import LN2, cubic, exp_wide
from .number import (
    absolute,
    between,
    copysign,
    double,
    floor,
    fma,
    formula,
    is_odd,
    library,
    power2,
    signbit,
    single,
    split,
    sqrt,
    where,
)

#: the smallest normal float32 and the largest
SMALLEST, LARGEST = 2.0**-126, float(np.finfo(np.float32).max)


def log_rest(f):
    """log(1 + f) - f in float32, sqrt(1/2) <= 1 + f <= sqrt(2): f**3 * P(f) - f**2 / 2, P within 6e-9"""
    z = f * f
    p = fma(fma(fma(-0.07859545868967208, f, 0.1288162239615282), f, -0.13128767632431146), f, 0.1418119611349662)
    p = fma(fma(fma(fma(p, f, -0.16624553144380755), f, 0.20002286084073304), f, -0.2500081042804941), f, 0.3333331672746398)
    return fma(f * z, p, -0.5 * z)


def parts(x):
    """x as the sum of two float32"""
    high = float(np.float32(x))
    return high, x - high


# 1 and log(2), to the base of the logarithm, each in two parts
NATURAL = (*parts(1.0), *parts(LN2))
BINARY = (*parts(1.0 / LN2), *parts(1.0))
DECIMAL = (*parts(1.0 / math.log(10.0)), *parts(math.log10(2.0)))


def log_sum(k, f, rest, base):
    """k * log(2) + f + rest, to the base"""
    one, one_low, two, two_low = base
    return fma(k, two, fma(f, one, fma(rest, one, fma(f, one_low, k * two_low))))


def split_any(x):
    """Whether x is a positive, finite float32; and k and m of it as from `split`, also of a denormal one, or of 1 if it is none."""
    inside = (x > 0.0) & (x <= LARGEST)
    v = where(inside, x, 1.0)
    tiny = v < SMALLEST
    k, m = split(where(tiny, v * 2.0**24, v))
    return inside, where(tiny, k - 24.0, k), m


def _log(x, base):
    inside, k, m = split_any(x)
    f = m - 1.0
    y = log_sum(k, f, log_rest(f), base)
    y = where(inside, y, where(x == 0.0, -math.inf, x * math.nan))
    return where(x == math.inf, math.inf, y)


def _log1p(x):
    """log(1 + x), with what 1 + x loses of x"""
    inside = (x > -1.0) & (x <= LARGEST)
    v = where(inside, x, 1.0)
    y = 1.0 + v
    k, m = split(y)
    exact = k == 0.0
    f = where(exact, v, m - 1.0)
    lost = where(v > 1.0, 1.0 - (y - v), v - (y - 1.0))
    rest = log_rest(f)
    y = log_sum(k, f, where(exact, rest, rest + lost / y), NATURAL)
    y = where(inside, y, where(x == -1.0, -math.inf, x * math.nan))
    return copysign(where(x == math.inf, math.inf, y), x)


# ---------------------------------------------------------------------- in float64, for results in float32


def log_wide(k, f):
    """log(2 ** k * (1 + f)): f**3 * P(f) + f - f**2 / 2 + k * log(2), P within 2e-11"""
    z = f * f
    w = z * z
    a = cubic(f, z, 0.3333333397941934, -0.24999997893112624, 0.19999902762059285, -0.1666678421112101)
    b = cubic(f, z, 0.14290409182433678, -0.12500381571177874, 0.11013118751707317, -0.09898778806271692)
    c = fma(0.05533513086970738, z, fma(-0.09976142489175674, f, 0.09975352742233184))
    return fma(k, LN2, fma(f * z, fma(fma(c, w, b), w, a), fma(-0.5, z, f)))


def log1p_wide(x):
    """log(1 + x), also where 1 + x loses digits of x or is twice the largest float32"""
    y = 1.0 + x
    k = double(split(single(0.5 * y))[0]) + 1.0
    return log_wide(k, where(k == 0.0, x, fma(y, power2(-k), -1.0)))


def _asinh(x):
    v = double(between(absolute(x), 0.0, LARGEST))
    y = single(log1p_wide(v + v * v / (1.0 + sqrt(v * v + 1.0))))
    return copysign(where(absolute(x) <= LARGEST, y, where(x == x, math.inf, math.nan * y)), x)


def _acosh(x):
    t = double(between(x, 1.0, LARGEST)) - 1.0
    y = single(log1p_wide(t + sqrt(t * (t + 2.0))))
    return where(x == math.inf, math.inf, where(x >= 1.0, y, x * math.nan))


def _atanh(x):
    a = absolute(x)
    t = double(where(a < 1.0, a, 0.5))
    y = single(0.5 * log1p_wide(2.0 * t / (1.0 - t)))
    return copysign(where(a < 1.0, y, where(a == 1.0, math.inf, x * math.nan)), x)


def _pow(x, y):
    a, b = absolute(x), double(y)
    inside, k, m = split_any(a)
    log = log_wide(double(k), double(m) - 1.0)
    log = where(inside, log, where(a == 0.0, -1e300, log + 1e300))
    p = single(exp_wide(between(b * log, -300.0, 300.0)))
    whole = floor(b) == b
    odd = whole & is_odd(b)
    p = where(whole | (x >= 0.0) | (a == math.inf), p, x * math.nan)
    p = where(odd & signbit(x), -p, p)
    p = where((x == x) & (y == y), p, x + y)
    return where((x == 1.0) | (y == 0.0) | ((x == -1.0) & (absolute(y) == math.inf)), 1.0, p)


log, log1p = formula(lambda x: _log(x, NATURAL), library("log")), formula(_log1p, library("log1p"))
log2, log10 = formula(lambda x: _log(x, BINARY)), formula(lambda x: _log(x, DECIMAL))
asinh, acosh, atanh, pow = map(formula, (_asinh, _acosh, _atanh, _pow))
