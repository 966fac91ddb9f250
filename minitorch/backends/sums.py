"""Sums and products for `backends/numpy.py`, of large arrays by kernels, which threads share; and where the extremes are."""

from __future__ import annotations

import math

import numpy as np

from .. import kernels
from ..kernels.layout import FLOATS

#: elements from which on they are a kernel's (us, NumPy / kernel: sum of 16384 3.6 / 6.7, 10**5 17 / 9.9, 10**6 150 / 53; prod 815 / 77)
LARGE = 1 << 15

#: numbers of the rows in which an array is taken that is summed as a whole, and the shortest rows that are a kernel's
ROW, SHORT = 1 << 13, 32


def sum(x, *, dim=None, keepdim=False):
    if dim is None and not keepdim and FLOATS:
        found = kernels.sums.whole(x, LARGE)
        if found is not NotImplemented:
            return found
    if x.size >= LARGE:
        found = reduced(x, dim, keepdim, "sums")
        if found is not None:
            return found
    return np.add.reduce(x, dim, None, None, keepdim)


def prod(x, *, dim=None, keepdim=False):
    found = reduced(x, dim, keepdim, "products") if x.size >= LARGE else None
    return np.multiply.reduce(x, dim, None, None, keepdim) if found is None else found


def reduced(x, dim, keepdim, name):
    """`kernels.sums.sums` or `.products` over the last dimensions of a contiguous float array. None: it is not for them."""
    if type(x) is not np.ndarray or x.dtype.itemsize < 4 or x.dtype.kind != "f" or not x.flags.carray:
        return None
    first = first_reduced(x.ndim, dim)
    if first is None:
        return None
    kept = x.shape[:first]
    n = math.prod(x.shape[first:])
    if n < SHORT:
        return None
    rows = np.empty(x.size // n)
    if len(rows) == 1:
        rows[0] = whole(x.reshape(-1), name)
    else:
        kernels.team.run(getattr(kernels.sums, name), (x.reshape(-1, n), rows), cost=0.03)
    with np.errstate(over="ignore"):
        return rows.astype(x.dtype).reshape(kept + (1,) * ((x.ndim - first) * keepdim))


def whole(x, name):
    """Of all numbers of a vector."""
    kernel, full = getattr(kernels.sums, name), x.size // ROW * ROW
    rows = np.empty(full // ROW + 1)
    kernel(x[None, full:], rows[-1:])
    kernels.team.run(kernel, (x[:full].reshape(-1, ROW), rows[:-1]), cost=0.03)
    with np.errstate(all="ignore"):
        return (np.add if name == "sums" else np.multiply).reduce(rows)


def first_reduced(ndim, dim):
    """The first of the last dimensions, if these are the ones to be reduced; or None."""
    if dim is None:
        return 0
    dims = sorted([d % ndim for d in dim]) if isinstance(dim, tuple) else [dim % ndim]
    return dims[0] if dims == list(range(ndim - len(dims), ndim)) and dims else None


def argmax(x, *, dim=None, keepdim=False):
    try:
        return x.argmax(dim, keepdims=keepdim) if dim is not None or keepdim else x.argmax()
    except ValueError:
        raise _no_elements("argmax") from None


def argmin(x, *, dim=None, keepdim=False):
    try:
        return x.argmin(dim, keepdims=keepdim) if dim is not None or keepdim else x.argmin()
    except ValueError:
        raise _no_elements("argmin") from None


def _no_elements(name):
    return IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
