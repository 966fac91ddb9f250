"""Adding and taking at positions along one dimension, and choosing. Arrays of three dimensions: before, along, after."""

from __future__ import annotations

from .jit import kernel


@kernel
def add_slices(out, index, source):
    """np.add.at(out, (slice(None), index), source), in the same order; index (K,)"""
    n = out.shape[1]
    for a in range(out.shape[0]):
        for k in range(index.size):
            at = index[k] if index[k] >= 0 else index[k] + n
            for b in range(out.shape[2]):
                out[a, at, b] += source[a, k, b]


@kernel
def add_elements(out, index, source):
    """out[a, index[a, k, b], b] += source[a, k, b], for a, k and b in this order"""
    n = out.shape[1]
    for a in range(index.shape[0]):
        for k in range(index.shape[1]):
            for b in range(index.shape[2]):
                at = index[a, k, b] if index[a, k, b] >= 0 else index[a, k, b] + n
                out[a, at, b] += source[a, k, b]


@kernel
def take_elements(x, index, out):
    """out = np.take_along_axis(x, index, 1)"""
    n = x.shape[1]
    for a in range(index.shape[0]):
        for k in range(index.shape[1]):
            for b in range(index.shape[2]):
                at = index[a, k, b] if index[a, k, b] >= 0 else index[a, k, b] + n
                out[a, k, b] = x[a, at, b]


@kernel
def where_arrays(condition, x, y, out):
    """out = np.where(condition, x, y)"""
    for i in range(out.size):
        out[i] = x[i] if condition[i] else y[i]


@kernel
def where_number(condition, x, y, holds, out):
    """out = np.where(condition == holds, x, y) for a number y"""
    number = out.dtype.type(y)
    for i in range(out.size):
        out[i] = x[i] if condition[i] == holds else number
