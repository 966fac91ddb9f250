"""What counts whether an element is zero, of NumPy arrays: by kernels where NumPy's own loops are slow, which takes floats one by one."""

from __future__ import annotations

import numpy as np

from .. import kernels

FLOATS, BOOL, UINT8 = (np.float32, np.float64), np.dtype(bool), np.dtype(np.uint8)

#: beside an array NumPy compares one of its own type in 0.4 us less than a number of Python, and calls `logical_not` of floats slowly
ZEROS = {np.dtype(f): np.zeros((), f) for f in FLOATS}

#: elements from which on a kernel counts (1000, us: NumPy 1.0, kernel 0.5), and from which on one decides (logical_and of 1000: NumPy 1.2,
#: kernel 1.6; of 10**4: 11, 2.2)
MANY, MORE = 500, 2000


def _logical(function, how):
    def logical(x, y):
        if type(x) is not np.ndarray or x.size < MORE or x.dtype.type not in FLOATS or type(y) is not np.ndarray:
            return function(x, y)
        if x.dtype is not y.dtype or x.shape != y.shape:
            return function(x, y)
        out = np.empty(x.shape, BOOL)
        kernels.team.run(kernels.logic.logical, (x.ravel(), y.ravel(), out.ravel()), (how,), 0.05)
        return out

    logical.__name__ = function.__name__
    return logical


logical_and, logical_or, logical_xor = (
    _logical(function, how) for how, function in enumerate((np.logical_and, np.logical_or, np.logical_xor))
)


def logical_not(x):
    zero = ZEROS.get(x.dtype) if type(x) is np.ndarray else None
    if zero is None:
        return np.logical_not(x)
    if x.size < MORE:
        return np.equal(x, zero)
    out = np.empty(x.shape, BOOL)
    kernels.team.run(kernels.logic.logical_not, (x.ravel(), out.ravel()), (), 0.05)
    return out


def _count(x):
    """How many elements are not zero."""
    if x.size < MANY or x.dtype.type not in FLOATS:
        return np.count_nonzero(x)
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
    if x.size < MANY or x.ndim > 2:
        columns = x.nonzero()
        whole = columns[0].base  # for NumPy has found all columns in one array
        return whole if whole is not None and whole.shape == (len(columns[0]), x.ndim) else np.stack(columns, axis=1)
    held = np.ascontiguousarray(x if x.dtype.kind == "b" or x.dtype.type in FLOATS else x != 0)
    out = np.empty((_count(held) + 1, x.ndim), np.int64)
    kernels.logic.places(held if held.ndim == 2 else held.reshape(1, -1), out)
    return out[:-1]
