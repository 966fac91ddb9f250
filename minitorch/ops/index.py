"""Indexing, assignment, gather and scatter, sorting."""

from __future__ import annotations

import warnings
from collections import namedtuple

import numpy as np

from .. import dtypes
from ..backends import backend_of
from ..out import taking_out
from ..printing import type_name
from ..tensor import Tensor, wrap_dim
from . import coerce, shape
from .dims import broadcast_shape
from .samples import Int, calls
from .table import op

# ---------------------------------------------------------------------- x[...] and x[...] = y


@op(
    vjp=dict(
        x=lambda xp, g, x_shape, index: xp.index_put(
            xp.zeros_of(g, tuple(x_shape)), g, index=index, accumulate=True
        )
    ),
    method=False,
    inplace=False,
)
def take_index(xp, x, *, index):
    """x[index] with arrays among the index: a copy."""
    return xp.getitem(x, index=index)


@op(
    vjp=dict(
        x=lambda xp, g, index, accumulate: (
            g if accumulate else xp.index_put(g, xp.zeros_of(g, ()), index=index)
        ),
        y=lambda xp, g, index: xp.getitem(g, index=index),
    ),
    coerce=coerce.same,
    method=False,
)
def index_put(xp, x, y, *, index, accumulate=False):
    """x with y at `index` (slices, integers, raw index arrays)."""
    return xp.index_put(x, y, index=index, accumulate=accumulate)


def getitem(x, index):
    """Views for slices, integers, None and `...`; a copy once an index array or mask is among them."""
    if type(index) is int and x._array.ndim:  # a sample of a data set: half the time
        return shape.select(x, 0, index)
    index = _as_tuple(index)
    if not any(_is_array_like(i) for i in index):
        return _basic(x, index)
    x, index = _split(x, index)
    if not any(_is_array_like(i) for i in index):
        return x
    index = _raw_index(x, index)
    _check_index(x, index)
    return take_index(x, index)


def setitem(x, index, value):
    """In place; `value`, a tensor or a number, is broadcast to x[index]; with an index array its dtype must be x's."""
    from . import inplace

    index = _as_tuple(index)
    if not isinstance(value, Tensor):
        value = _number_like(x, value)
    if any(_is_array_like(i) for i in index):
        x, index = _split(x, index)
    else:
        x, index = _basic(x, index), ()
    if not any(_is_array_like(i) for i in index):
        extra = value.ndim - x.ndim
        if extra > 0 and all(n == 1 for n in value.shape[:extra]):  # x[0, :] = a (1, n) is allowed
            value = shape.reshape(value, value.shape[extra:])
        inplace.copy_(x, shape.expand(value, x.shape))
        return
    inplace.apply("index_put", x, index, value)


def public_index_put(input, indices, values, accumulate=False):
    """The input with `values` (broadcast, of its dtype) at `indices`, a tuple of index arrays and masks; added if accumulate."""
    raw = _raw_index(input, tuple(indices))
    _check_index(input, raw)
    if (
        values.numel() == 1
        and values.dtype is not input.dtype
        and all(_is_mask(i) for i in raw if hasattr(i, "dtype"))
    ):
        values = values.to(input.dtype)  # torch fills a mask with one number of any dtype
    if values.ndim:
        _check_value(input, raw, values)
    if values.dtype is not input.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{type_name(input.dtype)} for the destination and {type_name(values.dtype)} for the source."
        )
    return index_put(input, values, raw, accumulate)


index_put.op.public_front = public_index_put


def _number_like(x, value):
    from ..creation import full

    if not isinstance(value, (int, float, np.number, np.bool_)):
        raise TypeError(
            f"can't assign a {type(value).__name__} to a torch.{type_name(x.dtype)}Tensor (use a tensor)"
        )
    return full((), value, dtype=x.dtype, device=x.device)


def _as_tuple(index):
    """As torch: a list that has a sequence, slice, tensor, None or `...` in it stands for a tuple."""
    if isinstance(index, tuple):
        return index
    nested = (list, tuple, range, slice, Tensor, type(None), type(Ellipsis))
    if isinstance(index, list) and len(index) < 32 and any(isinstance(i, nested) for i in index):
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated; use x[tuple(seq)] instead of x[seq].",
            stacklevel=3,
        )
        return tuple(index)
    return (index,)


def _split(x, index):
    """x[index] as torch does it: first the view by the integers, slices and None; then the arrays index that view.

    (NumPy lets an integer take part as an array, which moves dimensions: x[0, :, [1, 2]].)
    """
    basic, arrays = [], []
    for i in index:
        if (
            isinstance(i, Tensor)
            and not i.ndim
            and i.dtype.category == dtypes.INTEGER
            and i.dtype is not dtypes.uint8
        ):
            i = int(i)
        if isinstance(i, (bool, np.bool_)) or (isinstance(i, Tensor) and not i.ndim):
            basic.append(None)
            arrays.append(np.array([bool(i)]))
        elif _is_array_like(i):
            i = list(i) if isinstance(i, (tuple, range)) else i
            i = np.asarray(i) if isinstance(i, list) and _plain_list(i) else i
            count = i.ndim if str(getattr(i, "dtype", "")).endswith("bool") else 1
            basic += [slice(None)] * count
            arrays.append(i)
        else:
            basic.append(i)
            if i is Ellipsis or i is None or isinstance(i, slice):
                arrays.append(i if i is Ellipsis else slice(None))
    if all(i is Ellipsis or (isinstance(i, slice) and i == slice(None)) for i in basic):
        known = sum(i is not Ellipsis for i in basic)
        if known > x.ndim:
            raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
        return x, tuple(arrays)
    return _basic(x, tuple(basic)), tuple(arrays)


def _plain_list(i):
    """Whether a list is of Python numbers and bools only, at any depth."""
    return all(
        _plain_list(j) if isinstance(j, list) else isinstance(j, (int, np.integer)) for j in i
    ) and len(i)


def _is_array_like(i):
    return isinstance(i, (Tensor, list, tuple, range, np.ndarray, bool, np.bool_))


def _basic(x, index):
    known = sum(i is not None and i is not Ellipsis for i in index)
    if known > x.ndim and (x.ndim or known > 1 or not hasattr(index[0], "__index__")):
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    if sum(i is Ellipsis for i in index) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    dim, touched = 0, False
    for position, i in enumerate(index):
        if i is Ellipsis:
            dim = x.ndim - sum(j is not None for j in index[position + 1 :])
        elif i is None:
            x, dim, touched = shape.unsqueeze(x, dim), dim + 1, True
        elif isinstance(i, slice):
            start, stop, step = i.indices(x.shape[dim]) if _plain(i) else _resolved(i).indices(x.shape[dim])
            if step <= 0:
                raise ValueError("step must be greater than zero")
            if (start, stop, step) != (0, x.shape[dim], 1):
                x, touched = shape.slice_dim(x, dim, start, max(stop, start), step), True
            dim += 1
        elif hasattr(i, "__index__"):
            if not x.ndim:
                raise IndexError(
                    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim "
                    "tensor to a number"
                )
            i, n = i.__index__(), x.shape[dim]
            if not -n <= i < n:
                raise IndexError(f"index {i} is out of bounds for dimension {position} with size {n}")
            x, touched = shape.select(x, dim, i), True
        else:
            raise IndexError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
                f"{type(i).__name__})"
            )
    return x if touched else shape.alias(x)


def _plain(s):
    return all(v is None or isinstance(v, int) for v in (s.start, s.stop, s.step))


def _resolved(s):
    return slice(*(None if v is None else int(v) for v in (s.start, s.stop, s.step)))


INDEX_DTYPES = (dtypes.int64, dtypes.int32, dtypes.uint8, dtypes.bool)


def _raw_index(x, index):
    out = []
    for i in index:
        if isinstance(i, Tensor):
            if i.device != x.device:
                if i.device.type != "cpu":
                    raise RuntimeError(
                        f"indices should be either on cpu or on the same device as the indexed tensor ({x.device})"
                    )
                i = i.to(x.device)
            if i.dtype not in INDEX_DTYPES:
                raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
            i = i._array if i.dtype is not dtypes.uint8 else i.bool()._array
        elif isinstance(i, (list, np.ndarray)):
            from ..creation import tensor

            made = tensor(i, device=x.device)
            if made.dtype.is_floating_point:
                if made.numel():
                    raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
                made = made.long()
            i = made._array
        elif isinstance(i, slice) and not _plain(i):
            i = _resolved(i)
        out.append(i)
    return tuple(out)


def _check_index(x, index):
    """IndexError before anything is computed, with torch's text."""
    dim = 0
    used = sum(_consumes(i) for i in index)
    if used > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    arrays = [i for i in index if hasattr(i, "dtype")]
    if len(arrays) > 1:
        _check_together(arrays)
    for i in index:
        if i is Ellipsis:
            dim += x.ndim - used
            continue
        if hasattr(i, "dtype") and not _is_mask(i):
            n = x.shape[dim]
            if i.shape and 0 in i.shape:
                pass
            elif bool((i >= n).any()) or bool((i < -n).any()):
                wrong = int(i[(i >= n) | (i < -n)].reshape(-1)[0])
                raise IndexError(f"index {wrong} is out of bounds for dimension {dim} with size {n}")
        elif hasattr(i, "dtype"):
            have, mask = tuple(x.shape[dim : dim + i.ndim]), tuple(i.shape)
            if have != mask:
                at = next((d for d, (a, b) in enumerate(zip(have, mask, strict=False)) if a != b), 0)
                raise IndexError(
                    f"The shape of the mask {list(mask)} at index {at} does not match the shape of the indexed tensor "
                    f"{list(x.shape)} at index {dim + at}"
                )
        dim += _consumes(i)


def _check_value(x, index, value):
    """RuntimeError if `value` does not broadcast to the shape of x[index]."""
    target = tuple(backend_of(x._array).getitem(x._array, index=index).shape)
    shape = tuple(value.shape)
    while len(shape) > len(target) and shape[0] == 1:
        shape = shape[1:]
    if len(shape) > len(target) or any(
        a not in (1, b) for a, b in zip(shape[::-1], target[::-1], strict=False)
    ):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of shape "
            f"{list(target)}"
        )


def _check_together(arrays):
    shapes = [(int(a.sum()),) if _is_mask(a) else tuple(a.shape) for a in arrays]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            f"{', '.join(str(list(s)) for s in shapes)}"
        ) from None


def _is_mask(i):
    return i.dtype == (bool if isinstance(i, np.ndarray) else dtypes.bool.torch)


def _consumes(i):
    if i is None or i is Ellipsis or isinstance(i, (bool, np.bool_)):
        return 0
    return i.ndim if hasattr(i, "dtype") and _is_mask(i) else 1


# ---------------------------------------------------------------------- gather and scatter


def _wrapped(name, x, index, dim):
    if index.dtype not in (np.dtype(np.int64), np.dtype(np.int32), dtypes.int64.torch, dtypes.int32.torch):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    dim = wrap_dim(dim, x.ndim)
    n = x.shape[dim] if x.ndim else 1
    if 0 not in index.shape and (bool((index >= n).any()) or bool((index < 0).any())):
        if name == "index_select":
            raise IndexError("index out of range in self")
        wrong = int(index[(index >= n) | (index < 0)].reshape(-1)[0])
        raise RuntimeError(f"index {wrong} is out of bounds for dimension {dim} with size {n}")
    return dim


def _fitting(name, x, index, dim, src=None):
    """As `_wrapped`, for indices that have the dimensions of x. RuntimeError if they reach beyond x or src."""
    if (index.ndim != x.ndim and x.ndim and index.ndim) or (
        src is not None and src.ndim not in (0, index.ndim)
    ):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    dim = _wrapped(name, x, index, dim)
    shapes = list(index.shape), list(x.shape)
    if 0 not in index.shape and any(a > b for d, (a, b) in enumerate(zip(*shapes, strict=False)) if d != dim):
        raise RuntimeError(
            f"Size does not match at dimension {dim} expected index {shapes[0]} to be no larger than self {shapes[1]} apart from "
            f"dimension {dim}"
        )
    if src is not None:
        if src.dtype != x.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        if any(a > b for a, b in zip(index.shape, src.shape, strict=False)):
            raise RuntimeError(
                f"Expected index {shapes[0]} to be no larger than self {shapes[1]} apart from dimension {dim} and to be no larger "
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
        x=lambda xp, g, x_shape, index, dim: xp.scatter_add(xp.zeros_of(g, tuple(x_shape)), index, g, dim=dim)
    ),
    method=False,
    inplace=False,
    torch="gather",
    coerce=coerce.same,
    samples=calls(
        (((3, 4), Int((3, 2), 4)), dict(dim=1)),
        (((3, 4), Int((2, 4), 3)), dict(dim=0)),
        (((), Int((), 1)), dict(dim=0)),
    ),
)
def gather(xp, x, index, *, dim):
    """out[i][j] = x[i][index[i][j]] (dim=1)"""
    return xp.gather(x, index, dim=_fitting("gather", x, index, dim))


@op(
    vjp=dict(
        x=lambda xp, g, index, dim: xp.scatter(g, index, xp.zeros_of(g, ()), dim=dim),
        src=lambda xp, g, index, dim: xp.gather(g, index, dim=dim),
    ),
    torch="scatter",
    coerce=coerce.same,
    method=False,
    samples=calls((((3, 4), Int((3, 1), 4), (3, 1)), dict(dim=1))),
)
def scatter(xp, x, index, src, *, dim):
    """x with out[i][index[i][j]] = src[i][j] (dim=1)"""
    return xp.scatter(x, index, src, dim=_fitting("scatter", x, index, dim, src))


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
    return xp.scatter_add(x, index, src, dim=_fitting("scatter_add", x, index, dim, src))


@op(
    vjp=dict(
        x=lambda xp, g, x_shape, index, dim: xp.index_add(xp.zeros_of(g, tuple(x_shape)), index, g, dim=dim)
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
    return xp.index_select(
        x,
        index if index.ndim or not x.ndim else index.reshape(1),
        dim=_wrapped("index_select", x, index, dim),
    )


@op(
    vjp=dict(
        x=lambda g: g,
        source=lambda xp, g, index, dim, alpha: xp.index_select(g, index, dim=dim) * alpha,
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
    if x.ndim and source.ndim and index.ndim and source.shape[dim] != index.shape[0]:
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.shape[0]}) should be equal to source.size(dim): ({source.shape[dim]}), for "
            f"dim: {dim}"
        )
    return xp.index_add(x, index, source if alpha == 1 else source * alpha, dim=dim)


for _function in (gather, index_select, scatter_add, index_add):
    _front_dim(_function)


def public_scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """x with src (a tensor or a number) at index; reduce="add" adds it. Unlike torch: reduce="multiply" is not supported."""
    src = value if src is None else src
    if not isinstance(src, Tensor):
        from ..creation import full

        src = full(index.shape, src, dtype=input.dtype, device=input.device)
    if reduce not in (None, "add"):
        raise NotImplementedError(f"scatter: reduce={reduce!r} is not supported, only 'add'")
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
        x=lambda xp, g, mask: xp.where(mask, xp.zeros_like(g), g),
        y=lambda xp, g, mask: xp.where(mask, g, xp.zeros_like(g)),
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


@op(
    torch="nonzero", samples=calls((((3, 4),), {}), (((),), {}), (((0, 2),), {})), inplace=False, method=False
)
def nonzero(xp, x):
    """The indices of the elements that are not zero, one row each."""
    return xp.nonzero(x)


def public_nonzero(input, *, as_tuple=False):
    """(n, ndim) indices of the elements that are not zero; as_tuple: one vector a dimension."""
    if as_tuple:
        return shape.unbind(nonzero(input if input.ndim else shape.reshape(input, (1,))), 1)
    return nonzero(input)


nonzero.op.public_front = public_nonzero

# ---------------------------------------------------------------------- order

sort_result = namedtuple("sort", ["values", "indices"])
topk_result = namedtuple("topk", ["values", "indices"])


@op(
    vjp=dict(x=lambda xp, g0, out1, dim: _put_back(xp, g0, out1, dim)),
    torch="sort",
    outputs=2,
    returns=sort_result,
    inplace=False,
    samples=calls((((3, 4),), {}), (((3, 4),), dict(dim=0, descending=True)), (((),), {})),
)
def sort(xp, x, *, dim=-1, descending=False, stable=False):
    """(values, indices) in order along `dim`, always stable."""
    return xp.sort(x, dim=wrap_dim(dim, x.ndim), descending=descending)


def _put_back(xp, g, index, dim):
    return xp.scatter(xp.zeros_like(g), index, g, dim=dim) if tuple(g.shape) else g


def argsort(input, dim=-1, descending=False, stable=False):
    return sort(input, dim, descending).indices


@taking_out
def topk(input, k, dim=-1, largest=True, sorted=True):
    """The k largest (or smallest) of a dimension, in order: (values, indices). Of equal ones the first; torch's are any."""
    n = input.shape[wrap_dim(dim, input.ndim)] if input.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError("selected index k out of range")
    values, indices = sort(input, dim, largest)
    if not input.ndim:
        return topk_result(values, indices)
    return topk_result(shape.narrow(values, dim, 0, k), shape.narrow(indices, dim, 0, k))


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
