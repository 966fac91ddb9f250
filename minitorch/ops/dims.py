"""Dimensions as users give them -> dimensions as the namespaces take them."""

from __future__ import annotations

from math import prod
from operator import index

from ..tensor import wrap_dim


def reduced(x, dim):
    """None (all) or a tuple of dimensions in range. A 0-d array may be reduced over dimension 0 or -1."""
    if dim is None:
        return None
    if not isinstance(dim, (tuple, list)):
        dim = wrap_dim(index(dim), x.ndim)
        return (dim,) if x.ndim else None
    dims = tuple([wrap_dim(index(d), x.ndim) for d in dim])
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim {dims[0]} appears multiple times in the list of dims")
    return dims if x.ndim and dims else None


def distinct(x, dims):
    """Dimensions in range. RuntimeError if one is named twice."""
    ndim = x.ndim
    dims = tuple([wrap_dim(int(d), ndim) for d in dims])
    if len(set(dims)) != len(dims):
        twice = next(d for d in dims if dims.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return dims


def count(shape, dim):
    """How many elements are reduced into one."""
    if dim is None or dim == ():
        return prod(shape)
    dims = (dim,) if isinstance(dim, int) else dim
    return prod([shape[d] for d in {d % len(shape) for d in dims}]) if shape else 1


def restore(xp, g, x_shape, dim, keepdim):
    """A reduced gradient (or result) with the reduced dimensions back, size 1."""
    if keepdim or not x_shape:
        return g
    if dim is None or dim == ():
        return xp.reshape(g, shape=(1,) * len(x_shape))
    dims = {d % len(x_shape) for d in ((dim,) if isinstance(dim, int) else dim)}
    return xp.reshape(g, shape=tuple([1 if i in dims else n for i, n in enumerate(x_shape)]))


def spread(xp, g, x_shape, dim, keepdim):
    """The same, repeated to the shape before the reduction."""
    g = restore(xp, g, x_shape, dim, keepdim) if dim is not None else g
    return xp.expand(g, size=tuple(x_shape))


def shape_of(size, numel):
    """A shape with one -1 filled in; RuntimeError if it does not fit `numel` elements."""
    size = tuple(int(n) for n in size)
    if any(n < -1 for n in size):
        raise RuntimeError(
            f"invalid shape dimension {min(size)} at index {size.index(min(size))} of shape {list(size)}"
        )
    if size.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    known = 1
    for n in size:
        known *= n if n != -1 else 1
    if -1 in size:
        if known == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size -1 can be "
                "any value and is ambiguous"
            )
        if numel % known == 0:
            return tuple(numel // known if n == -1 else n for n in size)
    elif known == numel:
        return size
    raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {numel}")


def broadcast_shape(a, b) -> tuple:
    """The common shape of two. RuntimeError if they do not broadcast."""
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + tuple(a), (1,) * (n - len(b)) + tuple(b)
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if x != y and 1 not in (x, y):
            raise RuntimeError(
                f"The size of tensor a ({x}) must match the size of tensor b ({y}) at non-singleton dimension {i}"
            )
    return tuple(y if x == 1 else x for x, y in zip(a, b, strict=True))
