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

#: elements from which on threads share the counting, and a kernel finds what is no float, too (us, NumPy / kernel: 100 1.2 / 0.7)
SHARED, SOME = 300_000, 64


#: whether NumPy finds all columns in one array, and gives views of it
_array = np.ones((1, 2)).nonzero()[0].base
TOGETHER = _array is not None and _array.shape == (2, 2)


def _count(x):
    """How many elements are not zero, as an array of no dimensions. (Of 10 floats a kernel needs 0.08 us, NumPy and `np.array` 0.2.)"""
    if x.dtype not in FLOATS:
        return np.array(count(x))
    if x.size >= SHARED:
        found = kernels.team.run(kernels.logic.count, (x.ravel(),), (), 0.1, 0)  # a number, or those of the pieces, in float64
        return np.array(found if type(found) is int else int(found.sum()))
    found = kernels.logic.counts(x)
    return np.array(count(x)) if found is NotImplemented else found


def all(x, *, dim=None, keepdim=False):
    if dim is None and not keepdim:
        out = np.array(int(_count(x)) == x.size)
    else:
        out = np.logical_and.reduce(x, dim, None, None, keepdim)
    return out.astype(UINT8) if x.dtype is UINT8 else out  # torch keeps uint8, its old bool


def any(x, *, dim=None, keepdim=False):
    if dim is None and not keepdim:
        out = np.array(bool(_count(x)))
    else:
        out = np.logical_or.reduce(x, dim, None, None, keepdim)
    return out.astype(UINT8) if x.dtype is UINT8 else out


def count_nonzero(x, *, dim=None):
    if dim is None:
        return _count(x)
    held = x if x.dtype.kind == "b" else x != 0  # bools are counted 10 times as fast as floats
    return np.add.reduce(held, dim, np.int64)


def nonzero(x):
    if not x.ndim:
        return np.zeros((int(x != 0), 0), np.int64)
    if x.ndim <= 2 and FLOATS:
        out = kernels.logic.places(x)
        if out is NotImplemented and x.size >= SOME:
            out = kernels.logic.places(np.ascontiguousarray(x != 0))
        if out is not NotImplemented:
            return out[:-1]
    return x.nonzero()[0].base if TOGETHER else np.stack(x.nonzero(), axis=1)
