"""Elementwise arithmetic and functions of one number: one block each, value and derivative together."""

from __future__ import annotations

import math
import re

from .. import dtypes
from ..kernels.fuse import one_loop
from ..out import into
from ..printing import type_name
from . import coerce
from .generated import compiled
from .samples import binary, unary
from .table import op

# ---------------------------------------------------------------------- arithmetic

BINARY = dict(coerce=coerce.promote, one_call=True)
NUMBER = dict(coerce=coerce.number, refuses=coerce.bools)
NO_BOOLS = dict(coerce=coerce.promote, refuses=coerce.bools)


def _times(xp, y, alpha):
    """alpha * y in y's own type."""
    if hasattr(y, "dtype") and not xp.is_floating(y):
        if type(alpha) is float:
            raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
        alpha = xp.full((), alpha, dtype=dtypes.OF_RAW[y.dtype])
    return y * alpha


@op(vjp=dict(x=lambda g: g, y=lambda g, alpha: g if alpha == 1 else g * alpha), torch="add", samples=binary(), **BINARY)
def add(xp, x, y, *, alpha=1):
    """x + alpha * y"""
    return xp.add(x, y if alpha == 1 else _times(xp, y, alpha))


def _no_bool(row, given):
    if dtypes.bool in given:
        both = len(set(given)) == 1
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
            if both
            else "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
            "`~` or `logical_not()` operator instead."
        )


@op(vjp=dict(x=lambda g: g, y=lambda g, alpha: -g if alpha == 1 else g * -alpha), torch="sub", samples=binary(), refuses=_no_bool, **BINARY)
def sub(xp, x, y, *, alpha=1):
    """x - alpha * y"""
    return xp.sub(x, y if alpha == 1 else _times(xp, y, alpha))


@op(vjp=dict(x=lambda g, y: g * y, y=lambda g, x: g * x), torch="mul", samples=binary(), **BINARY)
def mul(xp, x, y):
    """x * y"""
    return xp.mul(x, y)


@op(
    vjp=dict(x=lambda g, y: g / y, y=lambda g, x, y: -g * ((x / y) / y)),
    torch="div", samples=binary(low2=0.5), coerce=coerce.promote_floating, one_call=True,
)  # fmt: skip
def true_divide(xp, x, y):
    """x / y; integers become floating."""
    return xp.div(x, y)


@op(
    vjp=dict(x=lambda xp, g: xp.zeros_like(g), y=lambda xp, g: xp.zeros_like(g)),
    coerce=coerce.promote,
    refuses=coerce.bools,
    method=False,
    inplace=False,
)
def rounded_divide(xp, x, y, *, mode):
    """x / y rounded down (mode "floor") or towards zero ("trunc")."""
    if mode == "floor":
        return xp.floor_divide(x, y)
    out = xp.div(x, y)
    if xp.is_floating(x if hasattr(x, "dtype") else y):
        return xp.trunc(out)
    down = xp.floor_divide(x, y)  # of integers, exactly
    return xp.where(xp.logical_and(xp.lt(out, 0), xp.ne(down * y, x)), down + 1, down)


def div(input, other, *, rounding_mode=None, out=None):
    """x / y; `rounding_mode` "floor" or "trunc" rounds down or towards zero."""
    if rounding_mode is None:
        return true_divide(input, other, out)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    result = rounded_divide(input, other, rounding_mode)
    return result if out is None else into("div", out, result)


@op(
    vjp=dict(x=lambda g: g, y=lambda xp, g, x, y: -g * xp.floor_divide(x, y)),
    torch="remainder",
    samples=binary(low2=0.5, high2=3),
    **NO_BOOLS,
)
def remainder(xp, x, y):
    """x - y * floor(x / y): the sign is y's, as in Python."""
    return xp.remainder(x, y)


@op(
    vjp=dict(x=lambda g: g, y=lambda xp, g, x, y: -g * xp.trunc(x / y)),
    torch="fmod",
    samples=binary(low2=0.5, high2=3),
    coerce=coerce.tensor_first,
    refuses=coerce.bools,
)
def fmod(xp, x, y):
    """x - y * trunc(x / y): the sign is x's, as in C."""
    return xp.fmod(x, y)


def _pow_dx(xp, g, x, y):
    # y == 0 has gradient 0, also at x == 0 where x ** -1 is infinite
    if isinstance(y, (int, float)):
        return g * 0 if y == 0 else g * (y * xp.pow(x, y - 1))
    return xp.where(xp.eq(y, 0), 0, g * (y * xp.pow(x, y - 1)))


def _pow_dy(xp, g, x, y, out):
    # d/dy 0 ** y is 0 for y >= 0, where log gives 0 * -inf
    if isinstance(x, (int, float)):
        return (
            xp.where(xp.ge(y, 0), 0, g * out * -math.inf) if x == 0 else g * out * _log(xp, x)
        )
    return xp.where(xp.logical_and(xp.eq(x, 0), xp.ge(y, 0)), 0, g * (out * xp.log(x)))


def _log(xp, x):
    return math.log(x) if x > 0 else math.nan


@op(
    vjp=dict(x=_pow_dx, y=_pow_dy),
    torch="pow",
    samples=binary(low=0.3, high=2.0),
    names=dict(y="exponent"),
    coerce=coerce.powers,
    refuses=coerce.bools,
)
def pow(xp, x, y):
    """x ** y"""
    if type(y) is bool:
        return xp.logical_or(x, not y)
    try:
        return xp.pow(x, y)
    except ValueError:  # NumPy refuses negative powers of integers, which torch rounds towards 0
        if xp.is_floating(x):
            raise
        whole = xp.pow(x, xp.maximum(y, 0))
        unit = xp.where(xp.eq(xp.remainder(y, 2), 0), xp.mul(x, x), x)
        return xp.where(xp.lt(y, 0), xp.where(xp.eq(xp.mul(x, x), 1), unit, xp.zeros_like(unit)), whole)


@op(
    vjp=dict(x=lambda g: -g),
    torch="neg",
    samples=unary(),
    one_call=True,
    refuses=coerce.bools_saying(
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
        "`logical_not()` operator instead."
    ),
)
def neg(xp, x):
    """-x"""
    return xp.neg(x)


@op(vjp=dict(x=lambda xp, g, x: g * xp.sign(x)), torch="abs", samples=unary(), one_call=True, **NUMBER)
def abs(xp, x):
    """|x|; the derivative at 0 is 0."""
    return xp.abs(x)


@op(vjp=dict(x=lambda xp, g: xp.zeros_like(g)), torch="sign", samples=unary())
def sign(xp, x):
    """-1, 0 or 1"""
    return xp.sign(x)


@op(vjp=dict(x=lambda g, out: -g * (out * out)), torch="reciprocal", samples=unary(low=0.5), coerce=coerce.floating)
def reciprocal(xp, x):
    """1 / x"""
    return xp.reciprocal(x)


@op(
    vjp=dict(x=lambda g, x: g * (2 * x)), torch="square", samples=unary(), one_call=True,
    coerce=lambda row, x: coerce.one(row, to_dtype(x, dtypes.int64) if x.dtype is dtypes.bool else x),
)  # fmt: skip
def square(xp, x):
    """x * x"""
    return xp.mul(x, x)


def one_line(name, formula, doc, *, plain=False):
    """The block of an op that has nothing else to say than one call of `x`, or `x` and `y`: the front does that itself. `plain`:
    no other way is faster, whatever the size."""
    second = ", y" if re.search(r"\by\b", formula) else ""
    forward = compiled(name, [f"def {name}(xp, x{second}):", f"return {formula}"], __name__=__name__)
    forward.formula, forward.plain, forward.__doc__ = formula, plain, doc
    return forward


def namesake(name, rule, doc, *, low=-2.0, high=2.0, hot=False, **options):
    """Declares an op that is one function of the namespace. `hot`: every network calls its rule, which is compiled at the first use."""
    return op(
        vjp=None if rule is None else dict(x=rule),
        torch=name,
        samples=unary(low, high),
        fused=(None, one_loop(rule)) if hot else None,
        **(dict(coerce=coerce.floating) | options),
    )(one_line(name, f"xp.{name}(x)", doc))


floor_divide = op(torch="floor_divide", samples=binary(low2=0.5, high2=3), **NO_BOOLS)(
    one_line("floor_divide", "xp.floor_divide(x, y)", "floor(x / y)")
)
sqrt = namesake("sqrt", lambda g, out: g / (2 * out), "Square root.", low=0.1)
rsqrt = namesake("rsqrt", lambda g, out: g * (-0.5 * (out * out * out)), "1 / sqrt(x)", low=0.1)
exp = namesake("exp", lambda g, out: g * out, "e ** x")
exp2 = namesake("exp2", lambda g, out: g * (out * math.log(2)), "2 ** x")
expm1 = namesake("expm1", lambda g, out: g * (out + 1), "e ** x - 1, exact near 0")
log = namesake("log", lambda g, x: g / x, "Natural logarithm.", low=0.1)
log2 = namesake("log2", lambda g, x: g / (x * math.log(2)), "Logarithm to base 2.", low=0.1)
log10 = namesake("log10", lambda g, x: g / (x * math.log(10)), "Logarithm to base 10.", low=0.1)
log1p = namesake("log1p", lambda g, x: g / (x + 1), "log(1 + x), exact near 0", low=-0.8)
sin = namesake("sin", lambda xp, g, x: g * xp.cos(x), "Sine of x in radians.")
cos = namesake("cos", lambda xp, g, x: g * -xp.sin(x), "Cosine of x in radians.")
tan = namesake("tan", lambda g, out: g * (1 + out * out), "Tangent of x in radians.", low=-1, high=1)
asin = namesake("asin", lambda xp, g, x: g * xp.rsqrt(1 - x * x), "Arc sine.", low=-0.9, high=0.9)
acos = namesake("acos", lambda xp, g, x: g * -xp.rsqrt(1 - x * x), "Arc cosine.", low=-0.9, high=0.9)
atan = namesake("atan", lambda g, x: g / (x * x + 1), "Arc tangent.")
sinh = namesake("sinh", lambda xp, g, x: g * xp.cosh(x), "Hyperbolic sine.")
cosh = namesake("cosh", lambda xp, g, x: g * xp.sinh(x), "Hyperbolic cosine.")
tanh = namesake("tanh", lambda g, out: g * (1 - out * out), "Hyperbolic tangent.", low=-3, high=3, hot=True)
sigmoid = namesake("sigmoid", lambda g, out: g * ((1 - out) * out), "1 / (1 + exp(-x))", low=-4, high=4, hot=True)
erf = namesake("erf", lambda xp, g, x: g * (2 / math.sqrt(math.pi) * xp.exp(-(x * x))), "Error function.")
erfc = namesake("erfc", lambda xp, g, x: g * (-2 / math.sqrt(math.pi) * xp.exp(-(x * x))), "1 - erf(x)")
_zero = lambda xp, g: xp.zeros_like(g)
floor = namesake("floor", _zero, "The largest integer not above x.", one_call=True, **NUMBER)
ceil = namesake("ceil", _zero, "The smallest integer not below x.", one_call=True, **NUMBER)
trunc = namesake("trunc", _zero, "x without its fraction.", one_call=True, **NUMBER)
isnan = namesake("isnan", None, "Which elements are NaN.", coerce=coerce.one, out=False, one_call=True)
isinf = namesake("isinf", None, "Which elements are infinite.", coerce=coerce.one, out=False, one_call=True)
isfinite = namesake("isfinite", None, "Which elements are neither infinite nor NaN.", coerce=coerce.one, out=False, one_call=True)
logical_not = namesake("logical_not", None, "Which elements are zero.", coerce=coerce.one)


@op(vjp=dict(x=_zero), torch="round", samples=unary(), **NUMBER)
def round(xp, x, *, decimals=0):
    """To the nearest integer (ties to even), or to `decimals` places."""
    if decimals and not xp.is_floating(x):
        raise NotImplementedError(f"\"round_cpu\" not implemented for '{type_name(dtypes.OF_RAW[x.dtype])}' with decimals")
    return xp.round(x, decimals=decimals)


@op(
    vjp=dict(
        x=lambda xp, g, y, x: g / (x * x + y * y) * y,
        y=lambda xp, g, x, y: g / (x * x + y * y) * -x,
    ),
    torch="atan2",
    samples=binary(low=0.3, scalar=False),
    coerce=coerce.promote_floating,
    numbers=False,
)
def atan2(xp, x, y):
    """The angle of the point (y, x), in radians."""
    return xp.atan2(x, y)


# ---------------------------------------------------------------------- types


@op(vjp=dict(x=lambda g: g), inplace=False, method=False)
def to_dtype(xp, x, *, dtype):
    """The values as another type; the gradient comes back in the old one (the engine casts it)."""
    return xp.astype(x, dtype)


@op(vjp=dict(x=lambda g: g), torch="clone", samples=unary(), inplace=False, out=False)
def clone(xp, x, *, memory_format=None):
    """A copy."""
    return xp.clone(x)
