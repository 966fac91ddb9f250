"""Loss functions. Bodies in tensor code; every one ends in `reduced`: the mean (default), the sum, or no reduction."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .. import kernels
from ..backends import numpy as NUMPY
from ..kernels.fuse import LARGE
from ..printing import type_name
from . import coerce
from .samples import Floats, calls
from .softmaxes import has_kernel
from .table import composite, op

PAIR = calls(
    (((3, 4), (3, 4)), {}),
    (((3, 4), (3, 4)), dict(reduction="sum")),
    (((3, 4), (3, 4)), dict(reduction="none")),
    (((), ()), {}),
)
LOSS = dict(method=False, inplace=False, coerce=coerce.same)
NOTHING = {None}


def legacy(size_average, reduce, reduction):
    """The reduction that torch's old arguments ask for."""
    if size_average is None and reduce is None:
        return reduction
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
        stacklevel=5,
    )
    return reduction


def reduction_of(size_average, reduce, reduction, others=()):
    """The reduction that is meant. ValueError for one that there isn't."""
    reduction = legacy(size_average, reduce, reduction)
    if reduction not in ("mean", "sum", "none", *others):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(xp, loss, reduction):
    return xp.mean(loss) if reduction == "mean" else xp.sum(loss) if reduction == "sum" else loss


def weighted(xp, loss, weight, x, reduction):
    """The same, each element times its weight; the mean is over the weights."""
    if weight is None:
        return reduced(xp, loss, reduction)
    _check_weights(weight, x)
    loss = loss * weight
    return xp.sum(loss) / xp.sum(weight) if reduction == "mean" else reduced(xp, loss, reduction)


def _check_weights(weight, x):
    if weight.shape != x.shape:
        raise ValueError(
            f"Weights and input must have the same size: weight has {list(weight.shape)}, input {list(x.shape)}"
        )


def _check_floating(x, target, kernel):
    if not (x.dtype.is_floating_point or target.dtype.is_floating_point):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(x.dtype)}' (use input.float())")


def _forward(kind, x, target, *, reduction, delta=0.0, scale=1.0, **others):
    """The plain case by kernels/loss.py: one shape, no weights, a sum or a mean."""
    if reduction not in ("mean", "sum") or not NOTHING.issuperset(others.values()):
        return NotImplemented
    out = kernels.loss.few_loss(x, target, kernels.loss.KINDS[kind], delta, reduction == "mean")
    if out is NotImplemented:
        if x.shape != target.shape or target.dtype is not x.dtype or not has_kernel(x):
            return NotImplemented
        if kind in ("binary", "logits") and x.size >= LARGE and x.itemsize == 8:
            return NotImplemented  # the kernel calls C's functions of float64 one by one (13 ns an element)
        out = kernels.loss.loss(kind, x, target, delta, reduction == "mean")
        if kind == "binary" and math.isnan(out):
            return NotImplemented  # the body says what is wrong, if anything is
    return out if scale == 1.0 else np.asarray(out * out.dtype.type(scale))


def _backward(kind, g, x, target, reduction, wanted, delta=0.0, scale=1.0):
    count = x.size if reduction == "mean" else 1
    dx = kernels.loss.few_loss_backward(g, x, target, kernels.loss.KINDS[kind], delta, scale, count)
    if dx is not NotImplemented and not wanted[1]:
        return dx, None
    g = float(g) * scale / count
    if dx is NotImplemented:
        dx = kernels.loss.loss_backward(kind, g, x, target, delta)
    if not wanted[1]:
        return dx, None
    if kind == "logits":
        return dx, x * x.dtype.type(-g)
    return dx, (NUMPY.log1p(-x) - NUMPY.log(x)) * x.dtype.type(g) if kind == "binary" else -dx


def _fused(kind):
    """The pair of a loss without further settings."""
    return (
        lambda x, target, **settings: _forward(kind, x, target, **settings),
        lambda g, x, target, reduction, wanted: _backward(kind, g, x, target, reduction, wanted),
    )


def _broadcast_warning(x, target):
    if x.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({x.shape}). This will likely lead to incorrect "
            "results due to broadcasting. Please ensure they have the same size.",
            stacklevel=5,
        )


@composite(fused=_fused("squared"), torch="nn.functional.mse_loss", samples=PAIR, **LOSS)
def mse_loss(xp, x, target, *, size_average=None, reduce=None, reduction="mean", weight=None):
    """(x - target) ** 2"""
    reduction = reduction_of(size_average, reduce, reduction)
    _broadcast_warning(x, target)
    _check_floating(x, target, "mse_cpu")
    return weighted(xp, xp.square(x - target), weight, x, reduction)


@composite(fused=_fused("absolute"), torch="nn.functional.l1_loss", samples=PAIR, **LOSS)
def l1_loss(xp, x, target, *, size_average=None, reduce=None, reduction="mean", weight=None):
    """|x - target|"""
    reduction = reduction_of(size_average, reduce, reduction)
    _broadcast_warning(x, target)
    return weighted(xp, xp.abs(x - target), weight, x, reduction)


@op(vjp=dict(x=lambda xp, g, x, delta: g * xp.clamp(x, min=-delta, max=delta)), **LOSS)
def huber_elementwise(xp, x, *, delta):
    """x**2 / 2 up to |x| = delta, from there on delta * (|x| - delta / 2). Its derivative is x limited to +-delta."""
    d = xp.abs(x)
    m = xp.clamp(d, max=delta)
    return m * (d - 0.5 * m)


@composite(
    fused=(
        lambda x, target, *, beta, **settings: (
            _forward("huber", x, target, delta=beta, scale=1 / beta, **settings)
            if beta > 0
            else NotImplemented
        ),
        lambda g, x, target, reduction, wanted, beta: _backward(
            "huber", g, x, target, reduction, wanted, beta, 1 / beta
        ),
    ),
    torch="nn.functional.smooth_l1_loss",
    samples=PAIR,
    **LOSS,
)
def smooth_l1_loss(xp, x, target, *, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """d**2 / (2 beta) for d = |x - target| below beta, else d - beta / 2. https://arxiv.org/abs/1504.08083"""
    reduction = reduction_of(size_average, reduce, reduction)
    _broadcast_warning(x, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return reduced(xp, xp.abs(x - target), reduction)
    _check_floating(x, target, "smooth_l1_cpu")
    return reduced(xp, xp.huber_elementwise(x - target, delta=beta) / beta, reduction)


@composite(
    fused=(
        lambda x, target, *, delta, **settings: (
            _forward("huber", x, target, delta=delta, **settings) if delta > 0 else NotImplemented
        ),
        lambda g, x, target, reduction, wanted, delta: _backward(
            "huber", g, x, target, reduction, wanted, delta
        ),
    ),
    torch="nn.functional.huber_loss",
    samples=PAIR,
    **LOSS,
)
def huber_loss(xp, x, target, *, reduction="mean", delta=1.0, weight=None):
    """d**2 / 2 for d = |x - target| up to delta, else delta * (d - delta / 2)."""
    reduction = reduction_of(None, None, reduction)
    _broadcast_warning(x, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is not None:
        _check_weights(weight, x)
    _check_floating(x, target, "huber_cpu")
    loss = xp.huber_elementwise(x - target, delta=delta)
    return reduced(xp, loss if weight is None else loss * weight, reduction)


# ---------------------------------------------------------------------- binary

PROBABILITIES = calls(
    ((Floats((3, 4), 0.05, 0.95), Floats((3, 4), 0.0, 1.0)), {}),
    ((Floats((5,), 0.05, 0.95), Floats((5,), 0.0, 1.0)), dict(reduction="none")),
)


def _bce_dx(xp, g, x, target):
    scale = xp.clamp(x * (1 - x), min=1e-12)
    return g * ((x - target) / scale)


@op(vjp=dict(x=_bce_dx, target=lambda xp, g, x: g * (xp.log1p(-x) - xp.log(x))), **LOSS)
def bce_elementwise(xp, x, target):
    """-(target * log(x) + (1 - target) * log(1 - x)), the logarithms not below -100."""
    return (target - 1) * xp.clamp(xp.log1p(-x), min=-100) - target * xp.clamp(xp.log(x), min=-100)


@composite(fused=_fused("binary"), torch="nn.functional.binary_cross_entropy", samples=PROBABILITIES, **LOSS)
def binary_cross_entropy(xp, x, target, *, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Cross-entropy of probabilities x in [0, 1] and targets of the same shape."""
    reduction = reduction_of(size_average, reduce, reduction)
    if x.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({x.shape}) is deprecated. Please ensure they have "
            "the same size."
        )
    if x.dtype is not target.dtype:
        raise RuntimeError(f"Found dtype {type_name(target.dtype)} but expected {type_name(x.dtype)}")
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f"\"binary_cross_entropy\" not implemented for '{type_name(x.dtype)}'")
    for name, a, hint in (
        ("input", x._array, "put a Sigmoid before BCELoss, or use BCEWithLogitsLoss"),
        ("target", target._array, "they are probabilities or classes 0 and 1"),
    ):
        if not bool(((a >= 0) & (a <= 1)).all()):
            raise RuntimeError(f"all elements of {name} should be between 0 and 1 ({hint})")
    loss = xp.bce_elementwise(x, target)
    return reduced(xp, loss if weight is None else loss * weight, reduction)



@op(
    vjp=dict(x=lambda xp, g, x, target: g * (1 - target - xp.sigmoid(-x)), target=lambda g, x: -g * x),
    **(LOSS | dict(coerce=coerce.promote)),
)
def logits_elementwise(xp, x, target):
    """(1 - target) * x - log(sigmoid(x))"""
    return (1 - target) * x - (xp.where(xp.lt(x, 0), x, 0) - xp.log1p(xp.exp(-xp.abs(x))))


@composite(
    fused=_fused("logits"),
    torch="nn.functional.binary_cross_entropy_with_logits",
    samples=calls(
        (((3, 4), Floats((3, 4), 0.0, 1.0)), {}), (((3, 4), Floats((3, 4), 0.0, 1.0)), dict(reduction="sum"))
    ),
    **LOSS,
)
def binary_cross_entropy_with_logits(
    xp, x, target, *, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """Cross-entropy of sigmoid(x), computed without overflow."""
    reduction = reduction_of(size_average, reduce, reduction)
    if x.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({x.shape})")
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f"\"log_sigmoid_cpu\" not implemented for '{type_name(x.dtype)}'")
    if not target.dtype.is_floating_point:
        raise RuntimeError(
            f"result type {type_name(x.dtype)} can't be cast to the desired output type {type_name(target.dtype)} (use target.float())"
        )
    if pos_weight is None:
        loss = xp.logits_elementwise(x, target)
    else:
        loss = (1 - target) * x - ((pos_weight - 1) * target + 1) * xp.logsigmoid(x)
    return reduced(xp, loss if weight is None else loss * weight, reduction)


# ---------------------------------------------------------------------- distributions


def _log_but_at_0(xp, target):
    return xp.log(xp.where(xp.eq(target, 0), 1, target))


@op(
    vjp=dict(
        x=lambda g, target: -g * target,
        # target / target is 1; at 0 it is NaN, as torch's derivative
        target=lambda xp, g, x, target: g * (_log_but_at_0(xp, target) + target / target - x),
    ),
    **(LOSS | dict(coerce=coerce.promote)),
)
def kl_elementwise(xp, x, target):
    """target * (log(target) - x), where 0 * log(0) is 0."""
    return target * _log_but_at_0(xp, target) - target * x


@composite(
    torch="nn.functional.kl_div",
    samples=calls(
        (((3, 4), Floats((3, 4), 0.1, 1.0)), dict(reduction="batchmean")),
        (((3, 4), Floats((3, 4), 0.1, 1.0)), dict(reduction="sum")),
        (((3, 4), (3, 4)), dict(reduction="none", log_target=True)),
    ),
    **LOSS,
)
def kl_div(xp, x, target, *, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target * (log(target) - x): x are log-probabilities, target probabilities (or their logarithms)."""
    if reduction == "mean" and size_average is reduce is None:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides only by the batch "
            "size, and aligns with the KL div math definition. 'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            stacklevel=4,
        )
    reduction = reduction_of(size_average, reduce, reduction, ("batchmean",))
    if not (x.dtype.is_floating_point and target.dtype.is_floating_point):
        raise RuntimeError("kl_div: Integral inputs not supported.")
    loss = xp.exp(target) * (target - x) if log_target else xp.kl_elementwise(x, target)
    if reduction == "batchmean":
        return xp.sum(loss) / (x.shape[0] if x.ndim else 1)
    return reduced(xp, loss, reduction)
