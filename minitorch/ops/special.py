"""Elementwise operations that are used less often."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from . import coerce
from .compare import bitwise
from .limits import public_clamp
from .pointwise import namesake, sub
from .samples import Value, binary, calls, unary
from .table import composite, op

PAIR = dict(coerce=coerce.promote, numbers=False)

asinh = namesake("asinh", lambda xp, g, x: g * xp.rsqrt(x * x + 1), "Inverse hyperbolic sine.")
acosh = namesake(
    "acosh", lambda xp, g, x: g * xp.rsqrt(x * x - 1), "Inverse hyperbolic cosine.", low=1.2, high=3.0
)
atanh = namesake("atanh", lambda g, x: g / (1 - x * x), "Inverse hyperbolic tangent.", low=-0.9, high=0.9)
bitwise_left_shift = bitwise("bitwise_left_shift", "x * 2 ** y of integers", refuses=coerce.bools)
bitwise_right_shift = bitwise("bitwise_right_shift", "floor(x / 2 ** y) of integers", refuses=coerce.bools)


@op(
    vjp=dict(x=lambda g, x, out: g * (x / out), y=lambda g, y, out: g * (y / out)),
    torch="hypot",
    samples=binary(low=0.5, scalar=False),
    refuses=coerce.whole_numbers,
    **PAIR,
)
def hypot(xp, x, y):
    """sqrt(x * x + y * y), which does not overflow."""
    return xp.hypot(x, y)


@op(
    vjp=dict(x=lambda xp, g, x, y: g / (1 + xp.exp(y - x)), y=lambda xp, g, x, y: g / (1 + xp.exp(x - y))),
    torch="logaddexp",
    samples=binary(scalar=False),
    inplace=False,
    refuses=coerce.whole_numbers,
    coerce=coerce.promote,
    numbers=False,
)
def logaddexp(xp, x, y):
    """log(exp(x) + exp(y)), computed from the larger so that it does not overflow; of two equal infinities it is that one."""
    apart = xp.where(xp.eq(x, y), 0, xp.abs(x - y))
    return xp.maximum(x, y) + xp.log1p(xp.exp(-apart))


def _chosen(better):
    """The one that was chosen gets the gradient; of two equal ones x."""
    return dict(
        x=lambda xp, g, x, y: xp.where(xp.logical_or(better(xp, x, y), xp.isnan(y)), g, 0),
        y=lambda xp, g, x, y: xp.where(xp.logical_or(better(xp, x, y), xp.isnan(y)), 0, g),
    )


@op(
    vjp=_chosen(lambda xp, x, y: xp.ge(x, y)),
    torch="fmax",
    samples=binary(scalar=False),
    inplace=False,
    **PAIR,
)
def fmax(xp, x, y):
    """The larger of two; the other one if one is NaN."""
    return xp.fmax(x, y)


@op(
    vjp=_chosen(lambda xp, x, y: xp.le(x, y)),
    torch="fmin",
    samples=binary(scalar=False),
    inplace=False,
    **PAIR,
)
def fmin(xp, x, y):
    """The smaller of two; the other one if one is NaN."""
    return xp.fmin(x, y)


def _floating_samples(make):
    return lambda dtype: make(dtype) if dtype.startswith("float") else ()


@op(vjp=dict(x=lambda g: g), torch="frac", samples=_floating_samples(unary()), coerce=coerce.floating)
def frac(xp, x):
    """x - trunc(x)"""
    return x - xp.trunc(x)


@op(
    vjp=dict(x=lambda xp, g, x: xp.where(xp.isfinite(x), g, 0)),
    torch="nan_to_num",
    samples=unary(),
)
def nan_to_num(xp, x, *, nan=0.0, posinf=None, neginf=None):
    """NaN and infinities replaced by numbers: unless told, by 0 and by the largest and smallest of the dtype."""
    if not xp.is_floating(x):
        return xp.clone(x)
    limits = np.finfo(dtypes.OF_RAW[x.dtype].numpy)
    for where, number in (
        (xp.isnan(x), 0.0 if nan is None else nan),
        (xp.eq(x, math.inf), float(limits.max) if posinf is None else posinf),
        (xp.eq(x, -math.inf), float(limits.min) if neginf is None else neginf),
    ):
        x = xp.where(where, number, x)
    return x


def _logit_dx(xp, g, x, eps):
    """Outside of [eps, 1 - eps] it is 0; without eps, outside of [0, 1], NaN."""
    low, high = (0, 1) if eps is None else (eps, 1 - eps)
    inside = xp.logical_and(xp.ge(x, low), xp.le(x, high))
    return xp.where(inside, g / (x * (1 - x)), math.nan if eps is None else 0)


@op(
    vjp=dict(x=_logit_dx),
    torch="logit",
    samples=_floating_samples(unary(low=0.1, high=0.9)),
    coerce=coerce.floating,
)
def logit(xp, x, *, eps=None):
    """log(x / (1 - x)), of x limited to [eps, 1 - eps] if `eps` is given."""
    x = x if eps is None else xp.clamp(x, min=eps, max=1 - eps)
    return xp.log(x / (1 - x))


@composite(torch="clamp_min", samples=unary(min=-0.5))
def clamp_min(xp, x, *, min):
    """x, not below `min` (a number or a tensor)."""
    return public_clamp(x, min=min)


@composite(torch="clamp_max", samples=unary(max=0.5))
def clamp_max(xp, x, *, max):
    """x, not above `max` (a number or a tensor)."""
    return public_clamp(x, max=max)


@composite(
    torch="float_power",
    samples=calls((((3, 4), Value(2)), {}), ((Value(2.0), (3,)), {}), (((3, 1), Value(3)), {})),
    numbers=True,
    coerce=coerce.same,
)
def float_power(xp, x, exponent):
    """x ** exponent in float64."""
    x, exponent = (v.to(dtypes.float64) if isinstance(v, Tensor) else float(v) for v in (x, exponent))
    return xp.pow(x, exponent)


def rsub(input, other, *, alpha=1):
    """other - alpha * input"""
    if not isinstance(input, Tensor):
        raise TypeError(f"rsub(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return sub(other, input, alpha)


def positive(input):
    """The tensor itself. RuntimeError for bools."""
    if input.dtype is dtypes.bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def real(input):
    """The tensor itself: all dtypes here are real."""
    return input


def is_complex(input) -> bool:
    """False: all dtypes here are real."""
    return False
