"""torch's tensors used as plain arrays: the devices `torch` (main memory) and `cuda`.

The same names and signatures as `backends/numpy.py`. Only torch's arithmetic is used: no tensor here ever requires grad; the graph and
the derivatives are minitorch's. Each wrapper stands where torch's signature is not the one of the namespace.
"""

from __future__ import annotations

import numpy as np

try:
    import torch
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "the devices 'torch' and 'cuda' need PyTorch for their arithmetic: pip install torch==2.13.0 (or use device='cpu')"
    ) from error

from torch import (  # noqa: F401
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    ceil,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    logical_not,
    neg,
    reciprocal,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from torch import ones_like as _ones_like
from torch import zeros_like as _zeros_like

from .. import dtypes

for _d in dtypes.ALL:
    _d.torch = getattr(torch, _d.name)
    dtypes.OF_RAW[_d.torch] = _d


def _tensors(x, y):
    """Numbers become 0-d tensors of the other argument's type: the namespace's functions take both.

    In main memory: torch takes them there beside a GPU's tensors, and a copy to the GPU would be waited for.
    """
    if not isinstance(x, torch.Tensor):
        x = torch.as_tensor(x, dtype=y.dtype)
    elif not isinstance(y, torch.Tensor):
        y = torch.as_tensor(y, dtype=x.dtype)
    return x, y


def _binary(function):
    def call(x, y):
        return function(*_tensors(x, y))

    call.__name__ = function.__name__
    return call


for _name in [
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "floor_divide",
    "remainder",
    "fmod",
    "atan2",
    "maximum",
    "minimum",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "logical_and",
    "logical_or",
    "logical_xor",
    "fmax",
    "fmin",
    "hypot",
    "bitwise_left_shift",
    "bitwise_right_shift",
]:
    globals()[_name] = _binary(getattr(torch, _name))


def asarray(x):
    return x if isinstance(x, torch.Tensor) else torch.as_tensor(x)


def is_floating(x):
    return x.is_floating_point()


def astype(x, dtype):
    return x.to(dtype.torch)


def astype_like(x, like):
    return x.to(like.dtype)


def from_numpy(x, device=None):
    place = "cpu" if device is None or device.type == "torch" else str(device)
    return (
        torch.tensor(x, device=place) if isinstance(x, (np.ndarray, np.generic)) else x.to(place, copy=True)
    )


def to_numpy(x):
    return x.cpu().numpy().copy()


def clone(x):
    return x.clone()


def contiguous(x):
    return x.clone(memory_format=torch.contiguous_format)


def zeros_beside(x, shape, dtype):
    """On x's device, of another dtype."""
    return torch.zeros(tuple(shape), dtype=dtype, device=x.device)


def _place(device):
    return "cpu" if device is None or device.type == "torch" else str(device)


def full(size, fill_value, *, dtype, device=None):
    return torch.full(size, fill_value, dtype=dtype.torch, device=_place(device))


def zeros_of(x, shape):
    return torch.zeros(tuple(shape), dtype=x.dtype, device=x.device)


blank = zeros_of


def index_range(x, dim, start, end=-1):
    shape = [-1 if d == dim % x.ndim else 1 for d in range(x.ndim)]
    i = torch.arange(x.shape[dim], device=x.device).reshape(shape)
    return i >= start if end is None else i == start


def zeros_like(x):
    return _zeros_like(x)


def ones_like(x):
    return _ones_like(x)


def full_like(x, fill_value):
    return torch.full_like(x, fill_value)


def arange(start, end, step, *, dtype, device=None):
    return torch.arange(start, end, step, dtype=dtype.torch, device=_place(device))


def where(condition, x, y):
    if not isinstance(x, torch.Tensor) or not isinstance(y, torch.Tensor):
        x, y = _tensors(x, y)
    return torch.where(condition, x, y)


def clamp(x, *, min=None, max=None):
    return torch.clamp(x, min, max)


# ---------------------------------------------------------------------- reductions


def _all_dims(x, dim):
    return tuple(range(x.ndim)) if dim is None else tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)


def _one_by_one(function):
    """For torch functions that reduce one dimension at a time."""

    def call(x, *, dim=None, keepdim=False):
        for d in sorted((d % x.ndim for d in _all_dims(x, dim)), reverse=True):
            x = function(x, d, keepdim)
        return x

    return call


def sum(x, *, dim=None, keepdim=False):
    return torch.sum(x, _all_dims(x, dim), keepdim) if x.ndim else torch.sum(x)


def prod(x, *, dim=None, keepdim=False):
    return _one_by_one(torch.prod)(x, dim=dim, keepdim=keepdim) if x.ndim else x.clone()


def amax(x, *, dim=None, keepdim=False):
    return torch.amax(x, _all_dims(x, dim), keepdim) if x.ndim else x.clone()


def amin(x, *, dim=None, keepdim=False):
    return torch.amin(x, _all_dims(x, dim), keepdim) if x.ndim else x.clone()


def all(x, *, dim=None, keepdim=False):
    return _one_by_one(torch.all)(x, dim=dim, keepdim=keepdim) if x.ndim else torch.all(x)


def any(x, *, dim=None, keepdim=False):
    return _one_by_one(torch.any)(x, dim=dim, keepdim=keepdim) if x.ndim else torch.any(x)


def count_nonzero(x, *, dim=None):
    return torch.count_nonzero(x, dim)


def argmax(x, *, dim=None, keepdim=False):
    return torch.argmax(x, dim, keepdim)


def argmin(x, *, dim=None, keepdim=False):
    return torch.argmin(x, dim, keepdim)


def cumsum(x, *, dim):
    return torch.cumsum(x, dim)


def cumprod(x, *, dim):
    return torch.cumprod(x, dim)


# ---------------------------------------------------------------------- products, shape


def matmul(x, y):
    return torch.matmul(x, y)


def reshape(x, *, shape):
    return torch.reshape(x, tuple(shape))


def view(x, *, shape):
    try:
        return x.view(tuple(shape))
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def transpose(x, *, dim0, dim1):
    return torch.transpose(x, dim0, dim1)


def permute(x, *, dims):
    return torch.permute(x, tuple(dims))


def expand(x, *, size):
    return x.expand(tuple(size))


def unsqueeze(x, *, dim):
    return torch.unsqueeze(x, dim)


def squeeze(x, *, dim=None):
    return torch.squeeze(x) if dim is None else torch.squeeze(x, dim)


def select(x, *, dim, index):
    return torch.select(x, dim, index)


def slice_dim(x, *, dim, start, end, step):
    return x[(slice(None),) * dim + (slice(start, end, step),)]


def diagonal(x, *, offset=0, dim1=0, dim2=1):
    return torch.diagonal(x, offset, dim1, dim2)


def unfold(x, *, dimension, size, step):
    return x.unfold(dimension, size, step)


def diagonal_placed(x, *, shape, offset, dim1, dim2):
    """Zeros of `shape` with x on a diagonal."""
    out = zeros_of(x, shape)
    diagonal(out, offset=offset, dim1=dim1, dim2=dim2)[...] = x
    return out


def unfold_placed(x, *, shape, dimension, size, step):
    """Zeros of `shape` to which the windows x are added."""
    out = zeros_of(x, shape)
    dim = dimension % len(shape)
    at, last = (slice(None),) * dim, (x.shape[dim] - 1) * step
    for i in range(size):  # the i-th elements of all windows are different places
        out[(*at, slice(i, i + last + 1, step))] += x[..., i]
    return out


def flip(x, *, dims):
    return torch.flip(x, tuple(dims))


def roll(x, *, shifts, dims=None):
    return torch.roll(x, shifts, dims)


def cat(xs, *, dim=0):
    return torch.cat(xs, dim)


def tril(x, *, diagonal=0):
    return torch.tril(x, diagonal)


def triu(x, *, diagonal=0):
    return torch.triu(x, diagonal)


# ---------------------------------------------------------------------- indexing


def getitem(x, *, index):
    return x[index]


def index_rows(x, index):
    return x[index]


def index_put(x, y, *, index, accumulate=False):
    out = x.clone()
    if accumulate:
        # through flat positions: torch's accumulating index_put takes index tensors only
        positions = torch.arange(out.numel(), device=x.device).reshape(x.shape)[index]
        y = y.expand(positions.shape).reshape(-1)
        out.view(-1).index_add_(0, positions.reshape(-1), y) if out.is_contiguous() else out.put_(
            positions, y, accumulate=True
        )
    else:
        out[index] = y
    return out


def cumsum_back(x, *, dim):
    return torch.flip(torch.cumsum(torch.flip(x, (dim,)), dim), (dim,)) if x.ndim else x


def within(index, n):
    return not index.numel() or bool(((index >= 0) & (index < n)).all())  # one wait for a GPU


def gather(x, index, *, dim):
    return torch.gather(x, dim, index)


def scatter(x, index, src, *, dim):
    return torch.scatter(x, dim, index, src if src.ndim or not index.ndim else src.expand(index.shape))


def scatter_add(x, index, src, *, dim):
    return torch.scatter_add(x, dim, index, src)


def scatter_reduce(x, index, src, *, dim, reduce, include_self):
    return torch.scatter_reduce(x, dim, index, src, reduce, include_self=include_self)


def index_select(x, index, *, dim):
    return torch.index_select(x, dim, index)


def index_add(x, index, source, *, dim):
    return torch.index_add(x, dim, index, source)


def nonzero(x):
    return torch.nonzero(x)


def sort(x, *, dim=-1, descending=False, k=None):
    found = torch.sort(x, stable=True, dim=dim, descending=descending)
    return tuple(found) if k is None or not x.ndim else tuple([part.narrow(dim, 0, k).contiguous() for part in found])


def max_along(x, *, dim, keepdim=False):
    return tuple(torch.max(x, dim or 0, keepdim))


def min_along(x, *, dim, keepdim=False):
    return tuple(torch.min(x, dim or 0, keepdim))


def bincount(x, *, minlength=0):
    return torch.bincount(x, minlength=minlength)


def _linalg(function):
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except torch.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(str(error)) from None

    return call


inv, solve, det, linalg_svd, cholesky, slogdet = (
    _linalg(getattr(torch.linalg, _n)) for _n in ("inv", "solve", "det", "svd", "cholesky", "slogdet")
)
