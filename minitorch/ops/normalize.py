"""Normalisation, dropout and embedding."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes, kernels
from ..printing import type_name
from ..random import dropout_mask
from ..tensor import wrap
from . import coerce
from .inplace import apply
from .samples import Floats, Int, Value, calls
from .softmaxes import has_kernel, rows
from .table import composite, op

# ---------------------------------------------------------------------- layer norm


def affine(x, weight, bias, n):
    """Raw weight and bias of n elements, ones and zeros where there are none."""
    ones = np.ones(n, x.dtype) if weight is None else weight.reshape(n)
    return ones, np.zeros(n, x.dtype) if bias is None else bias.reshape(n)


def _layer_norm(x, weight, bias, dims, eps, moments):
    if not has_kernel(x, weight, bias):
        return NotImplemented
    flat = np.ascontiguousarray(x).reshape(-1, math.prod(x.shape[dims[0] :]))
    out, *moments[:] = kernels.norm.layer_norm(flat, *affine(x, weight, bias, flat.shape[1]), eps)
    return out.reshape(x.shape)


def _layer_norm_backward(g, x, weight, bias, dims, moments):
    flat = np.ascontiguousarray(x).reshape(len(moments[0]), -1)
    g = np.ascontiguousarray(g).reshape(flat.shape)
    w, _ = affine(x, weight, bias, flat.shape[1])
    dx, dw, db = kernels.norm.layer_norm_backward(g, flat, w, *moments)
    shape = x.shape[dims[0] :]
    return dx.reshape(x.shape), dw.reshape(shape), db.reshape(shape)


@composite(
    fused=(_layer_norm, _layer_norm_backward),
    optional=("weight", "bias"),
    coerce=coerce.same,
    method=False,
    inplace=False,
)
def normalized_rows(xp, x, weight, bias, *, dims, eps, moments):
    """(x - mean) / sqrt(var + eps) over the last dimensions `dims`, times weight, plus bias. `moments`: a list in which the kernel of the
    forward leaves means and deviations to that of the backward."""
    d = x - xp.mean(x, dim=dims, keepdim=True)
    out = d * xp.rsqrt(xp.mean(xp.square(d), dim=dims, keepdim=True) + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


@composite(
    torch="nn.functional.layer_norm",
    method=False,
    inplace=False,
    coerce=coerce.same,
    samples=calls((((3, 4), Value((4,))), {}), (((2, 3, 4), Value((3, 4)), (3, 4), (3, 4)), {})),
)
def layer_norm(xp, x, *, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(var + eps) over the last dimensions, times weight, plus bias. https://arxiv.org/abs/1607.06450"""
    shape = tuple(normalized_shape)
    if x.shape[x.ndim - len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but got input of size"
            f"{list(x.shape)}"
        )
    return xp.normalized_rows(x, weight, bias, dims=tuple(range(-len(shape), 0)), eps=eps, moments=[])


# ---------------------------------------------------------------------- batch norm


def columns(a):
    """A raw array (N, C, ...) as a C-contiguous (rows, C)."""
    return np.ascontiguousarray(a if a.ndim == 2 else np.moveaxis(a, 1, -1)).reshape(-1, a.shape[1])


def from_columns(flat, x):
    """The way back, to the shape of x."""
    if x.ndim == 2:
        return flat
    return np.ascontiguousarray(np.moveaxis(flat.reshape(x.shape[0], *x.shape[2:], x.shape[1]), -1, 1))


def _batch_norm(x, weight, bias, statistics, training, eps):
    if not has_kernel(x, weight, bias, *([] if training else statistics)):
        return NotImplemented
    flat = columns(x)
    if training:
        statistics[:] = kernels.norm.statistics(flat)
    w, b = affine(x, weight, bias, x.shape[1])
    return from_columns(kernels.norm.batch_norm(flat, w, b, *statistics, eps), x)


def _batch_norm_backward(g, x, weight, bias, statistics, training, eps):
    w, _ = affine(x, weight, bias, x.shape[1])
    dx, dw, db = kernels.norm.batch_norm_backward(columns(g), columns(x), w, *statistics, eps, training)
    return from_columns(dx, x), dw, db


@composite(
    fused=(_batch_norm, _batch_norm_backward),
    optional=("weight", "bias"),
    coerce=coerce.same,
    method=False,
    inplace=False,
)
def normalized_channels(xp, x, weight, bias, *, statistics, training, eps):
    """(x - mean) / sqrt(var + eps) for each channel (dimension 1), times weight, plus bias. `statistics`: the list [mean, var] of raw
    arrays; in training they are those of x, and the list is filled with them."""
    one_channel = (1, -1, *[1] * (x.ndim - 2))
    if training:
        dims = (0, *range(2, x.ndim))
        mean = xp.mean(x, dim=dims, keepdim=True)
        d = x - mean
        var = xp.mean(xp.square(d), dim=dims, keepdim=True)
        statistics[:] = (s._array.reshape(-1) for s in (mean, var))
    else:
        mean, var = (xp.reshape(wrap(s), shape=one_channel) for s in statistics)
        d = x - mean
    out = d * xp.rsqrt(var + eps)
    out = out if weight is None else out * xp.reshape(weight, shape=one_channel)
    return out if bias is None else out + xp.reshape(bias, shape=one_channel)


@composite(
    torch="nn.functional.batch_norm",
    method=False,
    inplace=False,
    coerce=coerce.same,
    samples=calls(
        (((3, 4), Floats((4,), -1, 1), Floats((4,), 0.5, 2)), {}),
        (((3, 4, 2), Value(None), Value(None), (4,), (4,), Value(True)), {}),
    ),
)
def batch_norm(
    xp, x, *, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):
    """(x - mean) / sqrt(var + eps) for each channel (dimension 1): over the batch in training, where the running statistics follow
    by `momentum`; else with the running statistics. https://arxiv.org/abs/1502.03167"""
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is not None and running.requires_grad:
            raise RuntimeError(
                f"The function 'batch_norm' is not differentiable with respect to argument '{name}'. This input cannot have requires_grad "
                "True."
            )
    if eps < 0 or (training and eps == 0):
        needed = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {needed}, but got {eps}")
    if not training:
        if running_mean is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        statistics = [running_mean._array, running_var._array]
        return xp.normalized_channels(x, weight, bias, statistics=statistics, training=False, eps=eps)
    n = math.prod(x.shape) // x.shape[1] if x.shape[1] else 0
    if n == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.shape}")
    statistics = []
    out = xp.normalized_channels(x, weight, bias, statistics=statistics, training=True, eps=eps)
    if running_mean is not None:
        mean, var = statistics
        _follow(running_mean, mean, momentum)
        _follow(running_var, var * (n / (n - 1)), momentum)
    return out


def _follow(running, new, momentum):
    array = running._array
    array *= 1 - momentum
    array += new * momentum
    running._cell[0] += 1


# ---------------------------------------------------------------------- dropout, embedding


@op(vjp=dict(x=lambda xp, g, noise: g * noise), coerce=coerce.same, method=False, inplace=False)
def apply_dropout(xp, x, noise):
    """x * noise: the mask is drawn outside, so that the op is a pure function."""
    return x * noise


def dropout(input, p=0.5, training=True, inplace=False):
    """Each element is 0 with probability p, else divided by 1 - p. https://arxiv.org/abs/1207.0580"""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or input.numel() == 0:
        return input
    noise = wrap(dropout_mask(input._array, p)) if p < 1 else input.detach() * 0
    return apply("apply_dropout", input, noise) if inplace else apply_dropout(input, noise)


def _embedding_dw(xp, g, weight_shape, x, padding_idx):
    added = xp.reshape(g, shape=(-1, weight_shape[1]))
    index = xp.reshape(x, shape=(-1,))
    if padding_idx is not None:
        at = padding_idx % weight_shape[0]
        added = added * xp.reshape(xp.astype_like(xp.ne(index, at), added), shape=(-1, 1))
    return xp.index_add(xp.zeros_of(g, tuple(weight_shape)), index, added, dim=0)


def _take(x, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse):
    if x.dtype != np.int64 or not has_kernel(weight) or weight.ndim != 2:
        return NotImplemented
    if max_norm is not None or scale_grad_by_freq or sparse:
        return NotImplemented
    out = kernels.embedding.take(np.ascontiguousarray(x).reshape(-1), np.ascontiguousarray(weight))
    return NotImplemented if out is None else out.reshape(*x.shape, -1)


def _take_backward(g, x, weight_shape, padding_idx):
    if x.dtype != np.int64 or not has_kernel(g):
        return NotImplemented
    skip = -1 if padding_idx is None else padding_idx % weight_shape[0]
    index = np.ascontiguousarray(x).reshape(-1)
    return None, kernels.embedding.add_rows(index, rows(g), tuple(weight_shape), skip)


@op(
    vjp=dict(weight=_embedding_dw),
    fused=(_take, _take_backward),
    torch="nn.functional.embedding",
    coerce=coerce.same,
    method=False,
    inplace=False,
    samples=calls(
        ((Int((3, 2), 5), (5, 4)), {}),
        ((Int((3,), 5), (5, 4)), dict(padding_idx=1)),
        ((Int((), 5), (5, 4)), {}),
    ),
)
def embedding(
    xp, x, weight, *, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False
):
    """weight[x]: one row for each index. The row `padding_idx` gets no gradient."""
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise NotImplementedError(
            "embedding(): max_norm, scale_grad_by_freq and sparse are not supported; leave them at their defaults"
        )
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, but it has the shape {list(weight.shape)}")
    if xp.is_floating(x):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{type_name(dtypes.OF_RAW[x.dtype])}Tensor instead (while checking arguments for embedding)"
        )
    if 0 not in x.shape and (bool((x < 0).any()) or bool((x >= weight.shape[0]).any())):
        raise IndexError("index out of range in self")
    return xp.index_rows(weight, x)


def one_hot(tensor, num_classes=-1):
    """0/1 int64 of shape (*, classes) with a 1 at each index."""
    from ..creation import from_raw_like

    if tensor.dtype.name != "int64":
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor, but got {tensor.dtype}"
        )
    a = tensor.cpu()._array
    if a.size and a.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    n = int(a.max()) + 1 if num_classes == -1 else num_classes
    if a.size and a.max() >= n:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return from_raw_like((a[..., None] == np.arange(n)).astype(np.int64), tensor)


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """x / max(norm(x), eps) along `dim`."""
    from .. import ops

    return input / ops.vector_norm(input, ord=p, dim=dim, keepdim=True).clamp(min=eps)
