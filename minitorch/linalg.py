"""`torch.linalg`: norms, inverses and products of matrices."""

from __future__ import annotations

from .ops.arrange import roll
from .ops.decompositions import LinAlgError, cholesky, det, inv, slogdet, svdvals  # noqa: F401
from .ops.decompositions import linalg_svd as svd  # noqa: F401
from .ops.decompositions import solve as _solve
from .ops.linalg import matmul
from .ops.norms import matrix_norm, vector_norm
from .ops.reduce import sum
from .ops.shape import diagonal as _diagonal


def norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """`vector_norm`; `matrix_norm` of a matrix, or over two dimensions, if `ord` is given."""
    dims = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if dims is None and ord is not None and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    if isinstance(ord, str) or (ord is not None and (A.ndim == 2 if dims is None else len(dims) == 2)):
        return matrix_norm(A, ord, (0, 1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dims, keepdim, dtype)


def solve(A, B, *, left=True):
    """The X with A @ X = B; with X @ A = B if not `left`. A B of the shape of A without its last dimension is a batch of vectors."""
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. Give B a last dimension."
        )
    if vector:
        return _solve(A, B.unsqueeze(-1)).squeeze(-1)
    return _solve(A, B) if left else _solve(A.mT, B.mT).mT


def vecdot(x, y, *, dim=-1):
    """Sums of products along a dimension."""
    return sum(x * y, dim)


def cross(input, other, *, dim=-1):
    """The vector product of three numbers along a dimension."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}"
        )
    after, before = (roll(input, -1, dim), roll(other, -1, dim)), (roll(input, 1, dim), roll(other, 1, dim))
    return after[0] * before[1] - before[0] * after[1]


def matrix_power(A, n):
    """A multiplied n times by itself; of the inverse if n is negative."""
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"linalg.matrix_power: A must be batches of square matrices, but they are {list(A.shape)}"
        )
    A, n = (inv(A), -n) if n < 0 else (A, n)
    out = A * 0 + _identity(A) if n == 0 else None
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
