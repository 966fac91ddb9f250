"""Inverses, linear systems, determinants and factors of small dense matrices, or of batches of them."""

from __future__ import annotations

from collections import namedtuple
from functools import partial

import numpy as np

from .. import dtypes, kernels
from ..autograd.mode import state
from ..backends import factors as by_lapack
from ..printing import type_name
from . import coerce
from .compare import where
from .linalg import _mT
from .samples import Sample, array, rng
from .table import composite, op


class LinAlgError(RuntimeError):
    """The matrix is singular, or not positive definite."""


def check_matrix(name, xp, x, square=True, half=NotImplementedError):
    """torch's errors for what is no (square) matrix of float32 or float64; `half` is that for float16."""
    if not xp.is_floating(x):
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {type_name(dtypes.OF_RAW[x.dtype])}"
        )
    if dtypes.OF_RAW[x.dtype] is dtypes.float16:
        raise half(f"linalg.{name}: Low precision dtypes not supported. Got Half")
    if x.ndim < 2:
        raise RuntimeError(f"linalg.{name}: The input tensor A must have at least 2 dimensions.")
    if square and x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices"
        )


def _succeeding(name, function, *args):
    try:
        return function(*args)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{name}: failed, because the input matrix is unfit ({error}).") from None


def well_conditioned(*shapes):
    def samples(dtype):
        r = rng()
        for shape, rest in shapes:
            a = array(r, shape, dtype) + 4 * np.eye(*shape[-2:], dtype=dtype)
            yield Sample((a.astype(dtype), *[array(r, s, dtype) for s in rest]))

    return samples


MATRIX = dict(method=False, inplace=False)
SQUARE = well_conditioned(((3, 3), ()), ((2, 3, 3), ()), ((0, 0), ()))
BATCH_FIRST = well_conditioned(((2, 3, 3), ()), ((3, 3), ()), ((0, 0), ()))  # not for benchmarks: they take random numbers


@op(
    vjp=dict(x=lambda xp, g, out: -xp.matmul(_mT(xp, out), xp.matmul(g, _mT(xp, out)))),
    torch="linalg.inv",
    samples=SQUARE,
    **MATRIX,
)
def inv(xp, x):
    """The inverse of a square matrix, or of a batch. Singular: LinAlgError (a RuntimeError)."""
    check_matrix("inv", xp, x, half=RuntimeError)
    return _succeeding("inv", xp.inv, x)


# ---------------------------------------------------------------------- linear systems


def _left_in(factors, x):
    """The LU factors of x, which the backward finds in the list, too. None: there are none."""
    lu = by_lapack.factored(x, by_lapack.LARGE)
    if lu is not None:
        factors.append(lu)
    return lu


def _solve(x, y, factors):
    lu = by_lapack.factored(x) if by_lapack.fit(x, y) else None
    if lu is None or lu.singular:
        return NotImplemented
    factors.append(lu)
    return lu.solved(y)


def _solve_backward(g, out, wanted, factors):
    if not factors:
        return NotImplemented
    gy = factors[0].solved(g, transposed=True)
    return -(gy @ out.swapaxes(-1, -2)) if wanted[0] else None, gy


@op(
    vjp=dict(
        x=lambda xp, g, x, out: -xp.matmul(xp.solve(_mT(xp, x), g), _mT(xp, out)),
        y=lambda xp, g, x: xp.solve(_mT(xp, x), g),
    ),
    fused=(_solve, _solve_backward),
    coerce=coerce.same,
    names=dict(x="A", y="B"),
    **MATRIX,
)
def factored_solve(xp, x, y, *, factors):
    """The matrix z with x @ z = y. `factors`: a list in which the fused forward leaves the LU factors to the backward."""
    check_matrix("solve", xp, x)
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {type_name(dtypes.OF_RAW[x.dtype])} and B "
            f"of type {type_name(dtypes.OF_RAW[y.dtype])} instead"
        )
    if y.ndim < 2:
        raise RuntimeError("linalg.solve: The input tensor B must have at least 2 dimensions.")
    if y.shape[-2] != x.shape[-1]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation AX = B ({x.shape[-2]}x{x.shape[-1]} and "
            f"{y.shape[-2]}x{y.shape[-1]})"
        )
    return _succeeding("solve", xp.solve, x, y)


@composite(
    torch="linalg.solve",
    names=dict(x="A", y="B"),
    samples=well_conditioned(((3, 3), ((3, 2),)), ((2, 3, 3), ((3, 4),)), ((3, 3), ((2, 3, 1),))),
    **MATRIX,
)
def solve(xp, x, y):
    """The matrix z with x @ z = y."""
    return xp.factored_solve(x, y, factors=[])


# ---------------------------------------------------------------------- singular values


linalg_svd_result = namedtuple("linalg_svd", ["U", "S", "Vh"])
svd_result = namedtuple("svd", ["U", "S", "V"])


def _diagonal_matrix(xp, x):
    n = len(x.shape)
    return xp.diagonal_placed(x, shape=(*x.shape, x.shape[-1]), offset=0, dim1=n - 1, dim2=n)


def _svd_dx(xp, g0, g1, g2, out0, out1, out2):
    """https://j-towns.github.io/papers/svd-derivative.pdf. What a full matrix U or Vh has beyond min(m, n) vectors gets no gradient.

    Two equal singular values have no definite vectors: their gradient is infinite, unless none is asked for.
    """
    k, s = out1.shape[-1], xp.unsqueeze(out1, dim=-2)
    u, gu = (xp.slice_dim(a, dim=len(a.shape) - 1, start=0, end=k, step=1) for a in (out0, g0))
    vh, gvh = (xp.slice_dim(a, dim=len(a.shape) - 2, start=0, end=k, step=1) for a in (out2, g2))
    gaps = s * s - _mT(xp, s * s)

    def turned(vectors, g):
        """The antisymmetric part of vectors^T @ g, divided by the gaps between squares of singular values."""
        part = xp.matmul(_mT(xp, vectors), g)
        part = part - _mT(xp, part)
        unasked = xp.logical_and(xp.eq(gaps, 0), xp.eq(part, 0))
        return part / xp.where(unasked, xp.ones_like(gaps), gaps)

    inner = turned(u, gu) * s + _mT(xp, s) * turned(_mT(xp, vh), _mT(xp, gvh)) + _diagonal_matrix(xp, g1)
    dx = xp.matmul(xp.matmul(u, inner), vh)
    if u.shape[-2] > k:
        dx = dx + xp.matmul((gu - xp.matmul(u, xp.matmul(_mT(xp, u), gu))) / s, vh)
    if vh.shape[-1] > k:
        dx = dx + xp.matmul(u, (gvh - xp.matmul(xp.matmul(gvh, _mT(xp, vh)), vh)) / _mT(xp, s))
    return dx


@op(vjp=dict(x=_svd_dx), outputs=3, returns=linalg_svd_result, names=dict(x="A"), **MATRIX)
def linalg_svd(xp, x, *, full_matrices=True):
    """(U, S, Vh) with x = U @ diag(S) @ Vh: orthonormal vectors, and the singular values in descending order."""
    check_matrix("svd", xp, x, square=False)
    return _succeeding("svd", partial(xp.linalg_svd, x, full_matrices=full_matrices))


def svd(input, some=True, compute_uv=True):
    """(U, S, V) with input = U @ diag(S) @ V^T: the older form of `linalg.svd`. Without `compute_uv` U and V are zeros."""
    if not compute_uv:
        m, n = input.shape[-2:]
        return svd_result(
            input.new_zeros((*input.shape[:-2], m, m)), svdvals(input), input.new_zeros((*input.shape[:-2], n, n))
        )
    u, s, vh = linalg_svd(input, not some)
    return svd_result(u, s, vh.mT)


def _svdvals(x, vectors):
    if x.ndim < 2 or not by_lapack.has_type(x):
        return NotImplemented
    if vectors is None:
        return _succeeding("svd", by_lapack.singular_values, x)
    u, s, vh = _succeeding("svd", partial(by_lapack.linalg_svd, x, full_matrices=False))
    vectors[:] = u, vh
    return s


def _svdvals_backward(g, vectors):
    if not vectors:
        return NotImplemented
    u, vh = vectors
    return (np.matmul(u * g[..., None, :], vh),)


def _svdvals_dx(xp, g, x):
    u, _, vh = xp.linalg_svd(x, full_matrices=False)
    return xp.matmul(u * xp.unsqueeze(g, dim=-2), vh)


@op(vjp=dict(x=_svdvals_dx), fused=(_svdvals, _svdvals_backward), names=dict(x="A"), **MATRIX)
def factored_svdvals(xp, x, *, vectors):
    """The singular values. `vectors`: a list in which the fused forward leaves the singular vectors to the backward, or None."""
    check_matrix("svd", xp, x, square=False)
    return _succeeding("svd", partial(xp.linalg_svd, x, full_matrices=False))[1]


@composite(
    torch="linalg.svdvals",
    names=dict(x="A"),
    samples=well_conditioned(((3, 3), ()), ((2, 3, 4), ()), ((4, 2), ()), ((0, 3), ())),
    **MATRIX,
)
def svdvals(xp, x):
    """The singular values in descending order."""
    return xp.factored_svdvals(x, vectors=[] if x.requires_grad and state.grad else None)


# ---------------------------------------------------------------------- determinants


def _cofactors(xp, x, out):
    """The derivative of the determinant: det(x) * inv(x)^T, which also has a value where x is singular."""
    if not bool(xp.any(xp.eq(out, 0))):
        return xp.unsqueeze(xp.unsqueeze(out, dim=-1), dim=-1) * _mT(xp, xp.inv(x))
    u, s, vh = xp.linalg_svd(x, full_matrices=True)
    others = [
        xp.prod(xp.where(xp.index_range(s, -1, k), xp.ones_like(s), s), dim=len(s.shape) - 1, keepdim=True)
        for k in range(s.shape[-1])
    ]
    orientation = xp.unsqueeze(xp.det(u) * xp.det(vh), dim=-1)
    return xp.matmul(u * xp.unsqueeze(orientation * xp.cat(others, dim=-1), dim=-2), vh)


def _det(x, factors):
    lu = _left_in(factors, x)
    return NotImplemented if lu is None else lu.determinant()


def _det_backward(g, out, factors):
    if not factors or factors[0].singular or not np.all(out):
        return NotImplemented
    return (factors[0].inverse(transposed=True) * (g * out)[..., None, None],)


@op(
    vjp=dict(x=lambda xp, g, x, out: xp.unsqueeze(xp.unsqueeze(g, dim=-1), dim=-1) * _cofactors(xp, x, out)),
    fused=(_det, _det_backward),
    **MATRIX,
)
def factored_det(xp, x, *, factors):
    """The determinant. `factors`: as of `factored_solve`."""
    check_matrix("det", xp, x)
    return xp.det(x)


@composite(torch="linalg.det", inplace=False, samples=SQUARE)
def det(xp, x):
    """The determinant. Unlike torch: its derivative at a singular matrix is that of the definition; torch's is 0."""
    return xp.factored_det(x, factors=[])


def _lower_half(xp, x):
    """The lower triangle, half of the diagonal."""
    n = len(x.shape)
    half = xp.diagonal(x, offset=0, dim1=n - 2, dim2=n - 1) * 0.5
    placed = xp.diagonal_placed(half, shape=tuple(x.shape), offset=0, dim1=n - 2, dim2=n - 1)
    return xp.tril(x, diagonal=-1) + placed


def _cholesky_dx(xp, g, out):
    """https://arxiv.org/abs/1602.07527, eq. 9; symmetric, as the matrix is."""
    inner = _lower_half(xp, xp.matmul(_mT(xp, out), g))
    dx = xp.solve(_mT(xp, out), _mT(xp, xp.solve(_mT(xp, out), _mT(xp, inner))))
    return (dx + _mT(xp, dx)) * 0.5


def _definite(dtype):
    for sample in BATCH_FIRST(dtype):
        (a,) = sample.args
        yield Sample((a @ np.swapaxes(a, -1, -2),))


def _cholesky(x):
    out = kernels.cholesky.factors(x) if by_lapack.is_square(x) and kernels.cholesky.available else None
    return NotImplemented if out is None else out


def _cholesky_backward(g, out):
    return (kernels.cholesky.gradient(g, out),) if by_lapack.is_square(out) and kernels.cholesky.available else NotImplemented


@op(
    vjp=dict(x=_cholesky_dx),
    fused=(_cholesky, _cholesky_backward),
    torch="linalg.cholesky",
    name="cholesky_lower",
    samples=_definite,
    **MATRIX,
)
def cholesky_lower(xp, x):
    """The lower triangular L with L @ L^T = x, of a symmetric positive definite x (of which the lower triangle is read)."""
    check_matrix("cholesky", xp, x)
    return _succeeding("cholesky", xp.cholesky, x)


def cholesky(A, *, upper=False):
    """The lower triangular L with L @ L^T = A, symmetric and positive definite; or L^T. Else: LinAlgError."""
    return cholesky_lower(A.mT if upper else A).mT if upper else cholesky_lower(A)


slogdet_result = namedtuple("linalg_slogdet", ["sign", "logabsdet"])


def _slogdet(x, factors):
    lu = _left_in(factors, x)
    return NotImplemented if lu is None else lu.sign_and_log()


def _slogdet_backward(g1, factors):
    if not factors or factors[0].singular:
        return NotImplemented
    return (factors[0].inverse(transposed=True) * g1[..., None, None],)


@op(
    vjp=dict(x=lambda xp, g1, x: xp.unsqueeze(xp.unsqueeze(g1, dim=-1), dim=-1) * _mT(xp, xp.inv(x))),
    fused=(_slogdet, _slogdet_backward),
    outputs=2,
    returns=slogdet_result,
    **MATRIX,
)
def factored_slogdet(xp, x, *, factors):
    """The sign of the determinant and the logarithm of its absolute value. `factors`: as of `factored_solve`."""
    check_matrix("slogdet", xp, x, half=RuntimeError)
    return xp.slogdet(x)


@composite(torch="linalg.slogdet", inplace=False, samples=BATCH_FIRST)
def slogdet(xp, x):
    """The sign of the determinant and the logarithm of its absolute value."""
    return xp.factored_slogdet(x, factors=[])


def logdet(input):
    """The logarithm of the determinant; NaN if that is negative."""
    sign, log = slogdet(input)
    return where(sign < 0, log.new_full((), float("nan")), log)


def inverse(input):
    """`linalg.inv`"""
    return inv(input)
