"""Arrays in main memory: NumPy under torch's argument names. The device `cpu`.

A flat namespace; `backends/torch.py` has the same names and signatures (a test compares them). Functions that NumPy has
under the same name and meaning are aliases; every wrapper below says by its body why it exists.
"""

from __future__ import annotations

import builtins
import math

import numpy as np

# isort: off
# fmt: off
from numpy import (  # noqa: F401  what NumPy has under torch's name and meaning
    abs, add, bitwise_and, bitwise_or, bitwise_xor, ceil, floor, fmax, fmin, full_like, isfinite, isinf, isnan, matmul, maximum, minimum,
    ones_like, sqrt, square, trunc, where,
)
from numpy import (  # noqa: F401  and under another name
    equal as eq, greater as gt, greater_equal as ge, invert as bitwise_not,
    left_shift as bitwise_left_shift, less as lt, less_equal as le, multiply as mul, negative as neg,
    not_equal as ne, right_shift as bitwise_right_shift, subtract as sub, true_divide as div,
)
# fmt: on
# isort: on

from .. import dtypes, kernels
from . import elementary
from .copies import assign, blank, cat, copied, flip, roll, tril, triu  # noqa: F401
from .division import floor_divide, fmod, hypot, remainder  # noqa: F401
from .elementary import erf, erfc, pow, sigmoid  # noqa: F401
from .factors import cholesky, det, inv, linalg_svd, slogdet, solve  # noqa: F401
from .indexing import (  # noqa: F401
    bincount,
    gather,
    getitem,
    index_add,
    index_put,
    index_rows,
    index_select,
    max_along,
    min_along,
    running,
    scatter,
    scatter_add,
    scatter_reduce,
    sort,
    within,
)
from .logic import all, any, count_nonzero, nonzero  # noqa: F401
from .memory import keep_freed_memory
from .sums import argmax, argmin, prod, sum  # noqa: F401
from .windows import diagonal, diagonal_placed, strided, unfold, unfold_placed  # noqa: F401

keep_freed_memory()

kernels.when_compiling(lambda: elementary.shorten(globals()))


def __getattr__(name):
    """exp, log, sin ..., when they are first named: ufuncs of the kernels, with which Numba is imported."""
    ufunc = globals()[name] = elementary.ufunc(name)
    return ufunc


def asarray(x):
    """A 0-d array for the scalar that NumPy makes of one; an array of another device (the result of a move) as it is."""
    return np.asarray(x) if isinstance(x, (np.generic, int, float)) else x


def is_floating(x):
    return x.dtype.kind == "f"


def astype(x, dtype):
    return np.asarray(x).astype(dtype.numpy)


def astype_like(x, like):
    return x.astype(like.dtype)


def from_numpy(x, device=None):
    return x


def to_numpy(x):
    return x


def clone(x):
    return copied(x) if x.flags.c_contiguous else np.array(x, order="K")


def contiguous(x):
    return np.ascontiguousarray(x).reshape(x.shape)  # which gives a 0-d array a dimension


def zeros_beside(x, shape, dtype):
    return np.zeros(shape, dtype)


def full(size, fill_value, *, dtype, device=None):
    if type(fill_value) is int and fill_value == 0:  # memory fresh from the system is zero: nothing is written
        return np.zeros(size, dtype.numpy)
    if type(fill_value) is int and not dtype.is_floating_point and dtype is not dtypes.bool:
        return np.full(size, fill_value, np.int64).astype(dtype.numpy)  # wraps around, as torch
    return np.full(size, fill_value, dtype.numpy)


def zeros_like(x):
    # np.zeros_like takes 1.2 us; a symbol of kernels/fuse.py has no shape
    return np.zeros(x.shape, x.dtype) if type(x) is np.ndarray else np.zeros_like(x)


def zeros_of(x, shape):
    """Zeros of a shape in x's type, on x's device."""
    return np.zeros(shape, x.dtype)


def index_range(x, dim, start, end=-1):
    """A mask, broadcastable to x: position `start` of a dimension, or (end=None) it and all after it."""
    i = np.arange(x.shape[dim]).reshape([-1 if d == dim % x.ndim else 1 for d in range(x.ndim)])
    return i >= start if end is None else i == start


def arange(start, end, step, *, dtype, device=None):
    # torch computes start + i * step
    n = builtins.max(math.ceil((end - start) / step), 0)
    if dtype.is_floating_point:
        return (start + np.arange(n, dtype=np.float64) * step).astype(dtype.numpy)
    return (int(start) + np.arange(n, dtype=np.int64) * int(step)).astype(dtype.numpy)


# ---------------------------------------------------------------------- pointwise


def sign(x):
    return np.sign(x) if x.dtype.kind != "b" else x.copy()


def reciprocal(x):
    return 1 / x  # np.reciprocal is whole for whole numbers


def rsqrt(x):
    return 1 / np.sqrt(x)


def round(x, *, decimals=0):
    return x.round(decimals) if decimals or x.dtype.kind != "f" else np.rint(x)


def clamp(x, *, min=None, max=None):
    # np.clip refuses a bound that x's type cannot hold
    if min is not None:
        x = np.maximum(x, np.asarray(min, x.dtype) if type(min) in (int, float) else min)
    if max is not None:
        x = np.minimum(x, np.asarray(max, x.dtype) if type(max) in (int, float) else max)
    return x


# ---------------------------------------------------------------------- reductions: NumPy's words are axis and keepdims


def amax(x, *, dim=None, keepdim=False):
    return np.maximum.reduce(x, dim, None, None, keepdim)


def amin(x, *, dim=None, keepdim=False):
    return np.minimum.reduce(x, dim, None, None, keepdim)


def cumsum(x, *, dim):
    return running(np.add, x, dim)


def cumprod(x, *, dim):
    return running(np.multiply, x, dim)


def cumsum_back(x, *, dim):
    return running(np.add, x, dim, backwards=True)


# ---------------------------------------------------------------------- shape: the methods, without NumPy's Python before them


def reshape(x, *, shape):
    return x.reshape(shape)


def view(x, *, shape):
    """A view or a ValueError: never a copy."""
    return x.reshape(shape, copy=False)


def transpose(x, *, dim0, dim1):
    return x.swapaxes(dim0, dim1) if x.ndim else x[...]


def permute(x, *, dims):
    return x.transpose(dims)


def expand(x, *, size):
    if not x.ndim:  # a scalar of NumPy, too
        return np.ndarray(size, x.dtype, x, 0, (0,) * len(size))
    strides = [0] * len(size)
    for i, n in enumerate(x.shape, len(size) - x.ndim):
        if n != 1 or size[i] == 1:
            strides[i] = x.strides[i - len(size)]
    return strided(x, size, strides)


def unsqueeze(x, *, dim):
    return x[(slice(None),) * (dim % (x.ndim + 1)) + (None, ...)]  # np.expand_dims in a tenth of its time


def squeeze(x, *, dim=None):
    return x.squeeze(dim)


def select(x, *, dim, index):
    return x[(slice(None),) * dim + (index, ...)]  # the ellipsis keeps it a view when one element is left


def slice_dim(x, *, dim, start, end, step):
    return x[(slice(None),) * dim + (slice(start, end, step),)]
