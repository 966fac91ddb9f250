"""Division with a remainder, and `hypot`: formulas as in exponential.py. NumPy asks the C library for every element (3 to 17 ns); a loop
of these vectorises (0.5 ns). Where the quotient has more digits than the type, or is none, the library is asked, too: `RARELY`.
"""

from __future__ import annotations

import math

import numpy as np

from .jit import kernel
from .number import absolute, copysign, double, floor, fma, formula, single, sqrt, trunc, where


def opposite(r, y):
    """Whether one of them is negative, the other positive, of y that is not 0."""
    return where(y < 0.0, r > 0.0, r < 0.0)


def _fmod(x, y):
    """x - y * trunc(x / y) with the sign of x

    NOTE: where x / y is rounded up to a whole number, the remainder has the wrong sign, and is y from the true one. Both are
    multiples of y's last digit and not larger than y, so neither the fma nor the sum rounds.
    """
    r = fma(-trunc(x / y), y, x)
    return copysign(where(opposite(r, x), r + copysign(y, x), r), x)


def _remainder(x, y):
    """x - y * floor(x / y): fmod(x, y), and y more where that has not the sign of y"""
    r = _fmod(x, y)
    return where(opposite(r, y), r + y, r)


def _floor_divide(x, y):
    """floor(x / y) of the exact quotient: it is rounded up to a whole number where y times that is more than x."""
    q = floor(x / y)
    return where(opposite(fma(-q, y, x), y), q - 1.0, q)


def _hypot(x, y):
    """sqrt(x * x + y * y) of float32; squares of them neither overflow nor round in float64"""
    a, b, infinite = double(x), double(y), (absolute(x) == math.inf) | (absolute(y) == math.inf)
    return where(infinite, math.inf, single(sqrt(a * a + b * b)))


fmod, remainder, floor_divide = (formula(f, f) for f in (_fmod, _remainder, _floor_divide))
hypot = formula(_hypot)


# ---------------------------------------------------------------------- as torch does it, one by one

ONE, HALF = np.float32(1), np.float32(0.5)


@kernel(inner=True)
def any_remainder(x, y):
    r = np.fmod(x, y)
    return r + y if (r != 0) & ((r < 0) != (y < 0)) else r


@kernel(inner=True)
def any_floor_divide(x, y):
    """x / y where y is 0"""
    r = np.fmod(x, y)
    q = (x - r) / y  # whole, but for rounding
    q = q - ONE if (r != 0) & ((r < 0) != (y < 0)) else q
    whole = np.floor(q)
    whole = whole + ONE if q - whole > HALF else whole
    whole = math.copysign(whole, x / y) if q == 0 else whole
    return x / y if y == 0 else whole


RARELY = dict(fmod=np.fmod, remainder=any_remainder, floor_divide=any_floor_divide)

#: when the formulas are exact: the quotient is off by less than one
USUAL = "(abs(x[i] / y[i]) < most) & (abs(y[i]) < infinite)"
MOST = {"float32": np.float32(1 << 23), "float64": np.float64(1 << 52)}
