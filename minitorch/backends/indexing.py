"""Reading and writing by index, for `backends/numpy.py`."""

from __future__ import annotations

import builtins

import numpy as np

from .. import kernels

#: elements from which on a kernel is called: np.add.at takes 15 ns an element, np.where up to 3.5, the kernels 0.2 to 1
LARGE = 4096


def where(condition, x, y):
    """np.where; floating arrays of one shape and type, or one and a number, by a kernel."""
    if type(condition) is not np.ndarray or condition.size < LARGE:
        return np.where(condition, x, y)
    array = x if type(x) is np.ndarray else y
    fits = (
        condition.dtype == np.bool_ and type(array) is np.ndarray and array.dtype in (np.float32, np.float64)
    )
    for v in (x, y):
        if type(v) is np.ndarray:
            fits = fits and v.dtype == array.dtype and v.shape == condition.shape
        else:
            fits = fits and type(v) in (int, float)
    if not fits:
        return np.where(condition, x, y)
    out, flat = np.empty(array.shape, array.dtype), condition.ravel()
    if type(x) is type(y):
        kernels.indexing.where_arrays(flat, x.ravel(), y.ravel(), out.ravel())
    elif array is x:
        kernels.indexing.where_number(flat, x.ravel(), float(y), True, out.ravel())
    else:
        kernels.indexing.where_number(flat, y.ravel(), float(x), False, out.ravel())
    return out


def _threefold(a, dim):
    """A contiguous array as (before, along, after) dimension `dim`."""
    n = a.shape[dim]
    before = int(np.prod(a.shape[: dim % a.ndim]))
    return np.ascontiguousarray(a).reshape(before, n, a.size // max(before * n, 1))


def _by_kernel(x, index, dim, like):
    """Whether a kernel takes these: large floating arrays (`like` is what is taken or added), positions that are all inside."""
    if like.size < LARGE or x.dtype not in (np.float32, np.float64) or index.dtype != np.int64:
        return False
    n = x.shape[dim]
    return -n <= index.min() and index.max() < n


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
    if not x.ndim:
        return x.reshape(index.shape).copy()
    x = _cut(x, index, dim)
    if not _by_kernel(x, index, dim, index):
        return np.take_along_axis(x, index, dim)
    out = np.empty(index.shape, x.dtype)
    kernels.indexing.take_elements(_threefold(x, dim), _threefold(index, dim), _threefold(out, dim))
    return out


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
    out, src = np.array(x, order="C"), _cut_src(src, index)
    if type(src) is np.ndarray and src.ndim and src.dtype == x.dtype and _by_kernel(x, index, dim, src):
        whole = [slice(None) if d == dim % x.ndim else slice(n) for d, n in enumerate(index.shape)]
        if out[tuple(whole)].shape == out.shape:  # index goes over all of the other dimensions
            kernels.indexing.add_elements(_threefold(out, dim), _threefold(index, dim), _threefold(src, dim))
            return out
    np.add.at(out if out.ndim else out.reshape(index.shape), _grid(index, dim), src)
    return out


#: ufunc and start of each reduction; the extremes start from the limits of the type
MEETING = dict(sum=(np.add, 0), mean=(np.add, 0), prod=(np.multiply, 1), amax=(np.maximum, None), amin=(np.minimum, None))


def scatter_reduce(x, index, src, *, dim, reduce, include_self):
    out, src, at = np.array(x, order="C"), _cut_src(src, index), _grid(index, dim)
    target = out if out.ndim else out.reshape(index.shape)
    ufunc, start = MEETING[reduce]
    if not include_self:
        target[at] = _furthest(x.dtype, reduce) if start is None else start
    ufunc.at(target, at, src)
    if reduce == "mean":
        n = np.full(target.shape, include_self, x.dtype)
        np.add.at(n, at, 1)
        np.maximum(n, 1, out=n)
        out = (np.true_divide if x.dtype.kind == "f" else np.floor_divide)(target, n).reshape(out.shape)
    return out


def _furthest(dtype, reduce):
    """What every number of a type exceeds (amax), or falls short of."""
    if dtype.kind == "b":
        return reduce == "amin"
    if dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    return np.iinfo(dtype).min if reduce == "amax" else np.iinfo(dtype).max


def _cut_src(src, index):
    return src if np.ndim(src) == 0 else src[tuple(slice(n) for n in index.shape)]


def index_select(x, index, *, dim):
    return np.take(x, index, axis=dim) if x.ndim else x[...].copy()


def index_add(x, index, source, *, dim):
    out = np.array(x, order="C")
    if x.ndim and source.dtype == x.dtype and _by_kernel(x, index, dim, source):
        kernels.indexing.add_slices(_threefold(out, dim), index.reshape(-1), _threefold(source, dim))
    elif x.ndim:
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
