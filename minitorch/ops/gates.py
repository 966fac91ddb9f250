"""Activations that are used less often: gates, shrinkages, thresholds."""

from __future__ import annotations

from . import coerce
from .hot import HOT
from .pointwise import sigmoid
from .samples import calls, unary
from .shape import narrow, reshape
from .table import composite, op

FLOATS = dict(samples=unary(low=-5, high=5), coerce=coerce.floats, method=False)


@op(
    vjp=dict(x=lambda xp, g, x: xp.where(xp.le(x, -3), 0, xp.where(xp.lt(x, 3), g * (x / 3 + 0.5), g))),
    torch="nn.functional.hardswish",
    fused=HOT,
    **FLOATS,
)
def hardswish(xp, x):
    """x * min(max(x + 3, 0), 6) / 6. https://arxiv.org/abs/1905.02244"""
    return x * xp.clamp(x + 3, min=0, max=6) / 6


@op(
    vjp=dict(x=lambda xp, g, x: xp.where(xp.logical_and(xp.gt(x, -3), xp.lt(x, 3)), g * (1 / 6), 0)),
    coerce=coerce.floats,
    method=False,
)
def hardsigmoid(xp, x):
    """min(max(x + 3, 0), 6) / 6. (No twin, for torch has no second derivative of it.)"""
    return xp.clamp(x + 3, min=0, max=6) / 6


def _mish_dx(xp, g, x):
    t = xp.tanh(xp.log1p(xp.exp(x)))
    return g * (t + x * xp.sigmoid(x) * (1 - t * t))


@op(vjp=dict(x=_mish_dx), torch="nn.functional.mish", **FLOATS)
def mish(xp, x):
    """x * tanh(log(1 + exp(x))). https://arxiv.org/abs/1908.08681"""
    return x * xp.tanh(xp.log1p(xp.exp(x)))


@composite(torch="nn.functional.selu", samples=FLOATS["samples"], method=False)
def selu(xp, x):
    """1.0507 * elu(x, 1.6733). https://arxiv.org/abs/1706.02515"""
    return xp.elu(x, alpha=1.6732632423543772848170429916717) * 1.0507009873554804934193349852946


@op(
    vjp=dict(x=lambda xp, g, x, alpha: xp.where(xp.gt(x, 0), g, g * xp.exp(x / alpha))),
    torch="nn.functional.celu",
    fused=HOT,
    **FLOATS,
)
def celu(xp, x, *, alpha=1.0):
    """x where positive, else alpha * (exp(x / alpha) - 1). https://arxiv.org/abs/1704.07483"""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return xp.where(xp.gt(x, 0), x, alpha * xp.expm1(x / alpha))


@op(
    vjp=dict(x=lambda xp, g, x, threshold: xp.where(xp.le(x, threshold), 0, g)),
    torch="nn.functional.threshold",
    samples=unary(threshold=0.5, value=1.0),
    coerce=coerce.number,
    refuses=coerce.bools,
    method=False,
)
def threshold(xp, x, *, threshold, value):
    """x where above the threshold, else `value`."""
    return xp.where(xp.le(x, threshold), xp.full_like(x, value), x)


def _outside(xp, x, lambd):
    """Where |x| > lambd, or x is NaN."""
    return xp.logical_not(xp.le(xp.abs(x), lambd))


@op(
    vjp=dict(x=lambda xp, g, x, lambd: xp.where(_outside(xp, x, lambd), g, 0)),
    torch="nn.functional.hardshrink",
    fused=HOT,
    inplace=False,
    **(FLOATS | dict(method=True)),
)
def hardshrink(xp, x, *, lambd=0.5):
    """x where |x| > lambd, else 0."""
    return xp.where(_outside(xp, x, lambd), x, 0)


@op(
    vjp=dict(x=lambda xp, g, x, lambd: xp.where(_outside(xp, x, lambd), g, 0)),
    torch="nn.functional.softshrink",
    fused=HOT,
    inplace=False,
    **FLOATS,
)
def softshrink(xp, x, *, lambd=0.5):
    """x, nearer to 0 by lambd, but not beyond."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return xp.where(_outside(xp, x, lambd), x - xp.sign(x) * lambd, 0)


def glu(input, dim=-1):
    """The first half of a dimension times the sigmoid of the second. https://arxiv.org/abs/1612.08083"""
    if not input.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    n = input.size(dim)
    if n % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {n}")
    if not input.is_floating_point():
        raise coerce.not_implemented(sigmoid.op, input.dtype)
    return narrow(input, dim, 0, n // 2) * sigmoid(narrow(input, dim, n // 2, n // 2))


@op(
    vjp=dict(
        x=lambda xp, g, x, weight: xp.where(xp.gt(x, 0), g, weight * g),
        weight=lambda xp, g, x: xp.where(xp.gt(x, 0), 0, x * g),
    ),
    coerce=coerce.same,
    method=False,
    inplace=False,
    samples=calls((((3, 4), (3, 4)), {}), (((2, 3, 4), (1, 3, 1)), {}), (((5,), ()), {})),
)
def prelu_kernel(xp, x, weight):
    """x where positive, else weight * x."""
    return xp.where(xp.gt(x, 0), x, weight * x)


@composite(
    torch="nn.functional.prelu",
    samples=calls((((2, 3, 4), (3,)), {}), (((2, 3), (1,)), {}), (((5,), (1,)), {}), (((), (1,)), {})),
    inplace=False,
    coerce=coerce.same,
)
def prelu(xp, x, weight):
    """x where positive, else weight * x: one weight for all, or one for each channel (dimension 1)."""
    if not x.is_floating_point():
        raise coerce.not_implemented(prelu.op, x.dtype)
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.numel() not in (1, channels):
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()}, and channel size = "
            f"{channels}."
        )
    if x.ndim not in (1, 2):  # where it isn't as it is what is repeated
        weight = reshape(weight, (1, -1, *[1] * (x.ndim - 2)) if x.ndim else ())
    return xp.prelu_kernel(x, weight)
