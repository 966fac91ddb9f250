"""New arrays of the elements of others, in another place or order, for `backends/numpy.py`; large ones by the team."""

from __future__ import annotations

import builtins
import math

import numpy as np

from .. import kernels

#: elements from which on a kernel is worth its call, of a microsecond or two
LARGE = 1024

#: bytes from which on the team copies (MB, us, NumPy / team: 0.04: 1.7, 5; 1: 37, 43; 4, in the cache: 131, 147; 8: 1060, 480; 40: 8050, 5350)
COPIED = 1 << 21


def copied(x):
    """A new array of x's elements, row by row. Of `blank` ones fresh memory, which nobody has to fill from another."""
    if x.size < LARGE or (x.nbytes < COPIED and builtins.any(x.strides)):
        return np.array(x, order="C")  # x.copy() of a NumPy scalar, as a gradient may be, is none that can be written to
    if not builtins.any(x.strides):
        value = x.item(0)
        if not value and math.copysign(1, value) > 0:
            return np.zeros(x.shape, x.dtype)
    out = np.empty(x.shape, x.dtype)
    if x.dtype.char in "fd" and not builtins.any(x.strides):
        kernels.team.run(kernels.indexing.fill, (out.reshape(-1),), (x.dtype.type(value),), cost=0.015 * x.itemsize)
    else:
        _copy(x, out)
    return out


def _copy(x, out):
    """out[...] = x, of one shape and type and other memory; large ones by the team, if both are equally distant lines of neighbours."""
    if x.nbytes >= COPIED:
        if x.flags.carray and out.flags.carray:
            kernels.team.run(kernels.indexing.copy, tuple([a.reshape(-1).view(np.uint8) for a in (x, out)]), cost=0.01)
            return
        lines, places = (_lines(x), _lines(out)) if x.ndim > 1 else (None, None)
        if lines is not None and places is not None:
            count, size = x.size // x.shape[-1], x.shape[-1] * x.itemsize
            kernels.team.run_range(kernels.indexing.copy_lines, count, (*lines, *places, size), cost=0.02 * size)
            return
    out[...] = x


def _lines(x):
    """x as equally distant lines of neighbours: (the bytes of memory that they lie in, where the first begins, how far it is to the
    next). None if x is something else."""
    size = x.itemsize
    if x.strides[-1] != size or not x.flags.writeable:
        return None
    try:
        lines = x.reshape(-1, x.shape[-1], copy=False)
    except ValueError:
        return None
    step, last = lines.strides[0], len(lines) - 1
    if step % size:
        return None
    first, reach = (-step * last, lines[last]) if step < 0 else (0, lines[0])
    memory = np.lib.stride_tricks.as_strided(reach, (builtins.abs(step) // size * last + x.shape[-1],), (size,))
    return memory.view(np.uint8), first, step


def cat(xs, *, dim=0):
    first = xs[0]
    ndim = first.ndim
    if first.nbytes < COPIED > xs[-1].nbytes or not -ndim <= dim < ndim or builtins.any(x.dtype is not first.dtype for x in xs):
        return np.concatenate(xs, axis=dim)
    dim %= ndim
    before, after = first.shape[:dim], first.shape[dim + 1 :]
    if builtins.any(x.ndim != ndim or (x.shape[:dim], x.shape[dim + 1 :]) != (before, after) for x in xs):
        return np.concatenate(xs, axis=dim)  # it says what is wrong
    out, at, whole = np.empty((*before, builtins.sum(x.shape[dim] for x in xs), *after), first.dtype), 0, (slice(None),) * len(before)
    for x in xs:
        _copy(x, out[(*whole, slice(at, at + x.shape[dim]))])
        at += x.shape[dim]
    return out


def assign(x, y, *, index):
    """x[index] = y, also where several elements of x are one memory location."""
    if y.nbytes >= COPIED and type(index) is tuple and builtins.all(type(i) is slice for i in index):
        part = x[index]
        if part.shape == y.shape and x.dtype is y.dtype and not np.may_share_memory(x, y):
            _copy(y, part)
            return
    x[index] = y


def blank(x, shape):
    """Zeros of a shape in x's type, on x's device, to be placed into: `copied` before they are written. Large ones take no memory."""
    zeros = np.zeros(shape if math.prod(shape) < LARGE else (), x.dtype)
    return zeros if zeros.ndim else np.broadcast_to(zeros, shape)


def flip(x, *, dims):
    if not x.ndim:
        return x.copy()
    index = [slice(None)] * x.ndim
    for d in dims:
        index[d] = slice(None, None, -1)
    return copied(x[tuple(index)])


def roll(x, *, shifts, dims=None):
    if dims is None:
        return roll(x.reshape(-1), shifts=shifts, dims=0).reshape(x.shape)
    shifts, dims = [(v,) if isinstance(v, int) else v for v in (shifts, dims)]
    for shift, dim in zip(shifts, dims, strict=True):
        at, n = (slice(None),) * (dim % x.ndim), x.shape[dim]
        n -= shift % n if n else 0
        x = cat((x[(*at, slice(n, None))], x[(*at, slice(n))]), dim=dim)
    return x


def tril(x, *, diagonal=0):
    return _triangle(x, diagonal, lower=True)


def triu(x, *, diagonal=0):
    return _triangle(x, diagonal, lower=False)


def _triangle(x, diagonal, lower):
    """The elements of the last two dimensions up to (lower) or from a diagonal on, zeros elsewhere."""
    if x.ndim < 2:
        return np.tril(x, diagonal) if lower else np.triu(x, diagonal)
    out = np.empty(x.shape, x.dtype)
    if x.size:
        lines = [np.ascontiguousarray(a).reshape(-1, a.shape[-1]).view(np.uint8) for a in (x, out)]
        arguments = lines[0], x.shape[-2], x.itemsize, diagonal, lower, lines[1]
        kernels.team.run_range(kernels.indexing.triangle, len(lines[0]), arguments, cost=0.02 * lines[0].shape[1])
    return out
