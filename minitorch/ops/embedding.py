"""Embedding: rows of a table by number, and indices as rows of zeros and ones."""

from __future__ import annotations

import numpy as np

from .. import dtypes, kernels
from ..autograd.mode import no_grad
from ..printing import type_name
from . import coerce
from .samples import Int, calls
from .softmaxes import has_kernel, rows
from .table import op


def _embedding_dw(xp, g, weight_shape, x, padding_idx, scale_grad_by_freq):
    added = xp.reshape(g, shape=(-1, weight_shape[1]))
    index = xp.reshape(x, shape=(-1,))
    if padding_idx is not None:
        at = padding_idx % weight_shape[0]
        added = added * xp.reshape(xp.astype_like(xp.ne(index, at), added), shape=(-1, 1))
    if scale_grad_by_freq:
        ones = xp.astype_like(xp.ge(index, 0), added)
        counts = xp.index_add(xp.blank(g, (weight_shape[0],)), index, ones, dim=0)
        added = added / xp.reshape(xp.index_rows(counts, index), shape=(-1, 1))
    return xp.index_add(xp.blank(g, tuple(weight_shape)), index, added, dim=0)


def _take(x, weight, padding_idx, scale_grad_by_freq):
    if x.dtype != np.int64 or not has_kernel(weight) or weight.ndim != 2:
        return NotImplemented
    out = kernels.embedding.take(np.ascontiguousarray(x).reshape(-1), np.ascontiguousarray(weight))
    return NotImplemented if out is None else out.reshape(*x.shape, weight.shape[1])


def _take_backward(g, x, weight_shape, padding_idx, scale_grad_by_freq):
    if scale_grad_by_freq or x.dtype != np.int64 or not has_kernel(g):
        return NotImplemented
    skip = -1 if padding_idx is None else padding_idx % weight_shape[0]
    index = np.ascontiguousarray(x).reshape(-1)
    return None, kernels.embedding.add_rows(index, rows(g), tuple(weight_shape), skip)


@op(
    name="embedding",
    vjp=dict(weight=_embedding_dw),
    fused=(_take, _take_backward),
    torch="nn.functional.embedding",
    coerce=coerce.same,
    method=False,
    inplace=False,
    samples=calls(
        ((Int((3, 2), 5), (5, 4)), {}),
        ((Int((3,), 5), (5, 4)), dict(padding_idx=1)),
        ((Int((), 5), (5, 4)), {}),
    ),
)
def embedding_rows(xp, x, weight, *, padding_idx=None, scale_grad_by_freq=False):
    """weight[x]: one row for each index. The row `padding_idx` gets no gradient."""
    dtype = dtypes.OF_RAW[x.dtype]
    if dtype not in (dtypes.int64, dtypes.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{type_name(dtype)}Tensor instead (while checking arguments for embedding)"
        )
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, but it has {weight.ndim} dimensions")
    if 0 not in x.shape and (bool((x < 0).any()) or bool((x >= weight.shape[0]).any())):
        raise IndexError("index out of range in self")
    return xp.index_rows(weight, x)


def embedding(
    input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False
):
    """weight[input]: one row for each index.

    Args:
        padding_idx: this row gets no gradient. AssertionError outside of the table.
        max_norm: rows that are used and longer than this (in the norm of order `norm_type`) are first shortened, in place.
        scale_grad_by_freq: the gradient of a row is divided by how often it is used here.
        sparse: NotImplementedError, there are no sparse gradients.
    """
    if sparse:
        raise NotImplementedError("embedding(): sparse gradients are not supported; leave out sparse=True")
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise AssertionError("Padding_idx must be within num_embeddings")
    if max_norm is not None:
        with no_grad():
            embedding_rows(input, weight)  # looks at the indices
            _shorten(weight.detach(), input, max_norm, norm_type)
    return embedding_rows(input, weight, padding_idx, scale_grad_by_freq)


def _shorten(table, input, max_norm, norm_type):
    from .. import ops

    used = ops.unique(input)
    norms = ops.vector_norm(table[used], ord=norm_type, dim=1, keepdim=True)
    table[used] = table[used] * ops.where(norms > max_norm, max_norm / (norms + 1e-7), ops.ones_like(norms))


def one_hot(tensor, num_classes=-1):
    """0/1 int64 of shape (*, classes) with a 1 at each index."""
    from ..creation import from_raw_like

    if tensor.dtype.name != "int64":
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor, but got {tensor.dtype}"
        )
    a = tensor.cpu()._array
    if a.size and a.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    n = int(a.max()) + 1 if num_classes == -1 else num_classes
    if a.size and a.max() >= n:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return from_raw_like((a[..., None] == np.arange(n)).astype(np.int64), tensor)
