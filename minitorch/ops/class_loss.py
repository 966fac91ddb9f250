"""Losses of classes: negative log-likelihood and cross-entropy, of labels or of class probabilities."""

from __future__ import annotations

import numpy as np

from .. import dtypes, kernels
from ..printing import type_name
from .loss import LOSS, reduced, reduction_of
from .samples import Floats, Int, calls
from .softmaxes import has_kernel, rows
from .table import composite

__all__ = ["cross_entropy", "mean_cross_entropy", "nll_loss"]


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
    if reduction != "mean" or not (weight is size_average is reduce is None):
        return NotImplemented
    return kernels.softmax.nll(x, target, ignore_index)


def _nll_backward(g, x, target):
    g, dx = np.asarray(g), np.zeros(x.shape, x.dtype)
    return kernels.softmax.nll_backward(dx, target, g), None


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
    loss = kernels.softmax.few_cross_entropy(x, target, ignore_index)
    if loss is not NotImplemented:
        return loss
    if not has_kernel(x) or x.ndim != 2:
        return NotImplemented
    if target.shape != x.shape[:1] or target.dtype != np.int64:
        return NotImplemented
    loss, wrong = kernels.softmax.cross_entropy(rows(x), np.ascontiguousarray(target), ignore_index)
    if wrong is not None:
        raise out_of_bounds(wrong)
    return np.asarray(loss, x.dtype)


def _ce_backward(g, x, target, ignore_index):
    dx = kernels.softmax.few_cross_entropy_backward(g, x, target, ignore_index)
    if dx is not NotImplemented:
        return dx, None
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
