"""Activation functions: elementwise, smooth or with a kink (where torch's subgradient is kept)."""

from __future__ import annotations

import math
from functools import partial

from ..backends import numpy as NUMPY
from ..kernels.fuse import one_loop
from . import coerce
from .hot import HOT
from .samples import calls, unary
from .table import composite, op


def _mask(xp, g, condition):
    return xp.where(condition, g, 0)


def _relu_dx(xp, g, out):
    return _mask(xp, g, xp.gt(out, 0))


@op(
    vjp=dict(x=_relu_dx),
    fused=(None, one_loop(partial(_relu_dx, NUMPY))),
    torch="relu",
    coerce=coerce.number,
    refuses=coerce.bools_saying("Boolean inputs not supported for relu"),
    samples=unary(),
    out=False,
)
def relu(xp, x):
    """max(x, 0); the derivative at 0 is 0."""
    return xp.maximum(x, 0)  # NaN stays NaN


@op(
    vjp=dict(x=lambda xp, g, x, negative_slope: xp.where(xp.gt(x, 0), g, g * negative_slope)),
    torch="nn.functional.leaky_relu",
    coerce=coerce.floats,
    samples=unary(),
    method=False,
)
def leaky_relu(xp, x, *, negative_slope=0.01):
    """x where positive, else negative_slope * x."""
    return xp.where(xp.gt(x, 0), x, x * negative_slope)


@op(
    vjp=dict(x=lambda xp, g, x, alpha: xp.where(xp.gt(x, 0), g, g * (alpha * xp.exp(x)))),
    torch="nn.functional.elu",
    fused=HOT,
    coerce=coerce.floats,
    samples=unary(),
    method=False,
)
def elu(xp, x, *, alpha=1.0):
    """x where positive, else alpha * (exp(x) - 1)."""
    return xp.where(xp.gt(x, 0), x, alpha * xp.expm1(x))


def _gelu_dx(xp, g, x, approximate):
    if approximate == "none":
        density = xp.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
        return g * (0.5 * (1 + xp.erf(x * math.sqrt(0.5))) + x * density)
    t, du = xp.tanh(_gelu_inner(x)), math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * (x * x))
    return g * (0.5 * (1 + t) + 0.5 * x * ((1 - t * t) * du))


def _gelu_inner(x):
    return math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))


@op(
    vjp=dict(x=_gelu_dx),
    fused=HOT,
    torch="nn.functional.gelu",
    coerce=coerce.floats,
    method=False,
    samples=calls((((3, 4),), {}), (((3, 4),), dict(approximate="tanh")), (((),), {}), (((0, 3),), {})),
)
def gelu(xp, x, *, approximate="none"):
    """x * Phi(x) with the normal distribution function Phi, or its tanh approximation. https://arxiv.org/abs/1606.08415"""
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, but got {approximate!r}")
    if approximate == "none":
        return x * 0.5 * (1 + xp.erf(x * math.sqrt(0.5)))
    return 0.5 * x * (1 + xp.tanh(_gelu_inner(x)))


def _silu_dx(xp, g, x):
    s = xp.sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


@op(vjp=dict(x=_silu_dx), fused=HOT, torch="nn.functional.silu", coerce=coerce.floats, samples=unary(), method=False)
def silu(xp, x):
    """x * sigmoid(x)"""
    return x * xp.sigmoid(x)


@op(
    vjp=dict(
        x=lambda xp, g, x, beta, threshold: xp.where(xp.gt(x * beta, threshold), g, g * xp.sigmoid(x * beta))
    ),
    torch="nn.functional.softplus",
    fused=HOT,
    coerce=coerce.floats,
    samples=calls((((3, 4),), {}), (((3, 4),), dict(beta=2, threshold=1)), (((),), {})),
    method=False,
)
def softplus(xp, x, *, beta=1.0, threshold=20.0):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""
    return xp.where(xp.gt(x * beta, threshold), x, xp.log1p(xp.exp(x * beta)) / beta)


@op(
    vjp=dict(
        x=lambda xp, g, x, min_val, max_val: _mask(
            xp, g, xp.logical_and(xp.gt(x, min_val), xp.lt(x, max_val))
        )
    ),
    torch="nn.functional.hardtanh",
    coerce=coerce.number,
    refuses=coerce.bools_saying("Bool inputs not supported for hardtanh"),
    samples=unary(),
    method=False,
)
def hardtanh(xp, x, *, min_val=-1.0, max_val=1.0):
    """x limited to [min_val, max_val]; the derivative at the edges is 0."""
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val, but got {min_val} and {max_val}")
    try:
        return xp.clamp(x, min=min_val, max=max_val)
    except OverflowError:
        raise RuntimeError(
            f"cannot do hardtanh on an unsigned type with negative limits: {min_val}, {max_val}"
        ) from None


@op(
    vjp=dict(x=lambda xp, g, x: g * xp.sigmoid(-x)),
    torch="nn.functional.logsigmoid",
    fused=HOT,
    coerce=coerce.floats,
    samples=unary(),
    method=False,
)
def logsigmoid(xp, x):
    """log(sigmoid(x)), computed so that exp does not overflow."""
    return xp.where(xp.lt(x, 0), x, 0) - xp.log1p(xp.exp(-xp.abs(x)))


@composite(
    torch="nn.functional.softmin", samples=calls((((3, 4),), dict(dim=1))), method=False, inplace=False
)
def softmin(xp, x, *, dim, dtype=None):
    """softmax(-x)"""
    return xp.softmax(-x, dim=dim, dtype=dtype)


@composite(torch="nn.functional.softsign", samples=unary(), method=False, inplace=False)
def softsign(xp, x):
    """x / (1 + |x|)"""
    return x / (1 + xp.abs(x))


@composite(torch="nn.functional.tanhshrink", samples=unary(), method=False, inplace=False)
def tanhshrink(xp, x):
    """x - tanh(x)"""
    return x - xp.tanh(x)


@composite(torch="nn.functional.relu6", samples=unary(), method=False)
def relu6(xp, x):
    """min(max(x, 0), 6)"""
    return xp.hardtanh(x, min_val=0.0, max_val=6.0)
