"""Floats as truths: what is not zero (NaN neither) holds."""

from __future__ import annotations

from .jit import kernel

AND, OR, XOR = range(3)


@kernel(nogil=True)
def logical(x, y, out, how):
    """out = np.logical_and(x, y), np.logical_or or np.logical_xor"""
    zero = x.dtype.type(0)
    if how == AND:
        for i in range(x.size):
            out[i] = (x[i] != zero) & (y[i] != zero)
    elif how == OR:
        for i in range(x.size):
            out[i] = (x[i] != zero) | (y[i] != zero)
    else:
        for i in range(x.size):
            out[i] = (x[i] != zero) ^ (y[i] != zero)


@kernel(nogil=True)
def logical_not(x, out):
    """out = np.logical_not(x)"""
    zero = x.dtype.type(0)
    for i in range(x.size):
        out[i] = x[i] == zero


@kernel(nogil=True)
def count(x):
    """np.count_nonzero(x)"""
    found, zero = 0, x.dtype.type(0)
    for i in range(x.size):
        found += x[i] != zero
    return found


@kernel
def places(x, out):
    """out = np.argwhere(x), of a matrix (a vector: of one row, and out has one column). out has room for one more row: what is not
    wanted is written, too, and overwritten by the next, which is quicker than to guess what comes (1.2 ns an element)."""
    found, last = 0, out.shape[1] - 1
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if last:
                out[found, 0] = i
            out[found, last] = j
            found += x[i, j] != 0
