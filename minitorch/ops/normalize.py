"""Normalisation and dropout."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from .. import dtypes, kernels
from ..printing import type_name
from ..random import dropout_mask
from ..tensor import wrap
from . import coerce
from .inplace import apply
from .samples import Floats, Value, calls
from .softmaxes import has_kernel
from .table import composite, op

# ---------------------------------------------------------------------- layer norm


def _check_affine(x, shape, what, **parameters):
    """RuntimeError unless weight and bias have `shape` and a dtype that goes with x's: the same, or float32 with float16."""
    for name, p in parameters.items():
        if p is not None and tuple(p.shape) != shape:
            raise RuntimeError(what.format(name=name, shape=list(p.shape), size=p.numel()))
        if p is not None:
            _check_dtype(x, name, p)


def _check_dtype(x, name, p):
    if p.dtype is not x.dtype and (x.dtype, p.dtype) != (dtypes.float16, dtypes.float32):
        raise RuntimeError(
            f"mixed dtype (CPU): all inputs must share same datatype, but input is {type_name(x.dtype)} and {name} {type_name(p.dtype)} "
            "(convert the input or the module, e.g. x.float() or model.double())"
        )


def _in_single(xp, op, x, weight, bias, **settings):
    """`op` of float16 inputs, computed in float32."""
    inputs = (t if t is None else xp.to_dtype(t, dtype=dtypes.float32) for t in (x, weight, bias))
    return xp.to_dtype(op(*inputs, **settings), dtype=dtypes.float16)


def affine(x, weight, bias, n):
    """Raw weight and bias of n elements, ones and zeros where there are none."""
    ones = _constant(1, n, x.dtype) if weight is None else weight.reshape(n)
    return ones, _constant(0, n, x.dtype) if bias is None else bias.reshape(n)


@lru_cache(8)
def _constant(value, n, dtype):
    return np.full(n, value, dtype)


def _kernel_takes(x, shape, weight, bias, *others):
    """Whether the dtypes are a kernel's, and weight and bias have `shape`: if not, the body says what is wrong, if anything is."""
    fit = (weight is None or weight.shape == shape) and (bias is None or bias.shape == shape)
    return fit and has_kernel(x, weight, bias, *others)


def _layer_norm(x, weight, bias, dims, eps, moments):
    if not _kernel_takes(x, x.shape[dims[0] :], weight, bias):
        return NotImplemented
    flat = np.ascontiguousarray(x).reshape(-1, math.prod(x.shape[dims[0] :]))
    out, *moments[:] = kernels.norm.layer_norm(flat, *affine(x, weight, bias, flat.shape[1]), eps)
    return out.reshape(x.shape)


def _layer_norm_backward(g, x, weight, bias, dims, moments, wanted):
    flat = np.ascontiguousarray(x).reshape(len(moments[0]), -1)
    g = np.ascontiguousarray(g).reshape(flat.shape)
    w, _ = affine(x, weight, bias, flat.shape[1])
    dx, dw, db = kernels.norm.layer_norm_backward(g, flat, w, *moments, wanted[1] or wanted[2])
    if dw is None:
        return dx.reshape(x.shape), None, None
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
    shape = x.shape[dims[0] :]
    what = f"Expected {{name}} to be of same shape as normalized_shape, but got {{name}} of shape {{shape}} and normalized_shape = {list(shape)}"
    _check_affine(x, shape, what, weight=weight, bias=bias)
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f"\"layer_norm\" not implemented for '{type_name(x.dtype)}'")
    if x.dtype is dtypes.float16:
        return _in_single(xp, xp.normalized_rows, x, weight, bias, dims=dims, eps=eps, moments=moments)
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
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []"
        )
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
    if not _kernel_takes(x, x.shape[1:2], weight, bias, *([] if training else statistics)):
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
    what = f"{{name}} should contain {x.shape[1]} elements not {{size}}"
    _check_affine(x, x.shape[1:2], what, weight=weight, bias=bias)
    if not x.dtype.is_floating_point:
        raise NotImplementedError(f"\"batch_norm\" not implemented for '{type_name(x.dtype)}'")
    if x.dtype is dtypes.float16:
        settings = dict(statistics=statistics, training=training, eps=eps)
        return _in_single(xp, xp.normalized_channels, x, weight, bias, **settings)
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
    shape, dtype = x._array.shape, x._array.dtype
    channels = shape[1:2]
    for name, running in (("running_mean", running_mean), ("running_var", running_var)):
        if running is None:
            continue
        if running._edge is not None:
            raise RuntimeError(
                f"The function 'batch_norm' is not differentiable with respect to argument '{name}'. This input cannot have requires_grad "
                "True."
            )
        if running._array.shape != channels:
            raise RuntimeError(f"{name} should contain {channels[0]} elements not {running.numel()}")
        if running._array.dtype != dtype:
            _check_dtype(x, name, running)
    if eps < 0 or (training and eps == 0):
        needed = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {needed}, but got {eps}")
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("running_mean and running_var must be defined in evaluation mode")
        statistics = [running_mean._array, running_var._array]
        return xp.normalized_channels(x, weight, bias, statistics=statistics, training=False, eps=eps)
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    n = math.prod(shape) // shape[1] if shape[1] else 0
    if n == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.shape}")
    statistics = []
    out = xp.normalized_channels(x, weight, bias, statistics=statistics, training=True, eps=eps)
    if running_mean is not None:
        mean, var = statistics
        _follow(running_mean._array, running_var._array, mean, var, n / (n - 1), momentum)
        running_mean._cell[0] += 1
        running_var._cell[0] += 1
    return out


def _follow(running_mean, running_var, mean, var, unbiased, momentum):
    """Moves raw running statistics by `momentum` towards those of a batch."""
    if has_kernel(mean, running_mean, running_var) and running_mean.flags.carray and running_var.flags.carray:
        kernels.norm.follow(running_mean, running_var, mean, var, unbiased, momentum)
        return
    for running, new in ((running_mean, mean), (running_var, var * unbiased)):
        running *= 1 - momentum
        running += new * momentum


# ---------------------------------------------------------------------- dropout, normalize


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
    if not input.is_floating_point() and p < 1:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {type_name(input.dtype)} (drop out of input.float())"
        )
    noise = wrap(dropout_mask(input._array, p)) if p < 1 else input.detach() * 0
    return apply("apply_dropout", input, noise) if inplace else apply_dropout(input, noise)


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """x / max(norm(x), eps) along `dim`."""
    from .. import ops

    return input / ops.vector_norm(input, ord=p, dim=dim, keepdim=True).clamp(min=eps)
