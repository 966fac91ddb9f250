"""The error function: formulas as in exponential.py, in float64 for results in float32."""

from __future__ import annotations

import math

from .exponential import cubic, exp_wide
from .number import absolute, between, copysign, double, fma, formula, library, single, where

#: where erf is 1, and erfc 0, in float32
ONE_FROM, ZERO_FROM = 3.92, 10.06


def _erf(x):
    """Within 1.5 ulp. NOTE: t * P(t**2) / Q(t**2) is the rational function of XLA's ErfImpl32 (xla/hlo/builder/lib/math.cc)."""
    v = double(x)
    t = between(v, -3.7439211627767994, 3.7439211627767994)
    z = t * t
    w = z * z
    p = cubic(z, w, 1.128379143519084, 0.18520832239976145, 0.050955695062380861, 0.0034082910107109506)
    p = fma(0.00022905065861350646, w * w, p)
    q = cubic(z, w, 1.0, 0.49746925110067538, 0.11098505178285362, 0.014070470171167667)
    q = fma(fma(fma(-1.1791602954361697e-7, z, 0.000023547966471313185), z, 0.0010179625278914885), w * w, q)
    y = single(t * p / q)
    return where(x == x, where(absolute(v) > ONE_FROM, copysign(0.0 * y + 1.0, x), y), math.nan)


def _erfc(x):
    """Within an ulp: (1 + 2v) * exp(v * v) * erfc(v) - 1 is a polynomial in (v - 2) / (v + 2), within 1e-9."""
    v = between(double(absolute(x)), 0.0, ZERO_FROM)
    u = (v - 2.0) / (v + 2.0)
    z = u * u
    w = z * z
    a = cubic(u, z, 0.27697838268064495, -0.09276382106490981, -0.16603052219238107, 0.1640510539176975)
    b = cubic(u, z, -0.054217808313144066, -0.008030989823901798, 0.008708905173852335, 0.0012530499971526473)
    c = cubic(u, z, -0.001420121413075623, -0.0004009229938111237, 0.0001686178902414355, 7.908472533944556e-05)
    p = fma(fma(c, w, b), w, a)
    tail = (p + 1.0) / (v * 2.0 + 1.0) * exp_wide(-v * v)
    return where(x == x, single(where(x < 0.0, 2.0 - tail, tail)), math.nan)


erf, erfc = formula(_erf, library("erf")), formula(_erfc, library("erfc"))
