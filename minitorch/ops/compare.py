"""Comparison, logic on elements and bits, and the choice between elements."""

from __future__ import annotations

from .. import dtypes
from ..printing import type_name
from ..tensor import Tensor
from . import coerce
from .pointwise import BINARY, abs, isfinite, isnan, one_line
from .samples import binary, unary
from .table import op

# ---------------------------------------------------------------------- choosing


def _share(better):
    """Where the two are equal each gets half of the gradient, as torch does."""

    def rule(xp, g, x, y):
        return xp.where(xp.eq(x, y), g * 0.5, xp.where(better(xp, x, y), g, 0))

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
        x=lambda xp, g, condition: xp.where(condition, g, 0),
        y=lambda xp, g, condition: xp.where(condition, 0, g),
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


def _compare(name, doc):
    block = one_line(name, f"xp.{name}(x, y)", doc)
    return op(torch=name, coerce=coerce.tensor_first, samples=binary(), one_call=True)(block)


def _logical(name, doc):
    block = one_line(name, f"xp.{name}(x, y)", doc)
    return op(torch=name, coerce=coerce.promote, samples=binary(scalar=False), numbers=False, one_call=True)(block)


eq, ne = _compare("eq", "x == y"), _compare("ne", "x != y")
lt, le = _compare("lt", "x < y"), _compare("le", "x <= y")
gt, ge = _compare("gt", "x > y"), _compare("ge", "x >= y")
logical_and = _logical("logical_and", "Both are non-zero.")
logical_or = _logical("logical_or", "One is non-zero.")
logical_xor = _logical("logical_xor", "Exactly one is non-zero.")


def bitwise(name, doc, **options):
    def whole_numbers(dtype):
        return binary()(dtype) if not dtype.startswith("float") else ()

    block = one_line(name, f"xp.{name}(x, y)", doc)
    return op(torch=name, samples=whole_numbers, coerce=coerce.integers, numbers=True, one_call=True, **options)(block)


bitwise_and = bitwise("bitwise_and", "x & y, bit by bit; on bools the logical and")
bitwise_or = bitwise("bitwise_or", "x | y, bit by bit; on bools the logical or")
bitwise_xor = bitwise("bitwise_xor", "x ^ y, bit by bit; on bools the exclusive or")
bitwise_not = op(
    torch="bitwise_not",
    one_call=True,
    coerce=coerce.integer,
    samples=lambda dtype: () if dtype.startswith("float") else unary()(dtype),
)(one_line("bitwise_not", "xp.bitwise_not(x)", "~x, bit by bit; on bools the logical not"))


def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """|x - y| <= atol + rtol * |y|, elementwise."""
    for i, (name, value) in enumerate(dict(input=input, other=other).items()):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"isclose(): argument '{name}' (position {i + 1}) must be Tensor, not {type(value).__name__}"
            )
    for name, value in dict(rtol=rtol, atol=atol).items():
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
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
