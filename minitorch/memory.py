"""Which memory a tensor's elements lie in, and the tensors that lie in one memory."""

from __future__ import annotations

import math

import numpy as np

from .autograd.graph import LEAF
from .backends import numpy as NUMPY
from .tensor import wrap


def owner_of(array: np.ndarray) -> np.ndarray:
    """The array whose memory this one is a view of. (NumPy's `as_strided` puts an object with a `base` in between.)"""
    while True:
        base = array.base
        base = base if isinstance(base, np.ndarray) else getattr(base, "base", None)
        if not isinstance(base, np.ndarray):
            return array
        array = base


def offset_of_empty(view) -> int:
    """Where the first element of a view without elements would be. (NumPy does not keep it: the chain of views says it.)"""
    x, offset = view.base._array, 0
    for op, metadata in view.steps:
        first = metadata.get("start", metadata.get("index"))  # of `slice_dim` and `select`
        if first is not None:
            dim = metadata["dim"]
            offset += (first if first >= 0 else first + x.shape[dim]) * (x.strides[dim] // x.itemsize)
        x = op.forward(NUMPY, x, **metadata)
    return offset


def place_in_memory(array):
    """(key of the memory, an array that owns it, offset and strides in elements)."""
    if not isinstance(array, np.ndarray):
        storage = array.untyped_storage()
        key = (str(array.device), storage.data_ptr(), str(array.dtype))
        return key, array, array.storage_offset(), tuple(array.stride())
    if any(s < 0 or s % array.itemsize for s in array.strides):
        array = np.ascontiguousarray(array)
    owner = owner_of(array)
    if owner.dtype != array.dtype or not (owner.flags.owndata or owner.flags.forc):
        owner = array = np.ascontiguousarray(array).copy()
    address, size = array.__array_interface__["data"][0], array.itemsize
    start = owner.__array_interface__["data"][0]
    return id(owner), owner, (address - start) // size, tuple(s // size for s in array.strides)


class Memory:
    """What tensors share: the elements from `low` to `high` of the memory that `owner` lies in."""

    def __init__(self, number, owner, t):
        self.number, self.owner, self.dtype, self.device = number, owner, t.dtype, str(t.device)
        self.low, self.high = math.inf, -math.inf

    def include(self, low, high):
        self.low, self.high = min(self.low, low), max(self.high, high)

    def array(self) -> np.ndarray:
        low, count, owner = self.low, self.high - self.low, self.owner
        if isinstance(owner, np.ndarray):
            flat = np.lib.stride_tricks.as_strided(owner, (self.high,), (owner.itemsize,))
            return np.ascontiguousarray(flat[low:])
        return owner.detach().as_strided((count,), (1,), low).cpu().numpy()


class Views:
    """Makes the tensors that share one memory; they share its version too."""

    def __init__(self, memory):
        self.memory, self.cell = memory, wrap(memory)._cell

    def __call__(self, offset, shape, strides, requires_grad):
        memory = self.memory
        size = memory.size if isinstance(memory, np.ndarray) else memory.numel()
        _check_place(size, shape, strides, offset)
        t = wrap(_view(memory, shape, strides, offset))
        t._cell = self.cell
        if requires_grad:
            t._node = LEAF
        return t


def _check_place(size, shape, strides, offset):
    """A damaged or hostile file must not make a view beyond its memory."""
    if len(shape) != len(strides) or not all(type(n) is int and n >= 0 for n in (*shape, *strides, offset)):
        raise ValueError(f"a tensor of shape {shape}, strides {strides}, offset {offset}")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and last >= size:
        raise ValueError(f"a tensor that reaches to element {last} of {size}")


def _view(flat, shape, strides, offset):
    if not isinstance(flat, np.ndarray):
        return flat.as_strided(shape, strides, offset)
    count = math.prod(shape)
    dense, step = True, 1
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        dense, step = dense and (n == 1 or s == step), step * n
    if dense or not count:
        return flat[offset : offset + count].reshape(shape)
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, [s * flat.itemsize for s in strides])
