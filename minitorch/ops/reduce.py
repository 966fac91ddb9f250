"""Reductions over dimensions, and running sums and products along one."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes, kernels
from ..printing import type_name
from ..tensor import wrap_dim
from . import coerce
from .dims import count, reduced, restore, spread
from .samples import calls
from .softmaxes import has_kernel
from .table import op

REDUCTIONS = calls(
    (((3, 4),), {}),
    (((3, 4),), dict(dim=1)),
    (((3, 4),), dict(dim=-2, keepdim=True)),
    (((2, 3, 4),), dict(dim=(0, 2))),
    (((),), {}),
    (((),), dict(dim=0)),
    (((5,),), dict(dim=0)),
)
ONE_DIM = calls(
    (((3, 4),), dict(dim=1)), (((2, 3, 4),), dict(dim=-2)), (((5,),), dict(dim=0)), (((),), dict(dim=0))
)


def _typed(xp, x, dtype):
    """x as that type, if one was asked for. NOTE: results too, since NumPy widens small integers."""
    return x if dtype is None else xp.astype(x, dtype)


@op(
    vjp=dict(x=lambda xp, g, x_shape, dim, keepdim: spread(xp, g, x_shape, dim, keepdim)),
    torch="sum",
    samples=REDUCTIONS,
    coerce=coerce.integers_as_int64,
    inplace=False,
)
def sum(xp, x, *, dim=None, keepdim=False, dtype=None):
    """Sum over `dim` (an int, several, or all)."""
    if dtype is None:
        return xp.sum(x, dim=dim if dim is None else reduced(x, dim), keepdim=keepdim)
    return _typed(xp, xp.sum(_typed(xp, x, dtype), dim=reduced(x, dim), keepdim=keepdim), dtype)


def _mean(xp, x, dim, keepdim=False):
    n = count(x.shape, dim)
    total = xp.sum(x, dim=reduced(x, dim), keepdim=keepdim)
    return total / n if n else total * math.nan


@op(
    vjp=dict(
        x=lambda xp, g, x_shape, dim, keepdim: spread(xp, g / count(x_shape, dim), x_shape, dim, keepdim)
    ),
    torch="mean",
    samples=REDUCTIONS,
    inplace=False,
)
def mean(xp, x, *, dim=None, keepdim=False, dtype=None):
    """Sum divided by the number of elements."""
    x = _typed(xp, x, dtype)
    if not xp.is_floating(x):
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{type_name(dtypes.OF_RAW[x.dtype])} (convert with .float() first)"
        )
    return _mean(xp, x, dim, keepdim)


def _prod_dx(xp, g, x, out, dim, keepdim):
    g = spread(xp, g, x.shape, dim, keepdim)
    if not bool(xp.any(xp.eq(x, 0))):
        return g * (spread(xp, out, x.shape, dim, keepdim) / x)
    return g * _product_of_others(xp, x, dim)


def _product_of_others(xp, x, dim):
    """For each element the product of the others: the product with that element replaced by 1."""
    shape = tuple(x.shape)
    if dim is None:
        return xp.reshape(_product_of_others(xp, xp.reshape(x, shape=(-1,)), 0), shape=shape)
    if not shape:
        return xp.ones_like(x)
    columns = []
    for k in range(shape[dim]):
        n = xp.index_range(x, dim, k)
        columns.append(xp.prod(xp.where(n, 1, x), dim=dim, keepdim=True))
    return xp.cat(columns, dim=dim % len(shape))


@op(
    vjp=dict(x=_prod_dx),
    torch="prod",
    samples=calls((((3, 4),), {}), (((3, 4),), dict(dim=1)), (((),), {})),
    coerce=coerce.integers_as_int64,
    inplace=False,
)
def prod(xp, x, *, dim=None, keepdim=False, dtype=None):
    """Product over one dimension or all."""
    return _typed(xp, xp.prod(_typed(xp, x, dtype), dim=reduced(x, dim), keepdim=keepdim), dtype)


def _extreme_dx(xp, g, x, out, dim, keepdim):
    """Ties share the gradient evenly."""
    chosen = xp.eq(x, restore(xp, out, x.shape, dim, keepdim))
    share = restore(xp, g, x.shape, dim, keepdim) / xp.sum(xp.astype_like(chosen, x), dim=dim, keepdim=True)
    return xp.where(chosen, share, 0)


def needs_elements(name, x, dim):
    if dim is None and 0 in x.shape:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
            "argument."
        )
    for d in dim or ():
        if x.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


@op(vjp=dict(x=_extreme_dx), torch="amax", samples=REDUCTIONS, inplace=False)
def amax(xp, x, *, dim=None, keepdim=False):
    """The largest element over `dim`; NaN if there is one."""
    dim = reduced(x, dim)
    needs_elements("amax", x, dim)
    return xp.amax(x, dim=dim, keepdim=keepdim)


@op(vjp=dict(x=_extreme_dx), torch="amin", samples=REDUCTIONS, inplace=False)
def amin(xp, x, *, dim=None, keepdim=False):
    """The smallest element over `dim`; NaN if there is one."""
    dim = reduced(x, dim)
    needs_elements("amin", x, dim)
    return xp.amin(x, dim=dim, keepdim=keepdim)


def _arg(name):
    def forward(xp, x, *, dim=None, keepdim=False):
        if dim is not None:
            dim = wrap_dim(dim, x.ndim) if x.ndim else None
        return (xp.argmax if largest else xp.argmin)(x, dim=dim, keepdim=keepdim)

    largest = name == "argmax"
    forward.__name__, forward.__module__ = name, __name__
    forward.__doc__ = f"The index of the {'largest' if largest else 'smallest'} element over `dim`, or of all, flat."
    return op(
        torch=name,
        samples=calls((((3, 4),), {}), (((3, 4),), dict(dim=1)), (((),), {})),
        coerce=coerce.number,
        refuses=coerce.bools_saying(f"{name}(): does not support bool input"),
        inplace=False,
    )(forward)


argmax, argmin = _arg("argmax"), _arg("argmin")


@op(torch="all", samples=REDUCTIONS, inplace=False)
def all(xp, x, *, dim=None, keepdim=False):
    """Whether every element is non-zero."""
    return xp.all(x, dim=reduced(x, dim), keepdim=keepdim)


@op(torch="any", samples=REDUCTIONS, inplace=False)
def any(xp, x, *, dim=None, keepdim=False):
    """Whether some element is non-zero."""
    return xp.any(x, dim=reduced(x, dim), keepdim=keepdim)


def _var_dx(xp, g, x, dim, unbiased, correction, keepdim):
    dim, n = _degrees(x, dim, unbiased, correction)
    scale = 2 / n if n > 0 else math.nan
    return spread(xp, g * scale, x.shape, dim, keepdim) * (x - _mean(xp, x, dim, True))


VARIANCES = calls(
    (((3, 4),), {}), (((3, 4),), dict(dim=1)), (((3, 4),), dict(dim=0, correction=0, keepdim=True))
)


def _var_forward(x, dim, unbiased, correction, keepdim):
    dim, n = _degrees(x, dim, unbiased, correction)
    if dim is not None or n <= 0 or not has_kernel(x):
        return NotImplemented
    out = kernels.variance.variance(x, n)
    return out.reshape((1,) * x.ndim) if keepdim else out


def _var_backward(g, x, dim, unbiased, correction):
    dim, n = _degrees(x, dim, unbiased, correction)
    if dim is not None or n <= 0 or not has_kernel(x):
        return NotImplemented
    return (kernels.variance.gradient(x, g.item() * (2 / n)),)


@op(vjp=dict(x=_var_dx), fused=(_var_forward, _var_backward), torch="var", samples=VARIANCES, inplace=False)
def var(xp, x, *, dim=None, unbiased=None, correction=None, keepdim=False):
    """The mean squared distance from the mean, divided by n - correction (1 unless told)."""
    if not xp.is_floating(x):
        raise RuntimeError("std and var only support floating point and complex dtypes")
    dim, n = _degrees(x, dim, unbiased, correction)
    d = x - _mean(xp, x, dim, True)
    total = xp.sum(d * d, dim=reduced(x, dim), keepdim=keepdim)
    return total / n if n > 0 else total * math.nan


def _degrees(x, dim, unbiased, correction):
    """-> the dimensions, and what the sum of squares is divided by."""
    if isinstance(dim, bool):  # var(x, False): the old form, `unbiased` by position
        dim, unbiased = None, dim
    correction = correction if correction is not None else int(unbiased is not False)
    return dim, count(x.shape, dim) - correction


def _std_dx(xp, g, x, out, dim, unbiased, correction, keepdim):
    """At 0 it is 0, as torch has it."""
    g = xp.where(xp.eq(out, 0), 0, g / (2 * out))
    return _var_dx(xp, g, x, dim, unbiased, correction, keepdim)


def _std_forward(x, **how):
    out = _var_forward(x, **how)
    return out if out is NotImplemented else np.sqrt(out)


def _std_backward(g, x, out, dim, unbiased, correction):
    s = out.item() if out.size == 1 else 0
    return _var_backward(g / (2 * s) if s else g * 0, x, dim, unbiased, correction)


@op(vjp=dict(x=_std_dx), fused=(_std_forward, _std_backward), torch="std", samples=VARIANCES, inplace=False)
def std(xp, x, *, dim=None, unbiased=None, correction=None, keepdim=False):
    """sqrt(var)"""
    return xp.sqrt(var.op.forward(xp, x, dim=dim, unbiased=unbiased, correction=correction, keepdim=keepdim))


def _not_as_bools(name, dtype):
    if dtype is dtypes.bool:
        raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for 'Bool'")


@op(vjp=dict(x=lambda xp, g, dim: xp.cumsum(g, dim=dim)), method=False, inplace=False)
def cumsum_back(xp, x, *, dim):
    """Running sum along `dim` from the end: the derivative of `cumsum`."""
    return xp.cumsum_back(x, dim=dim)


@op(vjp=dict(x=lambda xp, g, dim: xp.cumsum_back(g, dim=dim)), torch="cumsum", samples=ONE_DIM, coerce=coerce.integers_as_int64)
def cumsum(xp, x, *, dim, dtype=None):
    """Running sum along `dim`."""
    _not_as_bools("cumsum", dtype)
    return _typed(xp, xp.cumsum(_typed(xp, x, dtype), dim=wrap_dim(dim, x.ndim)), dtype)


def _cumprod_dx(xp, g, x, out, dim):
    if not tuple(x.shape):
        return g
    if not bool(xp.any(xp.eq(x, 0))):
        return xp.cumsum_back(g * out, dim=dim) / x
    # dx_k = sum over j >= k of g_j * prod(x_0 .. x_j without x_k)
    columns = []
    for k in range(x.shape[dim]):
        others = xp.cumprod(xp.where(xp.index_range(x, dim, k), 1, x), dim=dim)
        later = xp.index_range(x, dim, k, None)
        columns.append(xp.sum(xp.where(later, g * others, 0), dim=dim, keepdim=True))
    return xp.cat(columns, dim=dim % len(x.shape))


@op(vjp=dict(x=_cumprod_dx), torch="cumprod", samples=ONE_DIM, coerce=coerce.integers_as_int64)
def cumprod(xp, x, *, dim, dtype=None):
    """Running product along `dim`."""
    _not_as_bools("cumprod", dtype)
    return _typed(xp, xp.cumprod(_typed(xp, x, dtype), dim=wrap_dim(dim, x.ndim)), dtype)
