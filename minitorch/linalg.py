"""`torch.linalg`: norms, inverses and products of matrices."""

from __future__ import annotations

import math

from .ops.decompositions import det, inv, solve  # noqa: F401
from .ops.linalg import matmul
from .ops.reduce import amax, amin, sum, vector_norm
from .ops.shape import diagonal as _diagonal
from .tensor import wrap_dim


def norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """`vector_norm`; `matrix_norm` of a matrix, or over two dimensions, if `ord` is given."""
    pair = isinstance(dim, (tuple, list)) and len(dim) == 2
    if isinstance(ord, str) or (ord is not None and (pair or (dim is None and A.ndim == 2))):
        return matrix_norm(A, ord, dim if pair else (-2, -1), keepdim, dtype=dtype)
    if ord is not None and dim is None and A.ndim > 2:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype)


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """ "fro": of all elements; 1, -1: largest, smallest column sum of |A|; inf, -inf: of the row sums.

    Unlike torch: the norms of singular values, 2, -2 and "nuc", raise NotImplementedError.
    """
    if A.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if ord == "fro":
        return vector_norm(A, 2, tuple(dim), keepdim, dtype)
    if ord in (2, -2, "nuc"):
        raise NotImplementedError(
            f"linalg.matrix_norm: order {ord!r} needs singular values, which are not there yet"
        )
    if ord not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    rows, columns = (wrap_dim(d, A.ndim) for d in dim)
    summed, left = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = sum(A.abs(), summed, True, dtype=dtype)
    out = (amax if ord > 0 else amin)(sums, left, True)
    return out if keepdim else out.squeeze((rows, columns))


def vecdot(x, y, *, dim=-1):
    """Sums of products along a dimension."""
    return sum(x * y, dim)


def matrix_power(A, n):
    """A multiplied n times by itself; of the inverse if n is negative."""
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"linalg.matrix_power: A must be batches of square matrices, but they are {list(A.shape)}"
        )
    A, n = (inv(A), -n) if n < 0 else (A, n)
    out = A.new_zeros(A.shape) + _identity(A) if n == 0 else None
    while n:  # by squaring
        if n & 1:
            out = A if out is None else matmul(out, A)
        n >>= 1
        A = matmul(A, A) if n else A
    return out


def _identity(A):
    from .creation import eye

    return eye(A.shape[-1], dtype=A.dtype, device=A.device)


def multi_dot(tensors):
    """The product of several matrices (the first and the last may be vectors), from the left."""
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError("multi_dot(): expected at least 2 tensors but got " + str(len(tensors)))
    out = tensors[0]
    for t in tensors[1:]:
        out = matmul(out, t)
    return out


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonal of the last two dimensions."""
    return _diagonal(A, offset, dim1, dim2)
