"""Order statistics, reductions that skip NaN, and pairs of reductions."""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from .. import dtypes
from ..out import taking_out
from ..printing import type_name
from ..tensor import wrap_dim
from . import coerce
from .compare import eq, where
from .dims import reduced, spread
from .order import sort
from .pointwise import isnan
from .reduce import amax, amin, any, mean, std, sum, var
from .samples import calls
from .selection import gather
from .table import composite, op

DIMS = calls((((3, 4),), {}), (((3, 4),), dict(dim=1)), (((3, 4),), dict(dim=0, keepdim=True)))
ONE_DIM = calls((((3, 4),), dict(dim=1)), (((5,),), dict(dim=0, keepdim=True)))
median_result = namedtuple("median", ["values", "indices"])
nanmedian_result = namedtuple("nanmedian", ["values", "indices"])
kthvalue_result = namedtuple("kthvalue", ["values", "indices"])
aminmax_result = namedtuple("aminmax", ["min", "max"])
cummax_result = namedtuple("cummax", ["values", "indices"])
cummin_result = namedtuple("cummin", ["values", "indices"])


def _at_rank(input, rank, dim, keepdim, result):
    """(values, indices) of the elements at the position `rank` (a function of the sorted values) of each line."""
    if not input.ndim:
        return result(*sort(input))
    ordered = sort(input, dim)
    at = rank(ordered.values, dim)
    values, indices = gather(ordered.values, at, dim=dim), gather(ordered.indices, at, dim=dim)
    return result(*((values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))))


def _whole(input, one_line):
    if not input.numel():
        return input.new_full((), float("nan"))
    return one_line(input.reshape(-1), 0).values


def _middle(values, dim):
    """Of two middle elements the lower; NaN, which sorts last, if there is one."""
    n = values.shape[dim]
    has_nan = any(isnan(values), dim, True)
    return where(has_nan, has_nan.long() + (n - 2), has_nan.long() + (n - 1) // 2)


@taking_out
def median(input, dim=None, keepdim=False):
    """The middle element (of two the lower): of all, or (values, indices) along `dim`. NaN if there is one.

    Unlike torch: of equal elements the index is the first one's; torch's is any.
    """
    if dim is None:
        return _whole(input, median)
    return _at_rank(input, _middle, dim, keepdim, median_result)


@taking_out
def nanmedian(input, dim=None, keepdim=False):
    """As `median`, without the NaNs."""
    if dim is None:
        return _whole(input, nanmedian)

    def rank(values, dim):
        known = sum(isnan(values) == 0, dim, True)
        return ((known - 1) // 2).clamp(min=0)

    return _at_rank(input, rank, dim, keepdim, nanmedian_result)


@taking_out
def kthvalue(input, k, dim=-1, keepdim=False):
    """The k-th smallest element along `dim`: (values, indices). RuntimeError for k outside 1..n."""
    n = input.shape[wrap_dim(dim, input.ndim)] if input.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(dim))

    def rank(values, dim):
        shape = list(values.shape)
        shape[dim] = 1
        return values.new_full(shape, k - 1).long()

    return _at_rank(input, rank, dim, keepdim, kthvalue_result)


@taking_out
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The values below which a share q (a number or a 1-d tensor) of the elements lies; NaN where there is one."""
    return _quantile(input, q, dim, keepdim, interpolation, skip=False)


@taking_out
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """As `quantile`, without the NaNs."""
    return _quantile(input, q, dim, keepdim, interpolation, skip=True)


def _quantile(input, q, dim, keepdim, interpolation, skip):
    shares = q if hasattr(q, "dtype") else input.new_tensor(q)
    if bool(((shares < 0) | (shares > 1)).any()):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    dim, keepdim = (dim, keepdim) if input.ndim else (None, False)
    if dim is None:
        lines, shape = input.reshape(-1), (1,) * input.ndim if keepdim else ()
    else:
        lines = input.movedim(dim, -1)
        shape = lines.shape[:-1]
    values = sort(lines, -1).values
    known = (
        sum(isnan(values) == 0, -1, True) if skip else isnan(values)[..., :1].long() * 0 + values.shape[-1]
    )
    position = (known - 1).clamp(min=0) * shares.reshape(-1)  # (..., number of shares)
    low, high = position.floor().long(), position.ceil().long()
    if not skip:  # NaN sorts last: point there
        bad = isnan(values)[..., -1:].expand(low.shape)
        low, high = (where(bad, low * 0 + values.shape[-1] - 1, at) for at in (low, high))
    out = _between(values.gather(-1, low), values.gather(-1, high), position - low, interpolation)
    out = out.movedim(-1, 0)
    if dim is None:
        out = out.reshape(-1, *shape)
    elif keepdim:
        out = out.unsqueeze(wrap_dim(dim, input.ndim) + 1)
    return out[0] if shares.ndim == 0 else out


def _between(low, high, part, interpolation):
    """At the share `part` of the way; `low`, `high`, `nearest` and `midpoint` choose."""
    if interpolation == "linear":
        return low + (high - low) * part
    if interpolation == "midpoint":
        return where(eq(part, 0), low, low + (high - low) * 0.5)
    choose = dict(lower=part < 0, higher=part > 0, nearest=part > 0.5)
    if interpolation not in choose:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            + interpolation
        )
    return where(choose[interpolation], high, low)


def msort(input):
    """Sorted along the first dimension."""
    return sort(input, 0).values


@op(
    vjp=dict(
        x=lambda xp, g, x, dim, keepdim: xp.where(xp.isnan(x), 0, spread(xp, g, x.shape, dim, keepdim))
    ),
    torch="nansum",
    samples=DIMS,
    coerce=coerce.integers_as_int64,
    inplace=False,
)
def nansum(xp, x, *, dim=None, keepdim=False, dtype=None):
    """Sum of the elements that are not NaN."""
    return sum.op.forward(xp, xp.where(xp.isnan(x), 0, x), dim=dim, keepdim=keepdim, dtype=dtype)


def _known(xp, x, dim, keepdim):
    """How many elements are not NaN, in x's type."""
    return xp.sum(xp.astype_like(xp.logical_not(xp.isnan(x)), x), dim=reduced(x, dim), keepdim=keepdim)


def _nanmean_dx(xp, g, x, dim, keepdim):
    share = g / _known(xp, x, dim, keepdim)
    return xp.where(xp.isnan(x), 0, spread(xp, share, x.shape, dim, keepdim))


@op(vjp=dict(x=_nanmean_dx), torch="nanmean", samples=DIMS, inplace=False)
def nanmean(xp, x, *, dim=None, keepdim=False, dtype=None):
    """Mean of the elements that are not NaN."""
    x = x if dtype is None else xp.astype(x, dtype)
    if not xp.is_floating(x):
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{type_name(dtypes.OF_RAW[x.dtype])}"
        )
    total = xp.sum(xp.where(xp.isnan(x), 0, x), dim=reduced(x, dim), keepdim=keepdim)
    return total / _known(xp, x, dim, keepdim)


@op(torch="count_nonzero", samples=calls((((3, 4),), {}), (((3, 4),), dict(dim=1))), inplace=False, out=False)
def count_nonzero(xp, x, *, dim=None):
    """How many elements are not zero."""
    return xp.count_nonzero(x, dim=None if dim is None else reduced(x, dim))


@composite(torch="var_mean", samples=DIMS, inplace=False, method=False, out=False)
def var_mean(xp, x, *, dim=None, unbiased=None, correction=None, keepdim=False):
    """(variance, mean)"""
    return var(x, dim, unbiased, correction, keepdim), mean(
        x, None if isinstance(dim, bool) else dim, keepdim
    )


@composite(torch="std_mean", samples=DIMS, inplace=False, method=False, out=False)
def std_mean(xp, x, *, dim=None, unbiased=None, correction=None, keepdim=False):
    """(standard deviation, mean)"""
    return std(x, dim, unbiased, correction, keepdim), mean(
        x, None if isinstance(dim, bool) else dim, keepdim
    )


@taking_out
def aminmax(input, *, dim=None, keepdim=False):
    """(smallest, largest) over `dim` or all."""
    return aminmax_result(amin(input, dim, keepdim), amax(input, dim, keepdim))


def _running(name, accumulate, result):
    def function(input, dim):
        if not input.ndim:
            return result(input.clone(), input.new_full((), 0).long())
        from ..creation import from_raw_like

        dim = wrap_dim(dim, input.ndim)
        x = input.detach().cpu().numpy()
        reached = (x == accumulate(x, axis=dim)) | (x != x)
        place = np.arange(x.shape[dim]).reshape([-1 if d == dim else 1 for d in range(x.ndim)])
        indices = from_raw_like(np.maximum.accumulate(np.where(reached, place, 0), axis=dim), input)
        return result(gather(input, indices, dim=dim), indices)

    function.__name__ = name
    function.__doc__ = (
        f"The {'largest' if name == 'cummax' else 'smallest'} so far along `dim`, and the last index of it."
    )
    return function


cummax = taking_out(_running("cummax", np.maximum.accumulate, cummax_result))
cummin = taking_out(_running("cummin", np.minimum.accumulate, cummin_result))


def dist(input, other, p=2):
    """The p-norm of input - other."""
    return (input - other).norm(p)
