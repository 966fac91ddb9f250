"""Gather and scatter, masks, distinct values."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..backends import backend_of
from ..backends.indexing import out_of_range
from ..out import taking_out
from ..printing import type_name
from ..tensor import Tensor, wrap_dim
from . import coerce, shape
from .dims import broadcast_shape
from .index import getitem
from .pointwise import one_line
from .samples import Int, calls
from .table import op

# ---------------------------------------------------------------------- gather and scatter


#: the types of an index
WHOLE = (dtypes.int64, dtypes.int32)


def _wrapped(name, x, index, dim):
    """`dim` from 0 on. RuntimeError for an index of no whole numbers, or out of range; that of NumPy's arrays is left to the function
    that takes or places, since its kernel looks anyway."""
    if dtypes.OF_RAW[index.dtype] not in WHOLE and 0 not in index.shape:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    dim = wrap_dim(dim, x.ndim)
    if type(index) is not np.ndarray and name != "index_select":
        n = x.shape[dim] if x.ndim else 1
        if not backend_of(index).within(index, n):
            raise out_of_range(index, n, dim)
    return dim


def fitting(name, x, index, dim, src=None):
    """As `_wrapped`, for indices that have the dimensions of x. RuntimeError if they reach beyond x or src."""
    if (index.ndim != x.ndim and x.ndim and index.ndim) or (
        src is not None and src.ndim not in (0, index.ndim)
    ):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    dim = _wrapped(name, x, index, dim)
    own, whole = index.shape, x.shape
    covers = own[:dim] == whole[:dim] and own[dim + 1 :] == whole[dim + 1 :]
    if not covers and 0 not in own and any(a > b for d, (a, b) in enumerate(zip(own, whole, strict=False)) if d != dim):
        raise RuntimeError(
            f"Size does not match at dimension {dim} expected index {list(own)} to be no larger than self {list(whole)} apart from "
            f"dimension {dim}"
        )
    if src is not None:
        if src.dtype != x.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        if src.shape != own and any(a > b for a, b in zip(own, src.shape, strict=False)):
            raise RuntimeError(
                f"Expected index {list(own)} to be no larger than self {list(whole)} apart from dimension {dim} and to be no larger "
                f"size than src {list(src.shape)}"
            )
    return dim


def _front_dim(function):
    """torch puts `dim` before the index: gather(input, dim, index)."""

    def gather_like(input, dim, index, *args, **kwargs):
        return function(input, index, *args, dim=dim, **kwargs)

    gather_like.__name__, gather_like.__doc__ = function.__name__, function.__doc__
    function.op.public_front = gather_like


@op(
    vjp=dict(
        x=lambda xp, g, x_shape, index, dim: xp.scatter_add(xp.blank(g, tuple(x_shape)), index, g, dim=dim)
    ),
    method=False,
    inplace=False,
    torch="gather",
    coerce=coerce.same,
    samples=calls(
        (((3, 4), Int((3, 2), 4)), dict(dim=1)),
        (((3, 4), Int((2, 4), 3)), dict(dim=0)),
        (((3, 4), Int((5, 0), 4)), dict(dim=0)),
        (((), Int((), 1)), dict(dim=0)),
    ),
)
def gather(xp, x, index, *, dim):
    """out[i][j] = x[i][index[i][j]] (dim=1)"""
    return xp.gather(x, index, dim=fitting("gather", x, index, dim))


@op(
    vjp=dict(
        x=lambda xp, g, index, dim: xp.scatter(g, index, xp.zeros_of(g, tuple(index.shape)), dim=dim),
        src=lambda xp, g, index, dim: xp.gather(g, index, dim=dim),
    ),
    torch="scatter",
    coerce=coerce.same,
    method=False,
    samples=calls((((3, 4), Int((3, 1), 4), (3, 1)), dict(dim=1))),
)
def scatter(xp, x, index, src, *, dim):
    """x with out[i][index[i][j]] = src[i][j] (dim=1)"""
    return xp.scatter(x, index, src, dim=fitting("scatter", x, index, dim, src))


@op(
    vjp=dict(x=lambda g: g, src=lambda xp, g, index, dim: xp.gather(g, index, dim=dim)),
    torch="scatter_add",
    coerce=coerce.same,
    method=False,
    samples=calls(
        (((3, 4), Int((3, 2), 4), (3, 2)), dict(dim=1)), (((3, 4), Int((2, 4), 3), (2, 4)), dict(dim=0))
    ),
)
def scatter_add(xp, x, index, src, *, dim):
    """x with out[i][index[i][j]] += src[i][j] (dim=1)"""
    return xp.scatter_add(x, index, src, dim=fitting("scatter_add", x, index, dim, src))


@op(
    vjp=dict(
        x=lambda xp, g, x_shape, index, dim: xp.index_add(xp.blank(g, tuple(x_shape)), index, g, dim=dim)
    ),
    torch="index_select",
    coerce=coerce.same,
    method=False,
    inplace=False,
    samples=calls((((3, 4), Int((5,), 4)), dict(dim=1)), (((3, 4), Int((2,), 3)), dict(dim=0))),
)
def index_select(xp, x, index, *, dim):
    """The parts of a dimension that `index` (1-d) names."""
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    dim = _wrapped("index_select", x, index, dim)
    if (type(index) is not np.ndarray or not x.ndim) and not xp.within(index, x.shape[dim] if x.ndim else 1):
        raise IndexError("index out of range in self")
    return xp.index_select(x, index if index.ndim or not x.ndim else index.reshape(1), dim=dim)


@op(
    vjp=dict(
        x=lambda g: g,
        source=lambda xp, g, index, dim, alpha: (
            xp.index_select(g, index, dim=dim) if alpha == 1 else xp.index_select(g, index, dim=dim) * alpha
        ),
    ),
    torch="index_add",
    coerce=coerce.same,
    method=False,
    samples=calls((((3, 4), Int((5,), 4), (3, 5)), dict(dim=1))),
)
def index_add(xp, x, index, source, *, dim, alpha=1):
    """x with alpha times source's parts added where `index` says."""
    dim = _wrapped("index_add", x, index, dim)
    if source.dtype != x.dtype:
        raise RuntimeError("index_add_(): self and source must have the same scalar type")
    if [n for d, n in enumerate(x.shape) if d != dim] != [n for d, n in enumerate(source.shape) if d != dim]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(x.shape)} source.shape = {list(source.shape)}"
        )
    if x.ndim and source.ndim and index.ndim and source.shape[dim] != index.shape[0]:
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.shape[0]}) should be equal to source.size(dim): ({source.shape[dim]}), for "
            f"dim: {dim}"
        )
    if alpha != 1:
        source = source * xp.full((), alpha, dtype=dtypes.OF_RAW[x.dtype])  # which wraps around, as torch
    return xp.index_add(x, index, source, dim=dim)


for _function in (gather, index_select, scatter_add, index_add):
    _front_dim(_function)


def public_scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """x with src (a tensor or a number) at index; reduce="add" adds it, "multiply" multiplies."""
    src = value if src is None else src
    if not isinstance(src, Tensor):
        from ..creation import full

        src = full(index.shape, src, dtype=input.dtype, device=input.device)
    if reduce == "multiply":
        from .lookup import scatter_reduce

        return scatter_reduce(input, index, src, dim=dim, reduce="prod")
    if reduce not in (None, "add"):
        raise RuntimeError(f"reduce argument must be either add or multiply, but got {reduce!r}")
    return (scatter if reduce is None else scatter_add)(input, index, src, dim=dim)


scatter.op.public_front = public_scatter


@taking_out
def take_along_dim(input, indices, dim=None):
    """As gather, with broadcasting, and negative indices count from the end; dim=None: on the flat tensor."""
    if dim is None:
        input, indices, dim = input.reshape(-1), indices.reshape(-1), 0
    dim = wrap_dim(dim, input.ndim)
    others = [tuple(n for d, n in enumerate(t.shape) if d != dim) for t in (input, indices)]
    common = broadcast_shape(*others)
    input, indices = (
        shape.expand(t, (*common[:dim], t.shape[dim], *common[dim:])) if tuple(own) != common else t
        for t, own in zip((input, indices), others, strict=True)
    )
    return gather(input, indices + (indices < 0) * input.shape[dim], dim=dim)


@op(
    vjp=dict(
        x=lambda xp, g, mask: xp.where(mask, 0, g),
        y=lambda xp, g, mask: xp.where(mask, g, 0),
    ),
    name="masked_fill",
    torch="masked_fill",
    out=False,
    names=dict(y="value"),
    numbers=True,
    coerce=lambda row, x, mask, y: _masked(row, x, mask, y),
    samples=lambda dtype: _masked_samples(dtype),
)
def masked_fill(xp, x, mask, y):
    """x with `value` where mask holds."""
    return xp.where(mask, y, x)


def _masked(row, x, mask, y):
    if isinstance(mask, Tensor) and mask.dtype is not dtypes.bool:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.name}"
        )
    xp, x, mask = coerce.same(row, x, mask)
    if isinstance(y, Tensor):
        if y.ndim:
            raise RuntimeError(
                f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {y.ndim} dimension(s)."
            )
        y = y._array
    else:
        y = xp.full((), y, dtype=dtypes.OF_RAW[x.dtype])
    return xp, x, mask, coerce.cast(xp, y, dtypes.OF_RAW[x.dtype])


def _masked_samples(dtype):
    from .samples import Sample, array, rng

    r = rng()
    yield Sample((array(r, (3, 4), dtype), array(r, (3, 4), "bool"), 2))
    yield Sample((array(r, (3, 4), dtype), array(r, (4,), "bool"), 1))
    yield Sample((array(r, (), dtype), array(r, (), "bool"), 1))


@taking_out
def masked_select(input, mask):
    """The elements where mask holds, flat."""
    common = broadcast_shape(input.shape, mask.shape)
    return getitem(shape.expand(input, common), shape.expand(mask, common))


nonzero = op(
    torch="nonzero", samples=calls((((3, 4),), {}), (((),), {}), (((0, 2),), {})), inplace=False, method=False
)(one_line("nonzero", "xp.nonzero(x)", "The indices of the elements that are not zero, one row each.", plain=True))


def public_nonzero(input, *, as_tuple=False):
    """(n, ndim) indices of the elements that are not zero; as_tuple: one vector a dimension."""
    if as_tuple:
        return shape.unbind(nonzero(input if input.ndim else shape.reshape(input, (1,))), 1)
    return nonzero(input)


nonzero.op.public_front = public_nonzero

def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct values in order, and on request where each came from and how often."""
    from ..creation import from_raw_like

    out = np.unique(input.detach().cpu().numpy(), return_inverse=True, return_counts=True, axis=dim)
    values, inverse, counts = (from_raw_like(np.ascontiguousarray(a), input) for a in out)
    inverse = inverse.reshape(input.shape if dim is None else (-1,))
    picked = [values] + [inverse] * return_inverse + [counts] * return_counts
    return picked[0] if len(picked) == 1 else tuple(picked)


def bincount(input, weights=None, minlength=0):
    """How often each of 0, 1, ... occurs in a 1-d tensor, or the sums of their weights."""
    from ..creation import from_raw_like

    if input.dtype.is_floating_point:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{type_name(input.dtype)}'")
    if input.ndim != 1 or bool((input < 0).any()):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    w = None if weights is None else weights.detach().cpu().numpy()
    return from_raw_like(np.bincount(input.cpu().numpy(), w, minlength), input)
