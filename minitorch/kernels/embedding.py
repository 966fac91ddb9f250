"""Rows of a table by number, and the sum of rows back into it."""

from __future__ import annotations

import numpy as np

from .jit import kernel


def take(index, table):
    """table[index], or None if an index is outside of it."""
    out = np.empty((index.size, table.shape[1]), table.dtype)
    return out if copy_rows(index, table, out) else None


def add_rows(index, rows, shape, skip):
    """zeros(shape) to whose row index[i] rows[i] is added, for all i in order but those whose index is `skip`."""
    out = np.zeros(shape, rows.dtype)
    add(index, rows, skip, out)
    return out


@kernel
def copy_rows(index, table, out):
    """out = table[index] -> whether all of index was in range"""
    n, c = table.shape
    for i in range(index.size):
        at = index[i]
        if at < 0 or at >= n:
            return False
        for j in range(c):
            out[i, j] = table[at, j]
    return True


@kernel
def add(index, rows, skip, out):
    """np.add.at(out, index, rows), without the rows whose index is `skip`"""
    for i in range(index.size):
        if index[i] != skip:
            for j in range(rows.shape[1]):
                out[index[i], j] += rows[i, j]
