"""The error function: formulas as in exponential.py."""

from __future__ import annotations

import math

from .exponential import cubic, exp_wide
from .number import absolute, between, copysign, double, fma, formula, library, single, where

#: where erf is 1, and erfc 0, in float32
ONE_FROM, ZERO_FROM = 3.93, 10.06


def _erf(x):
    """Within an ulp: x * (1 + a polynomial in x**2) near 0, else 1 - (a polynomial in |x| - 1)**2. NOTE: the first polynomial is Norbert
    Juffa's (stackoverflow.com/q/35148198); with a division of two in float64 it took twice the time."""
    t = absolute(x)
    t = where(t < ONE_FROM, t, ONE_FROM)
    z, u = t * t, t - 1.0
    p = fma(fma(fma(-5.96761703e-4, z, 4.99119423e-3), z, -2.67681349e-2), z, 1.12819925e-1)
    small = fma(fma(fma(p, z, -3.76125336e-1), z, 1.28379166e-1), t, t)
    p = fma(fma(fma(6.584588473e-06, u, -9.934070531e-05), u, 0.0005848185766), u, -0.001448584003)
    p = fma(fma(fma(fma(p, u, -0.0001318769968), u, 0.007294719918), u, -0.002319693898), u, -0.04735696207)
    p = fma(fma(fma(fma(p, u, 0.06051040241), u, 0.1780642356), u, -0.5233199721), u, 0.3966096396)
    return where(x == x, copysign(where(t > 0.927734375, fma(-p, p, 1.0), small), x), math.nan)


def _erfc(x):
    """Within an ulp, computed in float64: (1 + 2v) * exp(v * v) * erfc(v) - 1 is a polynomial in (v - 2) / (v + 2), within 1e-9."""
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
