"""Softmax and its logarithm."""

from __future__ import annotations

import numpy as np

from .. import dtypes, kernels
from ..printing import type_name
from .dims import reduced
from .samples import calls
from .table import op

__all__ = ["log_softmax", "softmax"]

ONE_DIM = calls(
    (((3, 4),), dict(dim=1)), (((2, 3, 4),), dict(dim=-2)), (((5,),), dict(dim=0)), (((),), dict(dim=0))
)
KERNELS = (np.dtype(np.float32), np.dtype(np.float64))  # the types that kernels are compiled for


def rows(a):
    """A raw array as a C-contiguous one with two dimensions: rows of its last."""
    return np.ascontiguousarray(a).reshape(-1, a.shape[-1])


def has_kernel(x, *others):
    """Whether kernels take `x`, and these arrays (or None) with it."""
    dtype = x.dtype
    if dtype not in KERNELS or 0 in x.shape:
        return False
    for a in others:  # noqa: SIM110  (a generator takes 0.5 us more)
        if a is not None and a.dtype is not dtype and a.dtype != dtype:
            return False
    return True


def _pair(forward, backward):
    """(forward, backward) along the last dimension by the kernels of these names in kernels/softmax.py."""

    def fused(x, dim, dtype):
        if not has_kernel(x) or dtype is not None or not x.ndim or dim not in (-1, x.ndim - 1):
            return NotImplemented
        return getattr(kernels.softmax, forward)(rows(x)).reshape(x.shape)

    def fused_backward(g, out, dim):
        if not has_kernel(out, g) or not out.ndim or dim not in (-1, out.ndim - 1):
            return NotImplemented
        return (getattr(kernels.softmax, backward)(rows(g), rows(out)).reshape(out.shape),)

    return fused, fused_backward


def _prepared(xp, x, dtype, name):
    x = x if dtype is None else xp.astype(x, dtype)
    if not xp.is_floating(x) and 0 not in x.shape:
        kernel = f"{name}_lastdim_kernel_impl"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(dtypes.OF_RAW[x.dtype])}'")
    return x


@op(
    vjp=dict(x=lambda xp, g, out, dim: (g - xp.sum(g * out, dim=dim, keepdim=True)) * out),
    fused=_pair("softmax", "softmax_backward"),
    torch="softmax",
    samples=ONE_DIM,
    inplace=False,
)
def softmax(xp, x, *, dim, dtype=None):
    """exp(x) / sum(exp(x)) along `dim`."""
    x, dim = _prepared(xp, x, dtype, "softmax"), reduced(x, dim)
    if 0 in x.shape:
        return xp.clone(x)
    e = xp.exp(x - xp.amax(x, dim=dim, keepdim=True))
    return e / xp.sum(e, dim=dim, keepdim=True)


@op(
    vjp=dict(x=lambda xp, g, out, dim: g - xp.exp(out) * xp.sum(g, dim=dim, keepdim=True)),
    fused=_pair("log_softmax", "log_softmax_backward"),
    torch="log_softmax",
    samples=ONE_DIM,
    inplace=False,
)
def log_softmax(xp, x, *, dim, dtype=None):
    """x - logsumexp(x) along `dim`."""
    x, dim = _prepared(xp, x, dtype, "log_softmax"), reduced(x, dim)
    if 0 in x.shape:
        return xp.clone(x)
    x = x - xp.amax(x, dim=dim, keepdim=True)
    return x - xp.log(xp.sum(xp.exp(x), dim=dim, keepdim=True))
