"""Elementwise operations of three: limits, and sums of products."""

from __future__ import annotations

from .. import dtypes
from ..tensor import Tensor
from . import coerce
from .pointwise import to_dtype
from .samples import Floats, Value, calls, unary
from .table import op


def _clamp_dx(xp, g, x, min, max):
    if min is None:
        inside = xp.le(x, max)
    elif max is None:
        inside = xp.ge(x, min)
    else:
        inside = xp.logical_and(xp.ge(x, min), xp.le(x, max))
    return xp.where(inside, g, 0)


@op(vjp=dict(x=_clamp_dx), torch="clamp", samples=unary(min=-0.5, max=1.0))
def clamp(xp, x, *, min=None, max=None):
    """x limited to [min, max]; the gradient passes at the edges too."""
    return xp.clamp(x, min=min, max=max)


def _bools_between_two(op, given):
    if len(given) == 3:
        coerce.bools(op, given)


@op(
    vjp=dict(
        x=_clamp_dx,
        min=lambda xp, g, x, min, max: xp.where(_below(xp, x, min, max), g, 0),
        max=lambda xp, g, x, min, max: xp.where(_above(xp, x, min, max), g, 0),
    ),
    torch="clamp",
    samples=calls((((3, 4), (3, 4), (4,)), {}), (((3, 4), None, (4,)), {}), (((3, 4), (), None), {})),
    coerce=coerce.given,
    refuses=_bools_between_two,
    optional=("min", "max"),
    numbers=True,
    method=False,
    inplace=False,
)
def clamp_between(xp, x, min, max):
    """x limited by tensors, one of which may be None; where min > max the result is max."""
    return xp.clamp(x, min=min, max=max)


def _below(xp, x, min, max):
    return xp.lt(x, min) if max is None else xp.logical_and(xp.lt(x, min), xp.lt(min, max))


def _above(xp, x, min, max):
    return xp.gt(x, max) if min is None else xp.logical_or(xp.gt(x, max), xp.lt(max, min))


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
    coerce=lambda row, x, end, weight: _lerp_operands(row, x, end, weight),
    numbers=True,
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


def _lerp_operands(row, x, end, weight):
    for i, t in enumerate((x, end)):
        if not isinstance(t, Tensor):
            raise coerce.not_a_tensor(row, i, t)
    return coerce.promote(row, x, end, weight)


@op(
    vjp=dict(
        x=lambda g: g,
        tensor1=lambda g, tensor2, value: g * (tensor2 * value),
        tensor2=lambda g, tensor1, value: g * (tensor1 * value),
    ),
    torch="addcmul",
    coerce=coerce.promote,
    numbers=False,
    refuses=coerce.bools,
    samples=calls((((3, 4), (3, 4), (4,)), dict(value=2)), (((), (), ()), {})),
)
def addcmul(xp, x, tensor1, tensor2, *, value=1):
    """x + value * tensor1 * tensor2"""
    product = xp.mul(tensor1, tensor2)
    if value != 1:
        product = product * (value if xp.is_floating(product) else int(value))  # as torch: a fraction is cut off
    return xp.add(x, product)


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
    numbers=False,
    refuses=_no_whole_division,
    samples=calls((((3, 4), (3, 4), Floats((4,), 0.5, 2.0)), dict(value=0.5))),
)
def addcdiv(xp, x, tensor1, tensor2, *, value=1):
    """x + value * tensor1 / tensor2"""
    return xp.add(x, value * xp.div(tensor1, tensor2))
