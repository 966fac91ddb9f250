"""Reading and writing by index, for `backends/numpy.py`."""

from __future__ import annotations

import builtins

import numpy as np


def getitem(x, *, index):
    return x[index]


def index_put(x, y, *, index, accumulate=False):
    """`x` with `y` at `index` (a tuple of slices, integers, arrays): a new array."""
    out = np.array(x)
    if accumulate:
        np.add.at(out, index, y)
    else:
        out[index] = y
    return out


def gather(x, index, *, dim):
    return np.take_along_axis(_cut(x, index, dim), index, dim) if x.ndim else x.reshape(index.shape).copy()


def _cut(x, index, dim):
    """torch's index may be smaller than the array in the other dimensions."""
    dim %= x.ndim
    return x[tuple(slice(None) if i == dim else slice(n) for i, n in enumerate(index.shape))]


def _grid(index, dim):
    grid = list(np.indices(index.shape, sparse=True))
    if grid:
        grid[dim] = index
    return tuple(grid)


def scatter(x, index, src, *, dim):
    out = np.array(x)
    (out if out.ndim else out.reshape(index.shape))[_grid(index, dim)] = _cut_src(src, index)
    return out


def scatter_add(x, index, src, *, dim):
    out = np.array(x)
    np.add.at(out if out.ndim else out.reshape(index.shape), _grid(index, dim), _cut_src(src, index))
    return out


def _cut_src(src, index):
    return src if np.ndim(src) == 0 else src[tuple(slice(n) for n in index.shape)]


def index_select(x, index, *, dim):
    return np.take(x, index, axis=dim) if x.ndim else x[...].copy()


def index_add(x, index, source, *, dim):
    out = np.array(x)
    if x.ndim:
        np.add.at(out, (slice(None),) * (dim % x.ndim) + (index,), source)
    else:
        np.add.at(out.reshape(1), index.reshape(-1), source.reshape(-1))
    return out


def nonzero(x):
    return np.stack(np.nonzero(x), axis=1) if x.ndim else np.zeros((int(builtins.bool(x)), 0), np.int64)


def sort(x, *, dim=-1, descending=False):
    """-> (values, indices), stable; NaN counts as the largest."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    if descending:  # stable in descending order: sort the mirror image and mirror back
        n = x.shape[dim]
        indices = n - 1 - np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)
    else:
        indices = np.argsort(x, dim, kind="stable")
    return np.take_along_axis(x, indices, dim), indices


def bincount(x, *, minlength=0):
    return np.bincount(x, minlength=minlength)


def index_rows(x, index):
    return x[index]
