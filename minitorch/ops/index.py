"""Indexing and assignment: x[...] and x[...] = y."""

from __future__ import annotations

import warnings

import numpy as np

from .. import dtypes
from ..backends import backend_of
from ..printing import type_name
from ..tensor import Tensor
from . import coerce, shape
from .table import op


@op(
    vjp=dict(
        x=lambda xp, g, x_shape, index: xp.index_put(
            xp.blank(g, tuple(x_shape)), g, index=index, accumulate=True
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


#: types of an index that makes a view
BASIC = frozenset((int, slice, type(None), type(Ellipsis)))


def getitem(x, index):
    """Views for slices, integers, None and `...`; a copy once an index array or mask is among them."""
    if type(index) is int and x._array.ndim:  # a sample of a data set: half the time
        return shape.select(x, 0, index)
    if type(index) is Tensor and index.dtype is dtypes.int64 and index.ndim and x.ndim and index.device == x.device:
        return _taken(x, (index._array,))  # the commonest index array needs no look at its parts
    index = _as_tuple(index)
    if BASIC.issuperset(map(type, index)) or not any(_is_array_like(i) for i in index):
        return _basic(x, index)
    x, index = _split(x, index)
    if not any(_is_array_like(i) for i in index):
        return x
    return _taken(x, raw_index(x, index))


def _taken(x, index):
    if type(x._array) is not np.ndarray:
        _check_index(x, index)
    try:
        return take_index(x, index)
    except IndexError:
        _check_index(x, index)  # which says it in torch's words
        raise


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
    inplace.index_put_(x, index, value)


def public_index_put(input, indices, values, accumulate=False):
    """The input with `values` (broadcast, of its dtype) at `indices`, a tuple of index arrays and masks; added if accumulate."""
    raw = raw_index(input, tuple(indices))
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
    if not isinstance(index, list):
        return (index,)
    nested = (list, tuple, range, slice, Tensor, type(None), type(Ellipsis))
    if len(index) < 32 and any(isinstance(i, nested) for i in index):
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
    ellipses = index.count(Ellipsis)
    known = len(index) - index.count(None) - ellipses
    if known > x.ndim and (x.ndim or known > 1 or not hasattr(index[0], "__index__")):
        raise IndexError(f"too many indices for tensor of dimension {x.ndim}")
    if ellipses > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    dim, touched = 0, False
    for position, i in enumerate(index):
        if i is Ellipsis:
            dim = x.ndim - sum(j is not None for j in index[position + 1 :])
        elif i is None:
            x, dim, touched = shape.unsqueeze(x, dim), dim + 1, True
        elif isinstance(i, slice):
            n = x._array.shape[dim]
            start, stop, step = i.indices(n)
            if step <= 0:
                raise ValueError("step must be greater than zero")
            if start != 0 or stop != n or step != 1:
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


INDEX_DTYPES = (dtypes.int64, dtypes.int32, dtypes.uint8, dtypes.bool)


def raw_index(x, index):
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
            elif bool(i.max() >= n) or bool(i.min() < -n):
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
