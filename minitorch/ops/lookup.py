"""Writing to and reading from chosen places; membership and search."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..out import taking_out
from ..printing import type_name
from ..tensor import Tensor, wrap_dim
from . import coerce
from .dims import broadcast_shape
from .index import INDEX_DTYPES, getitem, index_put
from .samples import Int, calls
from .selection import fitting, gather, nonzero, unique
from .shape import expand, reshape
from .table import op


@taking_out
def take(input, index):
    """The elements at positions of the flat tensor, in the shape of `index`."""
    if index.dtype is not dtypes.int64:
        raise RuntimeError("take(): Expected a long tensor for index, but got " + str(index.dtype))
    return reshape(getitem(reshape(input, (-1,)), reshape(index, (-1,))), tuple(index.shape))


def _at(name, input, dim, index):
    """The raw index of the parts `index` of a dimension. IndexError or RuntimeError if it is none."""
    if index.ndim > 1:
        raise IndexError(f"{name}(): Index should have dimension 1 or 0 (got {index.ndim})")
    if index.dtype not in INDEX_DTYPES[:2]:
        raise IndexError(f"{name}(): Expected LongTensor for index")
    dim = wrap_dim(dim, input.ndim)
    raw, n = index._array.reshape(-1), input.shape[dim]
    if index.numel() and (bool((raw >= n).any()) or bool((raw < -n).any())):
        raise IndexError(f"{name}(): index out of range for dimension {dim} of size {n}")
    return (slice(None),) * dim + (raw,)


def index_copy(input, dim, index, source):
    """The input with the parts that `index` names replaced by the parts of `source`."""
    if not input.ndim:
        return reshape(index_copy(reshape(input, (1,)), dim, index, reshape(source, (1,))), ())
    if source.dtype is not input.dtype:
        raise RuntimeError("index_copy_(): self and source expected to have the same dtype")
    return index_put(input, source, index=_at("index_copy", input, dim, index))


def index_fill(input, dim, index, value):
    """The input with the parts that `index` names filled with a number (or 0-d tensor)."""
    value = value if isinstance(value, Tensor) else input.new_full((), value)
    if value.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    if not input.ndim:
        return reshape(index_fill(reshape(input, (1,)), dim, index, value), ())
    return index_put(input, value.to(input.dtype), index=_at("index_fill", input, dim, unique(index)))


def masked_scatter(input, mask, source):
    """The input with the places where mask holds taken, in order, by the first elements of `source`."""
    if mask.dtype is not dtypes.bool:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {type_name(mask.dtype)}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input.dtype} and {source.dtype}"
        )
    common = broadcast_shape(input.shape, mask.shape)
    mask = expand(mask, common)
    n = int(mask.sum())
    if source.numel() < n:
        raise RuntimeError(
            "masked_scatter: expected self and source to have the same number of elements as the mask"
        )
    return index_put(expand(input, common).clone(), reshape(source, (-1,))[:n], index=(mask._array,))


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def _reduced(xp, x, index, src, dim, reduce, include_self):
    return xp.scatter_reduce(x, index, src, dim=dim, reduce=reduce, include_self=include_self)


def _met(xp, x, index, src, dim, include_self):
    """How many values meet at each place (1 where none does)."""
    start = xp.ones_like(x) if include_self else xp.zeros_like(x)
    n = xp.scatter_add(start, index, xp.ones_like(src), dim=dim)
    return xp.where(xp.eq(n, 0), xp.ones_like(n), n)


def _shared(xp, g, x, index, src, out, dim):
    """Values equal to the extreme share its gradient: (whether x is among them, whether src, each one's part)."""
    from_x = xp.astype_like(xp.eq(x, out), g)
    from_src = xp.astype_like(xp.eq(src, xp.gather(out, index, dim=dim)), g)
    return from_x, from_src, g / xp.scatter_add(from_x, index, from_src, dim=dim)


def _scatter_reduce_dx(xp, g, x, index, src, out, dim, reduce, include_self):
    if reduce == "prod":
        known = xp.where(xp.eq(x, 0), xp.ones_like(x), x)
        dx = g * _reduced(xp, known, index, src, dim, reduce, include_self) / known
    elif reduce == "mean":
        dx = g / _met(xp, x, index, src, dim, include_self)
    elif reduce == "sum":
        dx = g
    else:
        from_x, _, part = _shared(xp, g, x, index, src, out, dim)
        dx = from_x * part
    return dx if include_self else xp.scatter(dx, index, xp.zeros_like(src), dim=dim)


def _scatter_reduce_dsrc(xp, g, x, index, src, out, dim, reduce, include_self):
    if reduce == "prod":
        zero = xp.eq(src, 0)
        zeros = xp.scatter_add(xp.zeros_like(x), index, xp.astype_like(zero, x), dim=dim)
        alone = xp.logical_and(zero, xp.eq(xp.gather(zeros, index, dim=dim), 1))  # its derivative is not 0
        others = _reduced(xp, x, index, xp.where(alone, xp.ones_like(src), src), dim, reduce, include_self)
        usual = xp.gather(g * out, index, dim=dim) / xp.where(zero, xp.ones_like(src), src)
        return xp.where(alone, xp.gather(g * others, index, dim=dim), usual)
    if reduce == "mean":
        return xp.gather(g / _met(xp, x, index, src, dim, include_self), index, dim=dim)
    if reduce == "sum":
        return xp.gather(g, index, dim=dim)
    _, from_src, part = _shared(xp, g, x, index, src, out, dim)
    return from_src * xp.gather(part, index, dim=dim)


@op(
    vjp=dict(x=_scatter_reduce_dx, src=_scatter_reduce_dsrc),
    torch="scatter_reduce",
    coerce=coerce.same,
    method=False,
    samples=calls(
        *[
            (((3, 4), Int((4, 3), 3), (4, 3)), dict(dim=0, reduce=r, include_self=s))
            for r in REDUCTIONS
            for s in (True, False)
        ]
    ),
)
def scatter_reduce(xp, x, index, src, *, dim, reduce, include_self=True):
    """x with out[index[i][j]][j] the `reduce`d (dim=0) src[i][j], and unless told otherwise x, that meet there: their "sum", "prod",
    "mean", "amax" or "amin"."""
    if reduce not in REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    dim = fitting("scatter_reduce", x, index, dim, src)
    if reduce == "mean" and dtypes.OF_RAW[x.dtype] is dtypes.bool:
        raise NotImplementedError("\"scatter_reduce_mean_cpu\" not implemented for 'Bool'")
    return _reduced(xp, x, index, src, dim, reduce, include_self)


def public_scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    return scatter_reduce(input, index, src, dim=dim, reduce=reduce, include_self=include_self)


public_scatter_reduce.__doc__ = scatter_reduce.__doc__
scatter_reduce.op.public_front = public_scatter_reduce


def argwhere(input):
    """The indices of the elements that are not zero, one row each."""
    return nonzero(input)


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Where the input's values belong in sorted sequences (along the last dimension): before equal ones, or after (right)."""
    from ..creation import from_raw_like

    if sorter is not None:
        sorted_sequence = gather(sorted_sequence, sorter, dim=-1)
    side = side or ("right" if right else "left")
    values = (
        (input if isinstance(input, Tensor) else sorted_sequence.new_tensor(input)).detach().cpu().numpy()
    )
    lines = sorted_sequence.detach().cpu().numpy()
    if lines.ndim == 1:
        found = np.searchsorted(lines, values, side)
    else:
        if lines.shape[:-1] != values.shape[:-1]:
            raise RuntimeError(
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
                f"input value tensor must match, but we got boundaries tensor {list(lines.shape)} and input value tensor "
                f"{list(values.shape)}"
            )
        found = np.empty(values.shape, np.int64)
        for i in np.ndindex(lines.shape[:-1]):
            found[i] = np.searchsorted(lines[i], values[i], side)
    return from_raw_like(np.asarray(found, np.int32 if out_int32 else np.int64), sorted_sequence)


def bucketize(input, boundaries, *, out_int32=False, right=False):
    """The number of the bucket between sorted 1-d `boundaries` that each value falls into."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Which elements are among the test elements."""
    from ..creation import from_raw_like

    like = elements if isinstance(elements, Tensor) else test_elements
    a, b = (x.detach().cpu().numpy() if isinstance(x, Tensor) else x for x in (elements, test_elements))
    return from_raw_like(np.asarray(np.isin(a, b, assume_unique=assume_unique, invert=invert)), like)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The values without repetitions of the one before; on request where each came from and how often."""
    from ..creation import from_raw_like

    x = input.detach().cpu().numpy()
    lines = x.reshape(-1, 1) if dim is None else np.moveaxis(x, dim, 0)
    lines = lines.reshape(len(lines), lines.size // max(len(lines), 1))
    new = np.ones(len(lines), bool)
    new[1:] = (lines[1:] != lines[:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    values = x.reshape(-1)[starts] if dim is None else np.take(x, starts, dim)
    inverse = (np.cumsum(new) - 1).reshape(x.shape if dim is None else -1)
    counts = np.diff(np.append(starts, len(lines)))
    picked = [values] + [inverse] * return_inverse + [counts] * return_counts
    picked = [from_raw_like(np.asarray(p, order="C"), input) for p in picked]
    return picked[0] if len(picked) == 1 else tuple(picked)
