"""How many elements are not zero, which, and whether any: of NumPy arrays, by kernels where NumPy's own loops are slow, which takes floats
one by one."""

from __future__ import annotations

import numpy as np
from numpy._core.multiarray import count_nonzero as count  # without the Python before it: 10 elements 0.08 us, not 0.25

from .. import kernels

FLOATS, UINT8 = (np.float32, np.float64), np.dtype(np.uint8)

#: elements from which on a kernel counts (1000, us: NumPy 0.6, kernel 0.6; 4000: 2.1, 0.8), and finds (64: NumPy 0.5, kernel 0.4)
MANY, SOME = 1500, 64


def _count(x):
    """How many elements are not zero."""
    if x.size < MANY or x.dtype.type not in FLOATS:
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
        return np.array(_count(x))
    held = x if x.dtype.kind == "b" else x != 0  # bools are counted 10 times as fast as floats
    return np.add.reduce(held, dim, np.int64)


def nonzero(x):
    if not x.ndim:
        return np.zeros((int(x != 0), 0), np.int64)
    if x.size < SOME or x.ndim > 2:
        columns = x.nonzero()
        whole = columns[0].base  # for NumPy has found all columns in one array
        return whole if whole is not None and whole.shape == (len(columns[0]), x.ndim) else np.stack(columns, axis=1)
    held = np.ascontiguousarray(x if x.dtype.kind == "b" or x.dtype.type in FLOATS else x != 0)
    out = np.empty((_count(held) + 1, x.ndim), np.int64)
    kernels.logic.places(held if held.ndim == 2 else held.reshape(1, -1), out)
    return out[:-1]
