"""Reading and writing by index, for `backends/numpy.py`."""

from __future__ import annotations

import builtins
import math

import numpy as np

from .. import kernels
from .copies import LARGE, assign, copied

FLOATS, UNSIGNED = (np.float32, np.float64), np.dtype(np.uint64)


def _fits(x, other, index):
    """Whether kernels take these."""
    return (
        x.ndim and x.dtype.type in FLOATS and index.dtype.type is np.int64 and other.dtype is x.dtype and x.size and index.size
    )


def _place(kernel, out, other, index, dim, *how):
    """Has the kernel take from `other`, or place it, at the index along `dim` of a new, contiguous `out`."""
    before, after = math.prod(index.shape[:dim]), math.prod(index.shape[dim + 1 :])
    arrays = _rows(index, before).view(UNSIGNED), _rows(out, before), _rows(other, before)
    if not _all(kernel, arrays, (after, *how), 0.25):
        x = other if kernel is kernels.indexing.take_elements else out
        raise out_of_range(index, x.shape[dim], dim)


def _all(kernel, arrays, numbers, cost):
    """Whether the kernel returns True for every piece."""
    done = kernels.team.run(kernel, arrays, numbers, cost, returns=True)
    return done if type(done) is bool else builtins.bool(done.all())


def _rows(a, before):
    """An array as (before, along and after) a dimension, contiguous: Numba compiles anew for every other layout."""
    a = np.ascontiguousarray(a)
    return a if a.ndim == 2 and len(a) == before else a.reshape(before, -1)


def _threefold(a, dim):
    """An array as (before, along, after) dimension `dim`, contiguous."""
    n, dim = a.shape[dim], dim % a.ndim
    a = np.ascontiguousarray(a)
    return a.reshape(math.prod(a.shape[:dim]), n, math.prod(a.shape[dim + 1 :]))


def running(function, x, dim, backwards=False):
    """function.accumulate(x, dim), from the end if backwards. Floats are accumulated in float64, from 0 (or 1) on, by a kernel, as torch
    does: NumPy takes 4 ns an element, rounds at every one, and leaves a first -0.0 as it is."""
    if not x.ndim:
        return x.copy()
    if x.dtype == np.float16:
        return running(function, x.astype(np.float32), dim, backwards).astype(x.dtype)
    if x.dtype.kind == "f":
        out = np.empty(x.shape, x.dtype)
        arrays = _threefold(x, dim), _threefold(out, dim)
        kernels.team.run(kernels.running.running, arrays, (function is np.multiply, backwards), cost=0.3)
        return out
    return np.flip(function.accumulate(np.flip(x, dim), dim), dim) if backwards else function.accumulate(x, dim)


def within(index, n):
    """Whether all whole numbers are in [0, n)."""
    if not index.size:
        return True
    if index.size < LARGE:  # NumPy takes a microsecond to begin a reduction, and a fifth of one to begin a search
        return index.item(index.argmin()) >= 0 and index.item(index.argmax()) < n
    # in one pass: without their sign, negative ones are larger than any n
    return np.maximum.reduce(index.view(f"u{index.itemsize}"), None) < n if index.dtype.kind == "i" else index.max() < n


def out_of_range(index, n, dim):
    wrong = index[(index >= n) | (index < 0)].reshape(-1)[0]
    return RuntimeError(f"index {int(wrong)} is out of bounds for dimension {dim} with size {n}")


def _check(index, x, dim):
    """RuntimeError for a position that x does not have: NumPy would count it from the end."""
    n = x.shape[dim] if x.ndim else 1
    if not within(index, n):
        raise out_of_range(index, n, dim)


def getitem(x, *, index):
    return x[index]


def index_put(x, y, *, index, accumulate=False):
    """`x` with `y` at `index` (a tuple of slices, integers, arrays): a new array."""
    out = copied(x)
    if accumulate:
        np.add.at(out, index, y)
    else:
        assign(out, y, index=index)
    return out


def gather(x, index, *, dim):
    out = kernels.places.take(x, index, dim)
    if out is not NotImplemented:
        return out
    if _fits(x, x, index):
        dim %= x.ndim
        x = _cut(x, index, dim)
        out = np.empty(index.shape, x.dtype)
        _place(kernels.indexing.take_elements, out, x, index, dim)
        return out
    if not index.size:
        return np.empty(index.shape, x.dtype)
    _check(index, x, dim)
    return np.take_along_axis(_cut(x, index, dim), index, dim) if x.ndim else x.reshape(index.shape).copy()


def _cut(x, index, dim):
    """torch's index may be smaller than the array in the other dimensions."""
    if _covers(index, x, dim):
        return x
    dim %= x.ndim
    return x[tuple([slice(None) if i == dim else slice(n) for i, n in enumerate(index.shape)])]


def _covers(index, x, dim):
    """Whether the index is as large as the array in the other dimensions."""
    dim %= x.ndim
    own, whole = index.shape, x.shape
    return own[:dim] == whole[:dim] and own[dim + 1 :] == whole[dim + 1 :]


def _grid(index, dim):
    grid = list(np.indices(index.shape, sparse=True))
    if grid:
        grid[dim] = index
    return tuple(grid)


def _placed(x, index, src, dim, how):
    """A copy of x in which the kernel places src. None: it is not for these."""
    out = kernels.places.put(x, index, src, dim, how) if index.size else copied(x)
    if out is not NotImplemented:
        return out
    if not (_fits(x, src, index) and _covers(index, x, dim)):
        _check(index, x, dim)
        return None
    out = copied(x)
    _place(kernels.indexing.put_elements, out, src if src.ndim else np.full(index.shape, src), index, dim % x.ndim, how)
    return out


def scatter(x, index, src, *, dim):
    src = _cut_src(src, index)
    out = _placed(x, index, src, dim, kernels.indexing.PUT)
    if out is None:
        out = np.array(x)
        (out if out.ndim else out.reshape(index.shape))[_grid(index, dim)] = src
    return out


def scatter_add(x, index, src, *, dim):
    src = _cut_src(src, index)
    out = _placed(x, index, src, dim, kernels.indexing.ADD)
    if out is None:
        out = np.array(x)
        np.add.at(out if out.ndim else out.reshape(index.shape), _grid(index, dim), src)
    return out


MEETING = dict(prod=np.multiply, amax=np.maximum, amin=np.minimum)


def scatter_reduce(x, index, src, *, dim, reduce, include_self):
    src = _cut_src(src, index)
    if not include_self:
        x = scatter(x, index, _start(x, reduce), dim=dim)
    out = _met(x, index, src, dim, reduce)
    if reduce == "mean":
        n = scatter_add(np.full(x.shape, include_self, x.dtype), index, np.ones(index.shape, x.dtype), dim=dim)
        np.maximum(n, 1, out=n)
        out = (np.true_divide if x.dtype.kind == "f" else np.floor_divide)(out, n)
    return out


def _met(x, index, src, dim, reduce):
    """A copy of x in which what meets is reduced."""
    if reduce in ("sum", "mean"):
        return scatter_add(x, index, src, dim=dim)
    how = dict(prod=kernels.indexing.MULTIPLY, amax=kernels.indexing.LARGEST, amin=kernels.indexing.SMALLEST)[reduce]
    out = _placed(x, index, src, dim, how)
    if out is None:
        out = np.array(x)
        MEETING[reduce].at(out if out.ndim else out.reshape(index.shape), _grid(index, dim), src)
    return out


def _start(x, reduce):
    """What takes the place of x where something meets: what changes nothing."""
    start = dict(sum=0, mean=0, prod=1).get(reduce)
    return np.array(_furthest(x.dtype, reduce) if start is None else start, x.dtype)


def _furthest(dtype, reduce):
    """What every number of a type exceeds (amax), or falls short of."""
    if dtype.kind == "b":
        return reduce == "amin"
    if dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    return np.iinfo(dtype).min if reduce == "amax" else np.iinfo(dtype).max


def _cut_src(src, index):
    return src if src.shape == index.shape or not src.ndim else src[tuple([slice(n) for n in index.shape])]


def index_select(x, index, *, dim):
    if not x.ndim:
        return x[...].copy()
    out = kernels.places.take_parts(x, index, dim)
    if out is not NotImplemented:
        return out
    if not within(index, x.shape[dim]):
        raise IndexError("index out of range in self")
    if dim % x.ndim == x.ndim - 1 and _fits(x, x, index):  # single elements, not rows of them
        out = np.empty((*x.shape[:-1], index.size), x.dtype)
        rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1]), out.reshape(-1, index.size)
        _all(kernels.indexing.take_slices, rows, (index.view(np.uint64), 1), cost=0.2)
        return out
    return x.take(index, dim)


def index_add(x, index, source, *, dim):
    out = kernels.places.add_parts(x, index, source, dim)
    if out is not NotImplemented:
        return out
    if _fits(x, source, index):
        dim %= x.ndim
        out, before, after = copied(x), math.prod(x.shape[:dim]), math.prod(x.shape[dim + 1 :])
        arrays = _rows(source, before), _rows(out, before)
        if not _all(kernels.indexing.add_slices, arrays, (index.reshape(-1).view(UNSIGNED), after), 0.25):
            raise out_of_range(index, x.shape[dim], dim)
        return out
    _check(index, x, dim)
    out = np.array(x)
    if x.ndim:
        np.add.at(out, (slice(None),) * (dim % x.ndim) + (index,), source)
    else:
        np.add.at(out.reshape(1), index.reshape(-1), source.reshape(-1))
    return out


def sort(x, *, dim=-1, descending=False, k=None):
    """-> (values, indices), stable; NaN counts as the largest. k: only the first k."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    n = x.shape[dim]
    k = n if k is None else k
    found = kernels.places.first(x, dim, descending, k)
    if found is not NotImplemented:
        return found
    if x.dtype == np.float32:
        last = dim % x.ndim == x.ndim - 1
        lines = np.ascontiguousarray(x if last else x.swapaxes(dim, -1))
        shape = (*lines.shape[:-1], k)
        values, indices = np.empty(shape, x.dtype), np.empty(shape, np.int64)
        if values.size:
            rows = lines.reshape(-1, n), values.reshape(-1, k), indices.reshape(-1, k)
            if k <= kernels.indexing.FEW and n >= kernels.indexing.OF * k and _take_first(*rows, descending):
                pass
            elif x.size < LARGE:  # asking costs half a microsecond
                _sort_rows(*rows, descending)
            else:
                kernels.threads.run(_sort_rows, rows, (descending,), cost=2.0)
        return (values, indices) if last else tuple([np.ascontiguousarray(a.swapaxes(dim, -1)) for a in (values, indices)])
    if descending:  # stable in descending order: sort the mirror image and mirror back
        indices = n - 1 - np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)
    else:
        indices = np.argsort(x, dim, kind="stable")
    indices = indices[(slice(None),) * (dim % x.ndim) + (slice(k),)]
    return gather(x, indices, dim=dim), np.ascontiguousarray(indices)


def _take_first(x, values, indices, descending):
    """The first elements of every row. False: it is not for these."""
    k = values.shape[1]
    keys = np.empty((len(x), 2 * k + 16), np.uint64)
    arrays, lanes = (x, x.view(np.uint32), keys), kernels.indexing.lanes_for(x.shape[1], k)
    done = _all(kernels.indexing.first_keys, arrays, (descending, k, lanes), cost=0.15)
    if done:
        kernels.indexing.unpack(keys, x, values, indices)
    return done


def _sort_rows(x, values, indices, descending):
    """NumPy sorts whole numbers of 64 bits several at once, 8 times as fast as it finds the stable order of floats: numbers whose
    upper half is in the order of the floats, with the place in the lower half."""
    k, keys = values.shape[1], np.empty(x.shape, np.uint64)
    kernels.indexing.keys(x.view(np.uint32), descending, keys)
    if k < len(keys[0]) >= LARGE:  # shorter rows are sorted sooner than partitioned
        keys.partition(k)
        keys = np.ascontiguousarray(keys[:, :k])
    keys.sort()
    kernels.indexing.unpack(keys, x, values, indices)


def _along(name):
    def function(x, *, dim, keepdim=False):
        if not x.ndim:
            return x.copy(), np.zeros((), np.int64)
        indices = getattr(x, name)(dim, keepdims=True)
        values = gather(x, indices, dim=dim)
        return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))

    return function


max_along, min_along = _along("argmax"), _along("argmin")


def bincount(x, *, minlength=0):
    return np.bincount(x, minlength=minlength)


def index_rows(x, index):
    return x[index]
