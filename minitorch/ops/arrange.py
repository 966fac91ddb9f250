"""Tensors put together, repeated, turned and taken apart."""

from __future__ import annotations

import itertools
from operator import index

import numpy as np

from ..out import taking_out
from ..tensor import Tensor, wrap_dim
from . import coerce, shape
from .dims import broadcast_shape, distinct
from .samples import Value, calls
from .selection import index_select
from .shape import contiguous_copy, diagonal_placed, expand, narrow, reshape, transpose, unsqueeze
from .table import op


@op(
    vjp=dict(tensors=lambda xp, g, shapes, dim: _cut_up(xp, g, shapes, dim)),
    torch="cat",
    coerce=coerce.listed,
    method=False,
    inplace=False,
    samples=calls((([(2, 3), (1, 3)],), dict(dim=0)), (([(2, 3), (2, 0), (2, 2)],), dict(dim=-1))),
)
def cat(xp, *tensors, dim=0):
    """Tensors joined along an existing dimension. Shapes must agree in the others (a 1-d empty tensor is skipped)."""
    try:
        return xp.cat(tensors, dim=index(dim))
    except (ValueError, RuntimeError, IndexError):
        return xp.cat(_joinable(tensors, dim), dim=dim)


def _joinable(tensors, dim):
    """The tensors without 1-d empty ones; or an error that says what is wrong with them."""
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    if any(t.ndim == 0 for t in tensors):
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    real = [t for t in tensors if tuple(t.shape) != (0,)] or tensors[:1]
    first, dim = real[0], wrap_dim(dim, real[0].ndim)
    for i, t in enumerate(real):
        if t.ndim != first.ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {first.ndim} and {t.ndim}")
        if any(a != b for d, (a, b) in enumerate(zip(first.shape, t.shape, strict=True)) if d != dim):
            wrong = next(d for d in range(t.ndim) if d != dim and t.shape[d] != first.shape[d])
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size {first.shape[wrong]} but got size "
                f"{t.shape[wrong]} for tensor number {i} in the list."
            )
    return real


def _cut_up(xp, g, shapes, dim):
    start, parts = 0, []
    dim = dim % len(g.shape)
    for size in shapes:
        n = size[dim] if tuple(size) != (0,) else 0
        part = xp.slice_dim(g, dim=dim, start=start, end=start + n, step=1)
        parts.append(part if tuple(size) != (0,) else xp.zeros_of(g, (0,)))
        start += n
    return parts


@op(
    vjp=dict(x=lambda xp, g, dims: xp.flip(g, dims=dims)),
    torch="flip",
    out=False,
    varargs="dims",
    inplace=False,
    samples=calls((((3, 4), Value((0,))), {}), (((2, 3, 4), Value((0, -1))), {}), (((), Value((0,))), {})),
)
def flip(xp, x, *, dims):
    """Reversed along dimensions: a copy."""
    if isinstance(dims, int):
        raise TypeError("flip(): argument 'dims' (position 2) must be tuple of ints, not int")
    return xp.flip(x, dims=distinct(x, dims))


@op(
    vjp=dict(
        x=lambda xp, g, shifts, dims: xp.roll(
            g, shifts=tuple(-s for s in shifts) if isinstance(shifts, (tuple, list)) else -shifts, dims=dims
        )
    ),
    torch="roll",
    out=False,
    samples=calls((((3, 4), 1, 0), {}), (((3, 4), 2), {}), (((3, 4), Value((1, -1)), Value((0, 1))), {})),
    inplace=False,
)
def roll(xp, x, *, shifts, dims=None):
    """Shifted along dimensions; what leaves at the end comes back at the start."""
    shifts, dims = [v if isinstance(v, (tuple, list)) else () if v is None else (v,) for v in (shifts, dims)]
    if not shifts:
        raise RuntimeError("`shifts` required")
    if len(shifts) != len(dims) and (len(shifts), len(dims)) != (1, 0):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if not dims:
        return xp.roll(x, shifts=shifts[0], dims=None)
    if not x.ndim:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    return xp.roll(x, shifts=tuple(shifts), dims=tuple([wrap_dim(d, x.ndim) for d in dims]))


def _is_matrix(name, x):
    if x.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions, but it has {x.ndim}")


@op(
    vjp=dict(x=lambda xp, g, diagonal: xp.tril(g, diagonal=diagonal)),
    torch="tril",
    samples=calls((((3, 4),), {}), (((2, 3, 3), -1), {})),
)
def tril(xp, x, *, diagonal=0):
    """The lower triangle of the last two dimensions, zero elsewhere."""
    _is_matrix("tril", x)
    return xp.tril(x, diagonal=diagonal)


@op(
    vjp=dict(x=lambda xp, g, diagonal: xp.triu(g, diagonal=diagonal)),
    torch="triu",
    samples=calls((((3, 4),), {}), (((2, 3, 3), 1), {})),
)
def triu(xp, x, *, diagonal=0):
    """The upper triangle of the last two dimensions, zero elsewhere."""
    _is_matrix("triu", x)
    return xp.triu(x, diagonal=diagonal)


@op(
    vjp=dict(tensors=lambda xp, g, shapes, dim: [xp.select(g, dim=dim % len(g.shape), index=i) for i in range(len(shapes))]),
    torch="stack",
    coerce=coerce.listed,
    method=False,
    inplace=False,
    samples=calls((([(2, 3), (2, 3)],), dict(dim=0)), (([(2, 3), (2, 3)],), dict(dim=-1)), (([(), (), ()],), {}), (([(0, 2)],), {})),
)
def stack(xp, *tensors, dim=0):
    """Tensors of one shape joined along a new dimension."""
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tensors[0].shape
    for i, t in enumerate(tensors):
        if t.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(t.shape)} at entry {i}"
            )
    dim = wrap_dim(dim, len(first) + 1)
    size = (*first[:dim], 1, *first[dim:])
    return xp.cat([xp.reshape(t, shape=size) for t in tensors], dim=dim)


def repeat(input, *repeats):
    """Copies along each dimension; new dimensions come first."""
    repeats = tuple(repeats[0]) if len(repeats) == 1 and isinstance(repeats[0], (tuple, list)) else repeats
    extra = len(repeats) - input.ndim
    if extra < 0:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    shape = (1,) * extra + tuple(input.shape)
    x = reshape(input, tuple(n for s in shape for n in (1, s)))
    x = expand(x, tuple(n for r, s in zip(repeats, shape, strict=True) for n in (r, s)))
    return reshape(contiguous_copy(x), tuple(r * s for r, s in zip(repeats, shape, strict=True)))


def tile(input, dims):
    """As repeat; missing leading counts are 1."""
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


@taking_out
def diag(input, diagonal=0):
    """A matrix's diagonal, or a matrix with the vector as diagonal."""
    if input.ndim == 2:
        return contiguous_copy(shape.diagonal(input, diagonal))
    if input.ndim != 1:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    n = input.shape[0] + abs(diagonal)
    return diagonal_placed(input, (n, n), diagonal, 0, 1)


def _each(function):
    """For one tensor, or for several (given one by one or as a list), then a tuple."""

    def on_all(*tensors):
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return function(tensors[0])
        return tuple(function(t) for t in (tensors[0] if len(tensors) == 1 else tensors))

    on_all.__name__, on_all.__doc__ = function.__name__, function.__doc__
    return on_all


@_each
def atleast_1d(input):
    """With one dimension at least."""
    return reshape(input, (1,)) if not input.ndim else input


@_each
def atleast_2d(input):
    """With two dimensions at least: a vector becomes a row."""
    return reshape(input, (1, -1)) if input.ndim < 2 else input


@_each
def atleast_3d(input):
    """With three dimensions at least: (n,) becomes (1, n, 1), (n, m) becomes (n, m, 1)."""
    return (
        reshape(input, (1, -1, 1)) if input.ndim < 2 else unsqueeze(input, -1) if input.ndim == 2 else input
    )


def _some(name, tensors):
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tensors


@taking_out
def hstack(tensors):
    """Side by side: joined along dimension 1, vectors along 0."""
    tensors = atleast_1d(_some("hstack", tensors))
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


@taking_out
def vstack(tensors):
    """One below the other: joined along dimension 0, vectors as rows."""
    return cat(atleast_2d(_some("vstack", tensors)), 0)


@taking_out
def dstack(tensors):
    """One behind the other: joined along dimension 2."""
    return cat(atleast_3d(_some("dstack", tensors)), 2)


@taking_out
def column_stack(tensors):
    """As `hstack`, with vectors as columns."""
    return hstack(
        [unsqueeze(t, 1) if t.ndim == 1 else reshape(t, (1, 1)) if not t.ndim else t for t in tensors]
    )


def ravel(input):
    """All elements in one dimension."""
    return reshape(input, (-1,))


def broadcast_tensors(*tensors):
    """All expanded to their common shape."""
    tensors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    common = ()
    for t in tensors:
        common = broadcast_shape(common, t.shape)
    return tuple(expand(t, common) for t in tensors)


def meshgrid(*tensors, indexing="ij"):
    """Coordinate grids of vectors; "xy" exchanges the first two dimensions. Unlike torch: no warning without `indexing`."""
    tensors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(tensors) > 1
    tensors = [tensors[1], tensors[0], *tensors[2:]] if swap else tensors
    size = [t.numel() for t in tensors]
    grids = [
        expand(reshape(t, [-1 if d == i else 1 for d in range(len(size))]), size)
        for i, t in enumerate(tensors)
    ]
    return (grids[1], grids[0], *grids[2:]) if swap else tuple(grids)


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each part of a dimension (of the flat tensor if None) repeated: `repeats` times, or as often as its own entry says."""
    from ..creation import from_raw_like

    if repeats is None:  # the indices alone
        return from_raw_like(np.repeat(np.arange(input.numel()), input.cpu().numpy()), input)
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    n = input.shape[wrap_dim(dim, input.ndim)]
    counts = repeats.cpu().numpy() if isinstance(repeats, Tensor) else np.asarray(repeats)
    if counts.size not in (1, n):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and input.size({dim}) "
            f"= {n}"
        )
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    return index_select(input, from_raw_like(np.repeat(np.arange(n), counts.reshape(-1)), input), dim=dim)


def fliplr(input):
    """Columns in reverse order."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


def flipud(input):
    """Rows in reverse order."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


def rot90(input, k=1, dims=(0, 1)):
    """Turned k times by 90 degrees from the first of `dims` towards the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    if wrap_dim(dims[0], input.ndim) == wrap_dim(dims[1], input.ndim):
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    if k % 4 == 0:
        return input.clone()
    if k % 4 == 2:
        return flip(input, dims)
    return transpose(flip(input, (dims[1 if k % 4 == 1 else 0],)), dims[0], dims[1])


def tensor_split(input, indices_or_sections, dim=0):
    """Parts of nearly equal size, or cut at the given indices, along a dimension: views."""
    dim = wrap_dim(dim, input.ndim)
    n, cuts = input.shape[dim], indices_or_sections
    cuts = cuts.tolist() if isinstance(cuts, Tensor) else cuts
    if isinstance(cuts, int):
        if cuts <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {cuts}")
        cuts = [i * (n // cuts) + min(i, n % cuts) for i in range(1, cuts)]
    cuts = [0, *(min(c if c >= 0 else max(c + n, 0), n) for c in cuts), n]
    return tuple(narrow(input, dim, a, max(b - a, 0)) for a, b in itertools.pairwise(cuts))


def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """The last dimension as the diagonal of two new dimensions, zero elsewhere."""
    ndim = input.ndim + 1
    dim1, dim2 = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = list(input.shape[:-1])
    for d in sorted((dim1, dim2)):
        size.insert(d, input.shape[-1] + abs(offset))
    return diagonal_placed(input, tuple(size), offset, dim1, dim2)


def diagflat(input, offset=0):
    """A matrix with all elements of the input on its diagonal."""
    return diag_embed(reshape(input, (-1,)), offset)


def trace(input):
    """The sum of the diagonal of a matrix."""
    if input.ndim != 2:
        raise RuntimeError("trace: expected a matrix, but got tensor with dim " + str(input.ndim))
    return shape.diagonal(input).sum()


def _triangle_indices(name, of):
    def function(row, col, offset=0, *, dtype=None, device=None):
        from ..creation import tensor
        from ..dtypes import int64

        return tensor(np.stack(of(row, offset, col)), dtype=dtype or int64, device=device)

    function.__name__ = name
    function.__doc__ = f"(2, n): rows and columns of the {'lower' if name[3] == 'l' else 'upper'} triangle of a row x col matrix."
    return function


tril_indices = _triangle_indices("tril_indices", np.tril_indices)
triu_indices = _triangle_indices("triu_indices", np.triu_indices)


def cartesian_prod(*tensors):
    """All combinations of the elements of vectors, one a row."""
    grids = meshgrid(*tensors)
    return reshape(grids[0], (-1,)) if len(grids) == 1 else stack([reshape(g, (-1,)) for g in grids], 1)
