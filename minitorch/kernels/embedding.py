"""Rows of a table by number, and the sum of rows back into it."""

from __future__ import annotations

import numpy as np

from . import team
from .jit import kernel


def take(index, table):
    """table[index], or None if an index is outside of it."""
    out = np.empty((index.size, table.shape[1]), table.dtype)
    done = team.run(copy_rows, (out, index), (table,), cost=0.05, returns=True)
    return out if (done if type(done) is bool else done.all()) else None


def add_rows(index, rows, shape, skip):
    """zeros(shape) to whose row index[i] rows[i] is added, for all i in order but those whose index is `skip`."""
    out = np.empty(shape, rows.dtype)
    parts = min(8, shape[1] // 8) or 1  # each looks at the whole index: not worth it for short rows
    team.run_range(add, parts, (parts, index, rows, skip, out), cost=0.3 * (rows.size + out.size) / parts)
    return out


@kernel(nogil=True)
def copy_rows(out, index, table):
    """out = table[index] -> whether all of index was in range"""
    n = table.shape[0]
    for i in range(index.size):
        at = index[i]
        if at < 0 or at >= n:
            return False
        row, to = table[at], out[i]
        for j in range(to.size):
            to[j] = row[j]
    return True


@kernel(nogil=True)
def add(start, stop, parts, index, rows, skip, out):
    """out = 0; np.add.at(out, index, rows), without the rows whose index is `skip`: parts from start to stop of so many of out's rows"""
    n, zero = out.shape[0], out.dtype.type(0)
    first, last = start * n // parts, stop * n // parts
    for i in range(first, last):
        to = out[i]
        for j in range(to.size):
            to[j] = zero
    for i in range(index.size):
        at = index[i]
        if at >= first and at < last and at != skip:
            row, to = rows[i], out[at]
            for j in range(to.size):
                to[j] += row[j]
