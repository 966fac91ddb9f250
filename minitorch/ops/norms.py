"""Norms of vectors and matrices."""

from __future__ import annotations

import math

from .. import dtypes
from ..printing import type_name
from ..tensor import wrap_dim
from .decompositions import svdvals
from .dims import broadcast_shape, reduced, restore
from .reduce import amax, amin, sum
from .samples import calls
from .shape import movedim, squeeze, unsqueeze
from .table import composite, op


def _norm_dx(xp, g, x, out, ord, dim, keepdim):
    """At 0 the subgradient 0, as torch."""
    g, out = restore(xp, g, x.shape, dim, keepdim), restore(xp, out, x.shape, dim, keepdim)
    if ord == 2:
        return x * xp.where(xp.eq(out, 0), 0, g / out)
    if ord == 1:
        return g * xp.sign(x)
    if ord == 0:
        return xp.zeros_like(x)
    if math.isinf(ord):
        chosen = xp.astype_like(xp.eq(xp.abs(x), out), x)
        return xp.sign(x) * chosen * (g / xp.sum(chosen, dim=dim, keepdim=True))
    scaled = xp.sign(x) * xp.pow(xp.abs(x), ord - 1) * (g / xp.pow(out, ord - 1))
    return xp.where(xp.logical_or(xp.eq(out, 0), xp.eq(x, 0)) if ord < 2 else xp.eq(out, 0), 0, scaled)


def _as_floating(xp, x, dtype):
    """x as `dtype`, or as it is. RuntimeError for other than floating numbers, and for a narrower type."""
    own = dtypes.OF_RAW[x.dtype]
    if not own.is_floating_point:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {type_name(own)}"
        )
    if dtype is None:
        return x
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"linalg.vector_norm: dtype should be floating point or complex, but got {type_name(dtype)}"
        )
    if dtype.itemsize < own.itemsize:
        raise RuntimeError(
            f"linalg.vector_norm: the dtype of the input ({type_name(own)}) should be convertible without narrowing to the specified "
            f"dtype ({type_name(dtype)})"
        )
    return xp.astype(x, dtype)


@op(
    vjp=dict(x=_norm_dx),
    torch="linalg.vector_norm",
    method=False,
    inplace=False,
    samples=calls(
        (((3, 4),), {}),
        (((3, 4),), dict(ord=1, dim=1)),
        (((3, 4),), dict(ord=3.0, dim=0, keepdim=True)),
        (((3, 4),), dict(ord=math.inf)),
        (((),), {}),
    ),
)
def vector_norm(xp, x, *, ord=2, dim=None, keepdim=False, dtype=None):
    """(sum |x| ** ord) ** (1 / ord); inf: largest |x|, -inf: smallest, 0: how many are not zero.

    Unlike torch: the second derivative of the 2-norm at 0 is 0, as the first, not NaN.
    """
    x, dim = _as_floating(xp, x, dtype), reduced(x, dim)
    if (ord < 0 or ord == math.inf) and 0 in (x.shape if dim is None else [x.shape[d] for d in dim]):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord:g} norm on an empty tensor because the operation does not have an identity"
        )
    if dtypes.OF_RAW[x.dtype] is dtypes.float16:  # in single precision: powers of halves overflow
        return xp.astype(_norm(xp, xp.astype(x, dtypes.float32), ord, dim, keepdim), dtypes.float16)
    return _norm(xp, x, ord, dim, keepdim)


def _norm(xp, x, ord, dim, keepdim):
    if ord == 2:
        return xp.sqrt(xp.sum(x * x, dim=dim, keepdim=keepdim))
    if ord == math.inf:
        return xp.amax(xp.abs(x), dim=dim, keepdim=keepdim)
    if ord == -math.inf:
        return xp.amin(xp.abs(x), dim=dim, keepdim=keepdim)
    if ord == 0:
        return xp.sum(xp.astype_like(xp.ne(x, 0), x), dim=dim, keepdim=keepdim)
    if ord == 1:
        return xp.sum(xp.abs(x), dim=dim, keepdim=keepdim)
    return xp.pow(xp.sum(xp.pow(xp.abs(x), ord), dim=dim, keepdim=keepdim), 1 / ord)


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """ "fro": of all elements; 1, -1: largest, smallest column sum of |A|; inf, -inf: of the row sums; 2, -2: largest, smallest singular
    value; "nuc": their sum."""
    dim = (dim,) if isinstance(dim, int) else tuple(dim)
    if A.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if not A.is_floating_point():
        raise RuntimeError(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {type_name(A.dtype)}"
        )
    if len(dim) != 2:
        raise RuntimeError(
            f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(str(d) for d in dim)}"
        )
    rows, columns = (wrap_dim(d, A.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim, dtype)
    if dtype is not None:
        A = A.to(dtype)
    if ord in (2, -2, "nuc"):
        if A.dtype is dtypes.float16:
            raise RuntimeError("linalg.matrix_norm: Low precision dtypes not supported. Got Half")
        values = svdvals(movedim(A, (rows, columns), (-2, -1)))
        out = sum(values, -1) if ord == "nuc" else (amax if ord > 0 else amin)(values, -1)
        for d in sorted((rows, columns)) if keepdim else ():
            out = unsqueeze(out, d)
        return out
    if ord not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    summed, left = (rows, columns) if abs(ord) == 1 else (columns, rows)
    out = (amax if ord > 0 else amin)(sum(A.abs(), summed, True), left, True)
    return out if keepdim else squeeze(out, (rows, columns))


@composite(
    torch="norm",
    samples=calls((((3, 4),), {}), (((3, 4),), dict(p=1, dim=1)), (((3, 4),), dict(p="nuc"))),
    inplace=False,
)
def norm(xp, x, *, p="fro", dim=None, keepdim=False, dtype=None):
    """Vector norm; "fro" is the 2-norm, "nuc" the sum of a matrix's singular values."""
    if p == "nuc":
        return matrix_norm(x, p, tuple(range(x.ndim)) if dim is None else dim, keepdim, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    return xp.vector_norm(x, ord=2 if p in ("fro", None) else float(p), dim=dim, keepdim=keepdim, dtype=dtype)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between vectors along `dim`; norms below `eps` count as `eps`."""
    if not (x1.is_floating_point() or x2.is_floating_point()):
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {x1.dtype}")

    def directed(x):
        length = vector_norm(x, 2, dim, True)
        return x / (length + (length.clamp(min=eps) - length).detach())

    common = broadcast_shape(x1.shape, x2.shape)
    return sum(directed(x1.expand(common)) * directed(x2.expand(common)), dim)


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps over the last dimension."""
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)
