"""How many elements are not zero, which, and whether any: of NumPy arrays, by kernels where NumPy's own loops are slow, which takes floats
one by one."""

from __future__ import annotations

import numpy as np
from numpy._core.multiarray import (
    count_nonzero as count,  # without the Python before it: 10 elements 0.08 us, not 0.25
)

from .. import kernels
from ..kernels.layout import FLOATS

UINT8 = np.dtype(np.uint8)

#: elements from which on a kernel counts (us, NumPy / kernel: 500 0.33 / 0.38, 1000 0.6 / 0.44), threads share that, and a kernel finds
#: (100: 1.2 / 0.7)
MANY, SHARED, SOME = 500, 300_000, 64


#: whether NumPy finds all columns in one array, and gives views of it
_array = np.ones((1, 2)).nonzero()[0].base
TOGETHER = _array is not None and _array.shape == (2, 2)


def _count(x):
    """How many elements are not zero."""
    if x.size < MANY:
        return count(x)
    if x.size < SHARED and FLOATS:
        arrays = (x,)
        found = kernels.logic.count_in(id(arrays))
        return found if found >= 0 else count(x)
    if x.dtype.type not in (np.float32, np.float64):
        return count(x)
    found = kernels.team.run(kernels.logic.count, (x.ravel(),), (), 0.1, 0)
    return found if type(found) is int else int(found.sum())


def all(x, *, dim=None, keepdim=False):
    if dim is None and not keepdim:
        out = np.array(_count(x) == x.size)
    else:
        out = np.logical_and.reduce(x, dim, None, None, keepdim)
    return out.astype(UINT8) if x.dtype is UINT8 else out  # torch keeps uint8, its old bool


def any(x, *, dim=None, keepdim=False):
    if dim is None and not keepdim:
        out = np.array(_count(x) > 0)
    else:
        out = np.logical_or.reduce(x, dim, None, None, keepdim)
    return out.astype(UINT8) if x.dtype is UINT8 else out


def count_nonzero(x, *, dim=None):
    if dim is None:
        return np.array(count(x) if x.size < MANY else _count(x))
    held = x if x.dtype.kind == "b" else x != 0  # bools are counted 10 times as fast as floats
    return np.add.reduce(held, dim, np.int64)


def nonzero(x):
    if not x.ndim:
        return np.zeros((int(x != 0), 0), np.int64)
    if x.size < SOME or x.ndim > 2:
        return x.nonzero()[0].base if TOGETHER else np.stack(x.nonzero(), axis=1)
    held = np.ascontiguousarray(x if x.dtype.char in "fd?" else x != 0)
    out = np.empty((_count(held) + 1, x.ndim), np.int64)
    kernels.logic.places(held if x.ndim == 2 else held.reshape(1, -1), out)
    return out[:-1]
