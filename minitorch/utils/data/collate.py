"""From a list of samples to a batch: tensors are stacked, numbers become tensors, containers stay."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

import numpy as np

from ...creation import as_tensor, tensor
from ...dtypes import OF_RAW, float64
from ...ops import stack
from ...tensor import Tensor, wrap


def default_collate(batch):
    """Makes one batch of a list of samples: each leaf gets a first dimension of `len(batch)`.

    Tensors and NumPy arrays are stacked, Python floats become float64, ints int64; tuples become lists, and
    dicts, lists and named tuples are collated item by item. Strings stay lists.

    Raises:
        TypeError: samples of a type that has no place in a batch.
        RuntimeError: sequences of unequal length, tensors of unequal shape.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack(batch)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUO":
            raise TypeError(_unknown(first.dtype))
        rows = _in_one(batch) if first.dtype in OF_RAW else None
        return stack([as_tensor(array) for array in batch], dim=0) if rows is None else wrap(rows)
    if isinstance(first, np.generic) and not isinstance(first, (str, bytes)):
        return as_tensor(np.array(batch))
    if isinstance(first, (float, int)):
        return _numbers(batch, type(first))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _like_mapping(
            first, {key: default_collate([sample[key] for sample in batch]) for key in first}
        )
    if isinstance(first, Sequence):
        return _collate_sequences(first, batch)
    raise TypeError(_unknown(type(first)))


def _stack(tensors):
    """`stack(tensors, dim=0)`; in one call of NumPy if they are alike and nothing is to be recorded."""
    arrays = [t._array for t in tensors if isinstance(t, Tensor) and t._edge is None]
    rows = _in_one(arrays) if len(arrays) == len(tensors) else None
    return stack(tensors, dim=0) if rows is None else wrap(rows)


def _in_one(arrays):
    """The arrays in one; None unless they are NumPy's, of one shape and dtype."""
    shape, dtype = arrays[0].shape, arrays[0].dtype
    for a in arrays:
        if type(a) is not np.ndarray or a.shape != shape or a.dtype is not dtype:
            return None
    return np.array(arrays, dtype)


def _numbers(batch, kind):
    """A tensor of Python numbers, float64 if the first is a float."""
    if kind in (int, float) and set(map(type, batch)) == {kind}:  # an eighth of the time of `tensor`
        numbers = np.array(batch)
        if numbers.dtype == kind:  # a large int gives another one
            return wrap(numbers)
    return tensor(batch, dtype=float64 if issubclass(kind, float) else None)


def _collate_sequences(first, batch):
    named = isinstance(first, tuple) and hasattr(first, "_fields")
    if not named and any(len(sample) != len(first) for sample in batch):
        raise RuntimeError(
            "each element in list of batch should be of equal size, got the sizes "
            f"{sorted({len(sample) for sample in batch})}; pad them or pass a collate_fn"
        )
    columns = [default_collate(column) for column in zip(*batch, strict=False)]
    if named:
        return type(first)(*columns)
    return columns if isinstance(first, tuple) else _like_sequence(first, columns)


def default_convert(data):
    """NumPy arrays and numbers become tensors, inside containers too; everything else stays as it is."""
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, Sequence):
        return _like_sequence(data, [default_convert(d) for d in data])
    return data


def _like_mapping(original, items: dict):
    """`items` in a mapping of the original's type, or in a dict if that can't be made."""
    try:
        if isinstance(original, MutableMapping):
            made = copy.copy(original)
            made.update(items)
            return made
        return type(original)(items)
    except TypeError:
        return items


def _like_sequence(original, items: list):
    try:
        if isinstance(original, MutableSequence):
            made = copy.copy(original)
            for i, item in enumerate(items):
                made[i] = item
            return made
        return type(original)(items)
    except TypeError:
        return items


def _unknown(kind) -> str:
    return (
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {kind}. Convert it in the data set or pass a collate_fn"
    )
