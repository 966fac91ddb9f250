"""Views. A view shares memory with its input; its rule puts the gradient back in place."""

from __future__ import annotations

import math
from itertools import accumulate

from .. import dtypes
from ..autograd.shapes import sum_to
from ..autograd.views import replay
from ..tensor import Tensor, wrap_dim
from . import coerce
from .dims import distinct, shape_of
from .samples import Value, calls
from .table import op

VIEW = dict(view=True, inplace=False)
BACK_TO_SHAPE = dict(x=lambda xp, g, x_shape: xp.reshape(g, shape=tuple(x_shape)))


@op(
    vjp=BACK_TO_SHAPE,
    torch="Tensor.view",
    varargs="shape",
    samples=calls(
        (((3, 4), Value((2, 6))), {}),
        (((3, 4), Value((-1,))), {}),
        (((), Value((1, 1))), {}),
        (((0, 3), Value((3, 0))), {}),
    ),
    **VIEW,
)
def view(xp, x, *, shape):
    """The same memory under another shape; RuntimeError where the strides do not allow it (use reshape)."""
    try:
        if shape and min(shape) < -1:  # NumPy takes any negative number for -1
            raise ValueError
        return xp.view(x, shape=shape)
    except (ValueError, RuntimeError):
        shape_of(shape, math.prod(x.shape))  # raises if no memory could have that shape
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
            "subspaces). Use .reshape(...) instead."
        ) from None


def reshape(input, shape):
    """The same elements under another shape: a view where the strides allow it, else a copy."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if input.is_contiguous():
        return view(input, shape)
    shape_of(shape, input.numel())
    try:
        return view(input, shape)
    except RuntimeError:
        return view(contiguous_copy(input), shape)


@op(vjp=dict(x=lambda g: g), inplace=False, method=False)
def contiguous_copy(xp, x):
    """A copy in row-major order."""
    return xp.contiguous(x)


@op(
    vjp=dict(x=lambda xp, g, dim0, dim1: xp.transpose(g, dim0=dim0, dim1=dim1)),
    torch="transpose",
    samples=calls((((3, 4), 0, 1), {}), (((2, 3, 4), -1, 0), {}), (((0, 3), 0, 1), {})),
    **VIEW,
)
def transpose(xp, x, *, dim0, dim1):
    """Two dimensions exchanged."""
    return xp.transpose(x, dim0=wrap_dim(dim0, x.ndim), dim1=wrap_dim(dim1, x.ndim))


def _inverse(dims):
    n = len(dims)
    order = [d % n for d in dims]
    return tuple(order.index(i) for i in range(n))


@op(
    vjp=dict(x=lambda xp, g, dims: xp.permute(g, dims=_inverse(dims))),
    torch="permute",
    varargs="dims",
    samples=calls((((2, 3, 4), Value((2, 0, 1))), {}), (((3, 4), Value((-1, 0))), {}), (((), Value(())), {})),
    **VIEW,
)
def permute(xp, x, *, dims):
    """Dimensions in a new order."""
    if len(dims) != x.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(dims)}"
        )
    return xp.permute(x, dims=distinct(x, dims))


@op(
    vjp=dict(x=lambda xp, g, x_shape: sum_to(xp, g, tuple(x_shape))),
    torch="Tensor.expand",
    varargs="size",
    samples=calls((((3, 1), Value((3, 4))), {}), (((4,), Value((3, -1))), {}), (((), Value((2, 3))), {})),
    **VIEW,
)
def expand(xp, x, *, size):
    """Dimensions of size 1 repeated without copying; -1 keeps a size, new dimensions come first."""
    extra = len(size) - x.ndim
    if extra < 0:
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{list(x.shape)}}}, size={list(size)}): the number of sizes provided ({len(size)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({x.ndim})"
        )
    target = []
    for i, n in enumerate(size):
        have = x.shape[i - extra] if i >= extra else 1
        if n == -1 and i < extra:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
            )
        if n != have and n != -1 and have != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton dimension {i}.  "
                f"Target sizes: {list(size)}.  Tensor sizes: {list(x.shape)}"
            )
        target.append(have if n == -1 else int(n))
    return xp.expand(x, size=tuple(target))


@op(
    vjp=BACK_TO_SHAPE,
    torch="unsqueeze",
    samples=calls((((3, 4), 1), {}), (((), 0), {}), (((3,), -1), {})),
    **VIEW,
)
def unsqueeze(xp, x, *, dim):
    """A new dimension of size 1."""
    return xp.unsqueeze(x, dim=wrap_dim(dim, x.ndim + 1))


@op(
    vjp=dict(x=lambda xp, g, x_shape: g if len(g.shape) == len(x_shape) else xp.reshape(g, shape=tuple(x_shape))),
    torch="squeeze",
    samples=calls((((3, 1, 4, 1),), {}), (((3, 1, 4), 1), {}), (((3, 4), 0), {}), (((),), {})),
    **VIEW,
)
def squeeze(xp, x, *, dim=None):
    """Without its dimensions of size 1 (all, or those named)."""
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    dims = tuple(wrap_dim(d, x.ndim) for d in dims) if x.ndim else ()
    return xp.squeeze(x, dim=tuple(d for d in dims if x.shape[d] == 1))


def _select_dx(xp, g, x_shape, dim, index):
    return _placed(xp, g, x_shape, (slice(None),) * (dim % len(x_shape)) + (index,))


def _placed(xp, g, x_shape, index):
    """Zeros of `x_shape` with g at `index`."""
    return xp.index_put(xp.blank(g, x_shape), g, index=index)


@op(
    vjp=dict(x=_select_dx),
    torch="select",
    samples=calls((((3, 4), 1, 2), {}), (((3, 4), 0, -1), {}), (((5,), 0, 1), {})),
    **VIEW,
)
def select(xp, x, *, dim, index):
    """The part at one index of a dimension, without that dimension."""
    if not x.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, x.ndim)
    n = x.shape[dim]
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {n}")
    return xp.select(x, dim=dim, index=int(index) % n)


@op(
    vjp=dict(
        x=lambda xp, g, x_shape, dim, start, end, step: _placed(
            xp, g, x_shape, (slice(None),) * (dim % len(x_shape)) + (slice(start, end, step),)
        )
    ),
    method=False,
    **VIEW,
)
def slice_dim(xp, x, *, dim, start, end, step):
    """x[start:end:step] along a dimension."""
    return xp.slice_dim(x, dim=dim, start=start, end=end, step=step)


def narrow(input, dim, start, length):
    """`length` elements of a dimension from `start` on: a view."""
    if not input.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor) and (start.ndim or start.dtype.category != dtypes.INTEGER):
        raise RuntimeError(f"start must be an 0-dim integral Tensor, but got {start.dtype}{list(start.shape)}")
    dim = wrap_dim(dim, input.ndim)
    n, start = input.shape[dim], int(start)
    if not -n <= start <= n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return slice_dim(input, dim, start, start + length, 1)


@op(
    vjp=dict(
        x=lambda xp, g, x_shape, offset, dim1, dim2: xp.diagonal_placed(
            g, shape=tuple(x_shape), offset=offset, dim1=dim1 % len(x_shape), dim2=dim2 % len(x_shape)
        )
    ),
    torch="diagonal",
    samples=calls((((3, 4),), {}), (((3, 4),), dict(offset=1)), (((2, 3, 4),), dict(offset=1, dim1=-2, dim2=-1))),
    **VIEW,
)
def diagonal(xp, x, *, offset=0, dim1=0, dim2=1):
    """The diagonal of two dimensions, as the last dimension."""
    dims = wrap_dim(dim1, x.ndim), wrap_dim(dim2, x.ndim)
    if dims[0] == dims[1]:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return xp.diagonal(x, offset=offset, dim1=dims[0], dim2=dims[1])


@op(
    vjp=dict(x=lambda xp, g, offset, dim1, dim2: xp.diagonal(g, offset=offset, dim1=dim1, dim2=dim2)),
    method=False,
    inplace=False,
)
def diagonal_placed(xp, x, *, shape, offset, dim1, dim2):
    """Zeros of `shape` with x on a diagonal."""
    return xp.diagonal_placed(x, shape=shape, offset=offset, dim1=dim1, dim2=dim2)


@op(
    vjp=dict(
        x=lambda xp, g, x_shape, dimension, size, step: (
            xp.unfold_placed(g, shape=tuple(x_shape), dimension=dimension, size=size, step=step)
            if x_shape
            else xp.sum(g)
        )
    ),
    torch="Tensor.unfold",
    samples=calls((((7,), 0, 3, 2), {}), (((3, 6), 1, 2, 1), {})),
    **VIEW,
)
def unfold(xp, x, *, dimension, size, step):
    """Windows of `size` every `step` elements along a dimension, as a new last dimension."""
    dimension = wrap_dim(dimension, x.ndim)
    n = x.shape[dimension] if x.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {dimension} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not x.ndim:  # a vector of the one element, or of none
        return xp.slice_dim(xp.reshape(x, shape=(1,)), dim=0, start=0, end=size, step=1)
    return xp.unfold(x, dimension=dimension, size=size, step=step)


@op(
    vjp=dict(x=lambda xp, g, dimension, size, step: xp.unfold(g, dimension=dimension, size=size, step=step)),
    method=False,
    inplace=False,
)
def unfold_placed(xp, x, *, shape, dimension, size, step):
    """Zeros of `shape` to which the windows x are added."""
    return xp.unfold_placed(x, shape=shape, dimension=dimension, size=size, step=step)


# ---------------------------------------------------------------------- composed of views


def split(tensor, split_size_or_sections, dim=0):
    """Parts of a size, or of the given sizes, along a dimension: views."""
    if not tensor.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, tensor.ndim)
    n, sizes = tensor._array.shape[dim], split_size_or_sections
    if isinstance(sizes, int):
        if sizes <= 0 and not (sizes == 0 and n == 0):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={sizes}")
        sizes = [min(sizes, n - i) for i in range(0, n, sizes)] if n else [0]
    elif sum(sizes) != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), but got "
            f"split_sizes={list(sizes)}"
        )
    if min(sizes, default=0) < 0:
        raise RuntimeError(f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(sizes)}")
    ends = accumulate(sizes)
    return tuple([slice_dim(tensor, dim, end - k, end, 1) for end, k in zip(ends, sizes, strict=True)])


def chunk(input, chunks, dim=0):
    """About `chunks` parts of equal size (the last may be smaller): views."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input._array.shape[wrap_dim(dim, input.ndim)]
    return split(input, max(-(-n // chunks), 1), dim)


def unbind(input, dim=0):
    """All parts along a dimension, without it."""
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return tuple(select(input, dim, i) for i in range(input.shape[wrap_dim(dim, input.ndim)]))


def flatten(input, start_dim=0, end_dim=-1):
    """Dimensions start_dim..end_dim as one."""
    start, end = wrap_dim(start_dim, input.ndim), wrap_dim(end_dim, input.ndim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not input.ndim:
        return reshape(input, (1,))
    sizes = input._array.shape
    return reshape(input, (*sizes[:start], math.prod(sizes[start : end + 1]), *sizes[end + 1 :]))


def unflatten(input, dim, sizes):
    """One dimension as several."""
    dim = wrap_dim(dim, input.ndim)
    return reshape(input, (*input.shape[:dim], *shape_of(sizes, input.shape[dim]), *input.shape[dim + 1 :]))


def movedim(input, source, destination):
    """Dimensions moved to new places, the others in their order."""
    source, destination = ((d,) if isinstance(d, int) else d for d in (source, destination))
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number of dims as "
            f"destination ({list(destination)} dims)"
        )
    source, destination = distinct(input, source), distinct(input, destination)
    rest = iter(d for d in range(input.ndim) if d not in source)
    order = {d: s for s, d in zip(source, destination, strict=True)}
    return permute(input, tuple(order[i] if i in order else next(rest) for i in range(input.ndim)))


def t(input):
    """The transpose of a matrix; vectors and scalars as they are."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return transpose(input, 0, 1) if input.ndim == 2 else alias(input)


@op(vjp=dict(x=lambda g: g), method=False, **VIEW)
def alias(xp, x):
    """The same memory."""
    return x


def contiguous(input, memory_format=None):
    """Itself if it is in row-major order, else a copy that is."""
    return input if input.is_contiguous() else contiguous_copy(input)


def broadcast_to(input, size):
    return expand(input, size)


def _without(xp, g, steps):
    """g with zeros where the view was written."""
    g = xp.clone(g)
    replay(xp, g, steps)[...] = 0
    return g


@op(
    vjp=dict(
        x=lambda xp, g, steps: _without(xp, g, steps), y=lambda xp, g, steps: xp.clone(replay(xp, g, steps))
    ),
    coerce=coerce.same,
    method=False,
    inplace=False,
)
def copy_slices(xp, x, y, *, steps):
    """x with y written into the view that the chain `steps` leads to: what an in-place change of a view means for its base."""
    x = xp.clone(x)
    replay(xp, x, steps)[...] = y
    return x
