"""Loss functions. Bodies in tensor code; every one ends in `reduced`: the mean (default), the sum, or no reduction."""

from __future__ import annotations

import warnings

import numpy as np

from .. import dtypes, kernels
from ..kernels.fuse import LARGE
from ..printing import type_name
from . import coerce
from .samples import Floats, Int, calls
from .softmaxes import has_kernel, rows
from .table import composite, op

PAIR = calls(
    (((3, 4), (3, 4)), {}),
    (((3, 4), (3, 4)), dict(reduction="sum")),
    (((3, 4), (3, 4)), dict(reduction="none")),
    (((), ()), {}),
)
LOSS = dict(method=False, inplace=False, coerce=coerce.same)


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
    if x.shape != target.shape or not has_kernel(x, target) or reduction not in ("mean", "sum"):
        return NotImplemented
    if any(o is not None for o in others.values()):
        return NotImplemented
    if kind in ("binary", "logits") and x.size >= LARGE:
        # NumPy's exp and logarithms take several elements at once, the kernel's one (16 ns)
        return NotImplemented
    x, target = np.asarray(x, order="C"), np.asarray(target, order="C")
    out = kernels.loss.loss(kind, x, target, delta, reduction == "mean")
    if kind == "binary" and np.isnan(out):
        return NotImplemented  # the body says what is wrong, if anything is
    return out if scale == 1.0 else out * out.dtype.type(scale)


def _backward(kind, g, x, target, reduction, wanted, delta=0.0, scale=1.0):
    x, target = np.asarray(x, order="C"), np.asarray(target, order="C")  # which leaves a 0-d array 0-d
    g = float(g) * scale / (x.size if reduction == "mean" else 1)
    dx = kernels.loss.loss_backward(kind, g, x, target, delta)
    if not wanted[1]:
        return dx, None
    if kind == "logits":
        return dx, x * x.dtype.type(-g)
    return dx, (np.log1p(-x) - np.log(x)) * x.dtype.type(g) if kind == "binary" else -dx


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


# ---------------------------------------------------------------------- classes


def _check_weight(x, weight, caller=""):
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"{caller}weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: "
            f"{list(weight.shape)}"
        )


def _check_labels(x, target, ignore_index, weight=None):
    """ValueError, RuntimeError or IndexError with torch's text, before anything is computed. x is (N, C, ...) or (C)."""
    if x.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    _check_weight(x, weight)
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    if target.dtype not in (dtypes.int64, dtypes.uint8):
        raise RuntimeError(
            f"expected scalar type Long but found {type_name(target.dtype)} (class labels are integers: use target.long(), or give class "
            "probabilities of the input's shape)"
        )
    if x.ndim > 1 and x.shape[0] != target.shape[0]:
        raise ValueError(
            f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({target.shape[0]})."
        )
    if x.ndim == 1 and target.numel() != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.numel()}")
    if x.ndim > 1 and x.shape[2:] != target.shape[1:]:
        raise RuntimeError(f"size mismatch (got input: {list(x.shape)} , target: {list(target.shape)})")
    if not x.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"nll_loss_out_frame\" not implemented for '{type_name(x.dtype)}' (use input.float())"
        )
    if weight is not None and weight.dtype is not x.dtype:
        raise RuntimeError(
            f"expected scalar type {type_name(x.dtype)} but found {type_name(weight.dtype)} (the classes' weights have the input's dtype)"
        )
    t = target._array
    if 0 not in t.shape and (t.min() < 0 or t.max() >= classes):
        wrong = (t != ignore_index) & ((t < 0) | (t >= classes))
        if bool(wrong.any()):
            raise out_of_bounds(t[wrong].reshape(-1)[0])


def out_of_bounds(label):
    return IndexError(f"Target {int(label)} is out of bounds.")


def _kept(xp, keep, x):
    """x, and zeros where `keep` is False: there no gradient arrives either, not even NaN."""
    return xp.where(keep, x, 0)


def _nll(x, target, weight, size_average, ignore_index, reduce, reduction):
    if (
        reduction != "mean"
        or not (weight is size_average is reduce is None)
        or x.ndim != 2
        or not has_kernel(x)
    ):
        return NotImplemented
    if target.shape != x.shape[:1] or target.dtype != np.int64:
        return NotImplemented
    if target.min() < 0 or target.max() >= x.shape[1] or (target == ignore_index).any():
        return NotImplemented
    return np.asarray(x[np.arange(len(x)), target].sum() / -len(x), x.dtype)


def _nll_backward(g, x, target):
    dx = np.zeros(x.shape, x.dtype)
    dx[np.arange(len(x)), target] = g / -len(x)
    return dx, None


@composite(
    fused=(_nll, _nll_backward),
    torch="nn.functional.nll_loss",
    samples=calls(
        (((3, 4), Int((3,), 4)), {}),
        (((3, 4), Int((3,), 4)), dict(reduction="none", ignore_index=1)),
        (((2, 4, 3), Int((2, 3), 4)), {}),
        (((4,), Int((), 4)), {}),
        (((3, 4), Int((3,), 4)), dict(reduction="sum")),
    ),
    **LOSS,
)
def nll_loss(
    xp, x, target, *, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
):
    """-x[label] for log-probabilities x (N, C, ...) and labels (N, ...); the mean is weighted by the classes' weights."""
    reduction = reduction_of(size_average, reduce, reduction)
    _check_labels(x, target, ignore_index, weight)
    dim = 1 if x.ndim > 1 else 0
    if x.ndim == target.ndim == 1:
        target = xp.reshape(target, shape=())
    keep = xp.ne(target, ignore_index)
    label = _kept(xp, keep, xp.to_dtype(target, dtype=dtypes.int64))
    picked = -xp.squeeze(xp.gather(x, xp.unsqueeze(label, dim=dim), dim=dim), dim=(dim,))
    w = xp.to_dtype(keep, dtype=x.dtype)
    if weight is not None:
        w = w * xp.take_index(weight, index=(label._array,))
    loss = _kept(xp, keep, picked * w)
    return xp.sum(loss) / xp.sum(w) if reduction == "mean" else reduced(xp, loss, reduction)


def _ce_forward(x, target, ignore_index):
    if not has_kernel(x) or x.ndim != 2:
        return NotImplemented
    if target.shape != x.shape[:1] or target.dtype != np.int64:
        return NotImplemented
    loss, wrong = kernels.softmax.cross_entropy(rows(x), np.ascontiguousarray(target), ignore_index)
    if wrong is not None:
        raise out_of_bounds(wrong)
    return np.asarray(loss, x.dtype)


def _ce_backward(g, x, target, ignore_index):
    return kernels.softmax.cross_entropy_backward(
        float(g), rows(x), np.ascontiguousarray(target), ignore_index
    ), None


@composite(
    fused=(_ce_forward, _ce_backward),
    samples=calls((((3, 4), Int((3,), 4)), {}), (((3, 4), Int((3,), 4)), dict(ignore_index=1))),
    torch="nn.functional.cross_entropy",
    **LOSS,
)
def mean_cross_entropy(xp, x, target, *, ignore_index=-100):
    """The plain case of cross_entropy: the mean of -log softmax(x)[label]."""
    _check_labels(x, target, ignore_index)
    return xp.nll_loss(xp.log_softmax(x, dim=1 if x.ndim > 1 else 0), target, ignore_index=ignore_index)


@composite(
    torch="nn.functional.cross_entropy",
    samples=calls(
        (((3, 4), Int((3,), 4)), {}),
        (((3, 4), Int((3,), 4)), dict(reduction="none", ignore_index=1)),
        (((2, 4, 3), Int((2, 3), 4)), {}),
        (((3, 4), Int((3,), 4)), dict(label_smoothing=0.1)),
        (((3, 4), Floats((3, 4), 0, 1)), dict(label_smoothing=0.1)),
        (((4,), Int((), 4)), {}),
    ),
    **LOSS,
)
def cross_entropy(
    xp,
    x,
    target,
    *,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """-log softmax(x)[label] for logits x (N, C, ...) and labels (N, ...) or class probabilities of x's shape."""
    if weight is size_average is reduce is None and reduction == "mean" and label_smoothing == 0:
        if target.ndim < x.ndim:  # first, since nearly every call is this one
            return xp.mean_cross_entropy(x, target, ignore_index=ignore_index)
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = 1 if x.ndim > 1 else 0
    if target.shape == x.shape:
        _check_probabilities(x, target, weight, ignore_index)
        return _probability_cross_entropy(xp, x, target, weight, reduction, label_smoothing, dim)
    _check_labels(x, target, ignore_index, weight)
    logs = xp.log_softmax(x, dim=dim)
    nll = xp.nll_loss(logs, target, weight=weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing == 0:
        return nll
    smooth = -xp.sum(logs if weight is None else logs * _along(xp, weight, x, dim), dim=dim)
    keep = xp.ne(target, ignore_index)
    smooth = _kept(xp, keep, smooth)
    if reduction == "mean":
        n = xp.to_dtype(keep, dtype=x.dtype)
        if weight is not None:
            n = n * xp.take_index(weight, index=(_kept(xp, keep, target)._array,))
        smooth = xp.sum(smooth) / xp.sum(n)
    else:
        smooth = reduced(xp, smooth, reduction)
    return (1 - label_smoothing) * nll + label_smoothing / x.shape[dim] * smooth


def _along(xp, weight, x, dim):
    return xp.reshape(weight, shape=tuple(-1 if i == dim else 1 for i in range(x.ndim)))


def _check_probabilities(x, target, weight, ignore_index):
    if not target.dtype.is_floating_point:
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {type_name(target.dtype)} (a target of the "
            f"input's shape, {list(x.shape)}, is taken for class probabilities)"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    _check_weight(x, weight, "cross_entropy: ")


def _probability_cross_entropy(xp, x, target, weight, reduction, label_smoothing, dim):
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / x.shape[dim]
    logs = xp.log_softmax(x, dim=dim)
    loss = -(logs * target if weight is None else logs * target * _along(xp, weight, x, dim))
    if reduction == "mean":
        n = 1
        for i, size in enumerate(x.shape):
            n *= size if i != dim else 1
        return xp.sum(loss) / n
    return reduced(xp, xp.sum(loss, dim=dim) if reduction == "none" else loss, reduction)


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
