"""Elementwise operations: one block each, value and derivative together."""

from __future__ import annotations

import math

from .. import dtypes
from ..kernels.fuse import one_loop
from ..out import into
from ..printing import type_name
from ..tensor import Tensor
from . import coerce
from .samples import Floats, Value, binary, calls, unary
from .table import op

# ---------------------------------------------------------------------- arithmetic

BINARY = dict(coerce=coerce.promote)
NUMBER = dict(coerce=coerce.number, refuses=coerce.bools)
NO_BOOLS = dict(coerce=coerce.promote, refuses=coerce.bools)


@op(
    vjp=dict(x=lambda g: g, y=lambda g, alpha: g if alpha == 1 else g * alpha),
    torch="add",
    samples=binary(),
    **BINARY,
)
def add(xp, x, y, *, alpha=1):
    """x + alpha * y"""
    return xp.add(x, y if alpha == 1 else xp.mul(y, alpha))


def _no_bool(row, given):
    if dtypes.bool in given:
        both = len(set(given)) == 1
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
            if both
            else "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
            "`~` or `logical_not()` operator instead."
        )


@op(
    vjp=dict(x=lambda g: g, y=lambda g, alpha: -g if alpha == 1 else g * -alpha),
    torch="sub",
    samples=binary(),
    refuses=_no_bool,
    **BINARY,
)
def sub(xp, x, y, *, alpha=1):
    """x - alpha * y"""
    return xp.sub(x, y if alpha == 1 else xp.mul(y, alpha))


@op(vjp=dict(x=lambda g, y: g * y, y=lambda g, x: g * x), torch="mul", samples=binary(), **BINARY)
def mul(xp, x, y):
    """x * y"""
    return xp.mul(x, y)


@op(
    vjp=dict(x=lambda g, y: g / y, y=lambda g, x, y: -g * ((x / y) / y)),
    torch="div",
    samples=binary(low2=0.5),
    coerce=coerce.promote_floating,
)
def true_divide(xp, x, y):
    """x / y; integers become floating."""
    return xp.div(x, y)


@op(torch="floor_divide", samples=binary(low2=0.5, high2=3), **NO_BOOLS)
def floor_divide(xp, x, y):
    """floor(x / y)"""
    return xp.floor_divide(x, y)


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
    **NO_BOOLS,
)
def fmod(xp, x, y):
    """x - y * trunc(x / y): the sign is x's, as in C."""
    return xp.fmod(x, y)


def _pow_dx(xp, g, x, y):
    # y == 0 has gradient 0, also at x == 0 where x ** -1 is infinite
    if isinstance(y, (int, float)):
        return g * 0 if y == 0 else g * (y * xp.pow(x, y - 1))
    return xp.where(xp.eq(y, 0), xp.zeros_like(g), g * (y * xp.pow(x, y - 1)))


def _pow_dy(xp, g, x, y, out):
    # d/dy 0 ** y is 0 for y >= 0, where log gives 0 * -inf
    if isinstance(x, (int, float)):
        return (
            xp.where(xp.ge(y, 0), xp.zeros_like(g), g * out * -math.inf) if x == 0 else g * out * _log(xp, x)
        )
    return xp.where(xp.logical_and(xp.eq(x, 0), xp.ge(y, 0)), xp.zeros_like(g), g * (out * xp.log(x)))


def _log(xp, x):
    return math.log(x) if x > 0 else math.nan


@op(
    vjp=dict(x=_pow_dx, y=_pow_dy),
    torch="pow",
    samples=binary(low=0.3, high=2.0),
    names=dict(y="exponent"),
    **NO_BOOLS,
)
def pow(xp, x, y):
    """x ** y. Unlike torch: a bool tensor to the power True or False is refused as any other power of bools is."""
    return xp.pow(x, y)


@op(
    vjp=dict(x=lambda g: -g),
    torch="neg",
    samples=unary(),
    refuses=coerce.bools_saying(
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
        "`logical_not()` operator instead."
    ),
)
def neg(xp, x):
    """-x"""
    return xp.neg(x)


@op(vjp=dict(x=lambda xp, g, x: g * xp.sign(x)), torch="abs", samples=unary(), **NUMBER)
def abs(xp, x):
    """|x|; the derivative at 0 is 0."""
    return xp.abs(x)


@op(vjp=dict(x=lambda xp, g: xp.zeros_like(g)), torch="sign", samples=unary())
def sign(xp, x):
    """-1, 0 or 1"""
    return xp.sign(x)


@op(
    vjp=dict(x=lambda g, out: -g * (out * out)),
    torch="reciprocal",
    samples=unary(low=0.5),
    coerce=coerce.floating,
)
def reciprocal(xp, x):
    """1 / x"""
    return xp.reciprocal(x)


@op(
    vjp=dict(x=lambda g, x: g * (2 * x)),
    torch="square",
    samples=unary(),
    coerce=lambda row, x: coerce.one(row, to_dtype(x, dtypes.int64) if x.dtype is dtypes.bool else x),
)
def square(xp, x):
    """x * x"""
    return xp.mul(x, x)


def namesake(name, rule, doc, *, low=-2.0, high=2.0, hot=False, **options):
    """Declares an op that is one call of the namespace: its block has nothing else to say. `hot`: every network calls its rule, which
    is compiled at the first use."""

    def forward(xp, x):
        return getattr(xp, name)(x)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    return op(
        vjp=None if rule is None else dict(x=rule),
        torch=name,
        samples=unary(low, high),
        fused=(None, one_loop(rule)) if hot else None,
        **(dict(coerce=coerce.floating) | options),
    )(forward)


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
floor = namesake("floor", _zero, "The largest integer not above x.", **NUMBER)
ceil = namesake("ceil", _zero, "The smallest integer not below x.", **NUMBER)
trunc = namesake("trunc", _zero, "x without its fraction.", **NUMBER)
isnan = namesake("isnan", None, "Which elements are NaN.", coerce=coerce.one, out=False)
isinf = namesake("isinf", None, "Which elements are infinite.", coerce=coerce.one, out=False)
isfinite = namesake("isfinite", None, "Which elements are neither infinite nor NaN.", coerce=coerce.one, out=False)
logical_not = namesake("logical_not", None, "Which elements are zero.", coerce=coerce.one)


@op(vjp=dict(x=_zero), torch="round", samples=unary(), **NUMBER)
def round(xp, x, *, decimals=0):
    """To the nearest integer (ties to even), or to `decimals` places."""
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


# ---------------------------------------------------------------------- choosing


def _share(better):
    """Where the two are equal each gets half of the gradient, as torch does."""

    def rule(xp, g, x, y):
        return g * xp.where(
            xp.eq(x, y), xp.full_like(g, 0.5), xp.where(better(xp, x, y), xp.ones_like(g), xp.zeros_like(g))
        )

    return rule


@op(
    vjp=dict(x=_share(lambda xp, x, y: xp.gt(x, y)), y=_share(lambda xp, x, y: xp.lt(x, y))),
    torch="maximum",
    samples=binary(scalar=False),
    numbers=False,
    **BINARY,
)
def maximum(xp, x, y):
    """The larger of two, NaN if either is."""
    return xp.maximum(x, y)


@op(
    vjp=dict(x=_share(lambda xp, x, y: xp.lt(x, y)), y=_share(lambda xp, x, y: xp.gt(x, y))),
    torch="minimum",
    samples=binary(scalar=False),
    numbers=False,
    **BINARY,
)
def minimum(xp, x, y):
    """The smaller of two, NaN if either is."""
    return xp.minimum(x, y)


def _where_samples(dtype):
    from .samples import Sample, array, rng

    r = rng()
    for shape in ((3, 4), (), (0, 2)):
        yield Sample((array(r, shape, "bool"), array(r, shape, dtype), array(r, shape, dtype)))
    yield Sample((array(r, (3, 1), "bool"), array(r, (4,), dtype), array(r, (4, 3), dtype).T))


def _promote_but_first(row, condition, x, y):
    if isinstance(condition, Tensor) and condition.dtype not in (dtypes.bool, dtypes.uint8):
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {type_name(condition.dtype)}"
        )
    xp, *xs = coerce.promote(row, x, y)
    return (xp, coerce.same(row, condition)[1], *xs)


@op(
    vjp=dict(
        x=lambda xp, g, condition: xp.where(condition, g, xp.zeros_like(g)),
        y=lambda xp, g, condition: xp.where(condition, xp.zeros_like(g), g),
    ),
    torch="where",
    samples=_where_samples,
    coerce=_promote_but_first,
    numbers=True,
    method=False,
    inplace=False,
)
def where(xp, condition, x, y):
    """x where the condition holds, else y."""
    return xp.where(condition, x, y)


# ---------------------------------------------------------------------- comparison and logic


def _compare(name, doc, **options):
    def forward(xp, x, y):
        return getattr(xp, name)(x, y)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    return op(torch=name, coerce=coerce.promote, **(dict(samples=binary()) | options))(forward)


eq = _compare("eq", "x == y")
ne = _compare("ne", "x != y")
lt = _compare("lt", "x < y")
le = _compare("le", "x <= y")
gt = _compare("gt", "x > y")
ge = _compare("ge", "x >= y")
TENSORS = dict(samples=binary(scalar=False), numbers=False)
logical_and = _compare("logical_and", "Both are non-zero.", **TENSORS)
logical_or = _compare("logical_or", "One is non-zero.", **TENSORS)
logical_xor = _compare("logical_xor", "Exactly one is non-zero.", **TENSORS)


def bitwise(name, doc, **options):
    def forward(xp, x, y):
        return getattr(xp, name)(x, y)

    def whole_numbers(dtype):
        return binary()(dtype) if dtype not in ("float32", "float64", "float16") else ()

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    return op(torch=name, samples=whole_numbers, coerce=_integers, numbers=True, **options)(forward)


def _integers(row, *xs):
    xp, *arrays = coerce.promote(row, *xs)
    if any(getattr(a, "dtype", None) is not None and xp.is_floating(a) for a in arrays):
        raise NotImplementedError(f"\"{row.name}_cpu\" not implemented for 'Float'")
    return xp, *arrays


bitwise_and = bitwise("bitwise_and", "x & y, bit by bit; on bools the logical and")
bitwise_or = bitwise("bitwise_or", "x | y, bit by bit; on bools the logical or")
bitwise_xor = bitwise("bitwise_xor", "x ^ y, bit by bit; on bools the exclusive or")


@op(
    torch="bitwise_not",
    coerce=_integers,
    samples=lambda dtype: () if dtype.startswith("float") else unary()(dtype),
)
def bitwise_not(xp, x):
    """~x, bit by bit; on bools the logical not."""
    return xp.bitwise_not(x)


def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """|x - y| <= atol + rtol * |y|, elementwise."""
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{type_name(input.dtype)} did not match {type_name(other.dtype)}")
    if input.dtype is dtypes.bool:
        return eq(input, other)
    close = eq(input, other) | (
        isfinite(input) & isfinite(other) & (abs(input - other) <= atol + rtol * abs(other))
    )
    return close | (isnan(input) & isnan(other)) if equal_nan else close


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close (`isclose`)."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def equal(input, other):
    """Whether shape and all elements are the same."""
    if not isinstance(other, Tensor):
        raise TypeError(f"equal(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    return input.shape == other.shape and bool(eq(input, other).all())


# ---------------------------------------------------------------------- composites


def _clamp_dx(xp, g, x, min, max):
    inside = xp.ones_like(x)
    if min is not None:
        inside = xp.where(xp.lt(x, min), xp.zeros_like(x), inside)
    if max is not None:
        inside = xp.where(xp.gt(x, max), xp.zeros_like(x), inside)
    return g * inside


@op(vjp=dict(x=_clamp_dx), torch="clamp", samples=unary(min=-0.5, max=1.0))
def clamp(xp, x, *, min=None, max=None):
    """x limited to [min, max]; the gradient passes at the edges too."""
    return xp.clamp(x, min=min, max=max)


def _with_bounds(row, *xs):
    xp, *arrays = coerce.promote(row, *[x for x in xs if x is not None])
    given = iter(arrays)
    return (xp, *[None if x is None else next(given) for x in xs])


@op(
    vjp=dict(
        x=_clamp_dx,
        min=lambda xp, g, x, min, max: g * _below(xp, x, min, max),
        max=lambda xp, g, x, min, max: g * _above(xp, x, min, max),
    ),
    torch="clamp",
    samples=calls((((3, 4), (3, 4), (4,)), {}), (((3, 4), None, (4,)), {}), (((3, 4), (), None), {})),
    coerce=_with_bounds,
    optional=("min", "max"),
    numbers=True,
    method=False,
    inplace=False,
)
def clamp_between(xp, x, min, max):
    """x limited by tensors, one of which may be None; where min > max the result is max."""
    return xp.clamp(x, min=min, max=max)


def _below(xp, x, min, max):
    holds = xp.lt(x, min) if max is None else xp.logical_and(xp.lt(x, min), xp.lt(min, max))
    return xp.where(holds, xp.ones_like(x), xp.zeros_like(x))


def _above(xp, x, min, max):
    holds = xp.gt(x, max) if min is None else xp.logical_or(xp.gt(x, max), xp.lt(max, min))
    return xp.where(holds, xp.ones_like(x), xp.zeros_like(x))


def public_clamp(input, min=None, max=None):
    """x limited to [min, max]: numbers or tensors, one of which may be left out."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        return clamp_between(input, min, max)
    if not input.is_floating_point() and any(isinstance(v, float) for v in (min, max)):
        input = to_dtype(input, dtypes.get_default_dtype())
    return clamp(input, min, max)


clamp.op.public_front = public_clamp


@op(
    vjp=dict(
        x=lambda g, weight: g * (1 - weight),
        end=lambda g, weight: g * weight,
        weight=lambda g, x, end: g * (end - x),
    ),
    torch="lerp",
    coerce=coerce.promote,
    refuses=coerce.whole_numbers,
    samples=calls(
        (((3, 4), (3, 4), Value(0.3)), {}), (((3, 4), (4,), (3, 4)), {}), (((), (), Value(0.7)), {})
    ),
)
def lerp(xp, x, end, weight):
    """x + weight * (end - x), computed from the nearer end as torch does."""
    if isinstance(weight, (int, float)):
        return x + weight * (end - x) if weight < 0.5 else end - (end - x) * (1 - weight)
    return xp.where(xp.lt(xp.abs(weight), 0.5), x + weight * (end - x), end - (end - x) * (1 - weight))


@op(
    vjp=dict(
        x=lambda g: g,
        tensor1=lambda g, tensor2, value: g * (tensor2 * value),
        tensor2=lambda g, tensor1, value: g * (tensor1 * value),
    ),
    torch="addcmul",
    coerce=coerce.promote,
    refuses=coerce.bools,
    samples=calls((((3, 4), (3, 4), (4,)), dict(value=2)), (((), (), ()), {})),
)
def addcmul(xp, x, tensor1, tensor2, *, value=1):
    """x + value * tensor1 * tensor2"""
    product = xp.mul(tensor1, tensor2)
    return xp.add(x, product if value == 1 else product * value)


def _no_whole_division(row, given):
    if not any(d.is_floating_point for d in given):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported: it would be a true division. Convert with .float() first, or "
            "use input + value * torch.trunc(tensor1 / tensor2)."
        )


@op(
    vjp=dict(
        x=lambda g: g,
        tensor1=lambda g, tensor2, value: g * (value / tensor2),
        tensor2=lambda g, tensor1, tensor2, value: -g * (value * tensor1 / (tensor2 * tensor2)),
    ),
    torch="addcdiv",
    coerce=coerce.promote,
    refuses=_no_whole_division,
    samples=calls((((3, 4), (3, 4), Floats((4,), 0.5, 2.0)), dict(value=0.5))),
)
def addcdiv(xp, x, tensor1, tensor2, *, value=1):
    """x + value * tensor1 / tensor2"""
    return xp.add(x, value * xp.div(tensor1, tensor2))


# ---------------------------------------------------------------------- types


@op(vjp=dict(x=lambda g: g), inplace=False, method=False)
def to_dtype(xp, x, *, dtype):
    """The values as another type; the gradient comes back in the old one (the engine casts it)."""
    return xp.astype(x, dtype)


@op(vjp=dict(x=lambda g: g), torch="clone", samples=unary(), inplace=False, out=False)
def clone(xp, x, *, memory_format=None):
    """A copy."""
    return xp.clone(x)
