"""Cholesky's factors and their derivative by the LAPACK and BLAS that NumPy carries, in the arrays' own type.

NumPy's own function computes float32 in float64, and NumPy has nothing that solves for triangular factors (316 x 316, value and gradient:
10.6 ms, 0.5 here). LAPACK goes by columns: for it, the lower triangle of a C-contiguous matrix is the upper one.
"""

from __future__ import annotations

import numpy as np
from numba.core import types

from . import team
from .blas import F32, F64, ROW_MAJOR, TRANSPOSED, blas_threads, found, set_blas_threads
from .builtin import kept
from .jit import kernel
from .lapack import SIDES, data
from .lapack import available as has_lapack
from .raw import matrix
from .team import I32, I64, ONE, address, share

NAMES = [f"scipy_{name}64_" for name in ("spotrf_", "dpotrf_", "cblas_strmm", "cblas_dtrmm", "cblas_strsm", "cblas_dtrsm")]
available = has_lapack and found(NAMES)
spotrf, dpotrf = (types.ExternalFunction(name, types.void(*[I64] * 5)) for name in NAMES[:2])
strmm, strsm = (types.ExternalFunction(name, types.void(*[I32] * 5, I64, I64, F32, *[I64] * 4)) for name in NAMES[2::2])
dtrmm, dtrsm = (types.ExternalFunction(name, types.void(*[I32] * 5, I64, I64, F64, *[I64] * 4)) for name in NAMES[3::2])
memset = types.ExternalFunction("memset", I64(I64, I32, I64))

UPPER = ord("U")  # LAPACK's
LEFT, RIGHT, LOWER, PLAIN, NOT_UNIT = np.int32(141), np.int32(142), np.int32(122), np.int32(111), np.int32(131)  # cblas.h

#: rows and columns of a square of a matrix that is added to the one opposite
SQUARE = 16


@kernel(inner=True)
def factor(start, stop, n, size, matrices, info):
    """LAPACK's potrf of some matrices, in their place; above the diagonal are zeros."""
    for i in range(start, stop):
        at = matrices + i * n * n * size
        given = kept((n, UPPER))
        if size == 4:
            spotrf(given + 8, given, at, given, address(info, i))
        else:
            dpotrf(given + 8, given, at, given, address(info, i))
        for row in range(n - 1):
            memset(at + (row * n + row + 1) * size, I32(0), (n - row - 1) * size)


@kernel(inner=True)
def halved(at, size):
    """The number there, in its place."""
    if size == 4:
        matrix(at, 1, 1, np.float32(0))[0, 0] *= np.float32(0.5)
    else:
        matrix(at, 1, 1, np.float64(0))[0, 0] *= 0.5


@kernel(inner=True)
def some_columns(start, stop, n, size, factors, g):
    """Some pieces of the columns of g become those of inv(L).T @ P, where P is the lower triangle of L.T @ g, half of the diagonal."""
    pieces, how, one = (n + SIDES - 1) // SIDES, I32(TRANSPOSED), F32(1)
    for piece in range(start, stop):
        i, first = piece // pieces, piece % pieces * SIDES
        many, lower, columns = min(SIDES, n - first), factors + i * n * n * size, g + (i * n * n + first) * size
        corner, below, rows = lower + first * (n + 1) * size, columns + first * n * size, n - first
        if size == 4:
            strmm(ROW_MAJOR, LEFT, LOWER, how, NOT_UNIT, rows, many, one, corner, n, below, n)
        else:
            dtrmm(ROW_MAJOR, LEFT, LOWER, how, NOT_UNIT, rows, many, F64(1), corner, n, below, n)
        for row in range(first):
            memset(columns + row * n * size, I32(0), many * size)
        for row in range(many):
            halved(below + (row * n + row) * size, size)
            memset(below + (row * n + row + 1) * size, I32(0), (many - row - 1) * size)
        if size == 4:
            strsm(ROW_MAJOR, LEFT, LOWER, how, NOT_UNIT, n, many, one, lower, n, columns, n)
        else:
            dtrsm(ROW_MAJOR, LEFT, LOWER, how, NOT_UNIT, n, many, F64(1), lower, n, columns, n)


@kernel(inner=True)
def some_rows(start, stop, n, size, factors, g):
    """Some pieces of the rows of g become those of g @ inv(L)."""
    pieces = (n + SIDES - 1) // SIDES
    for piece in range(start, stop):
        i, first = piece // pieces, piece % pieces * SIDES
        many, lower, rows = min(SIDES, n - first), factors + i * n * n * size, g + (i * n + first) * n * size
        if size == 4:
            strsm(ROW_MAJOR, RIGHT, LOWER, PLAIN, NOT_UNIT, many, n, F32(1), lower, n, rows, n)
        else:
            dtrsm(ROW_MAJOR, RIGHT, LOWER, PLAIN, NOT_UNIT, many, n, F64(1), lower, n, rows, n)


@kernel(inner=True)
def make_symmetric(a, half):
    """a = (a + a.T) / 2, square by square: columns far apart would leave the cache."""
    n = len(a)
    for top in range(0, n, SQUARE):
        for left in range(0, top + 1, SQUARE):
            for i in range(top, min(n, top + SQUARE)):
                for j in range(left, min(i, left + SQUARE)):
                    a[i, j] = a[j, i] = (a[i, j] + a[j, i]) * half


@kernel(inner=True)
def symmetric(start, stop, n, size, g):
    for i in range(start, stop):
        if size == 4:
            make_symmetric(matrix(g + i * n * n * size, n, n, np.float32(0)), np.float32(0.5))
        else:
            make_symmetric(matrix(g + i * n * n * size, n, n, np.float64(0)), 0.5)


@kernel  # keeps Python's lock, as lapack.py's kernels do
def factor_all(words, count, n, size, matrices):
    """Of an array at this address; whether one of the matrices is not positive definite."""
    before, info = blas_threads(), np.empty(count, np.int64)
    set_blas_threads(I32(1))
    share(words, factor, None, (), (n, size, data(matrices), info), None, count, ONE)
    set_blas_threads(before)
    return info.any()


@kernel
def derivative(words, count, n, size, factors, g):
    before, pieces, factors, g = blas_threads(), count * ((n + SIDES - 1) // SIDES), data(factors), data(g)
    set_blas_threads(I32(1))
    share(words, some_columns, None, (), (n, size, factors, g), None, pieces, ONE)
    share(words, some_rows, None, (), (n, size, factors, g), None, pieces, ONE)
    share(words, symmetric, None, (), (n, size, g), None, count, ONE)
    set_blas_threads(before)


def factors(x):
    """The lower triangular L with L @ L.T = x, of matrices of float32 or float64. None: one of them is not positive definite."""
    if not team.words[team.SIZE]:
        team.start()
    n, out = x.shape[-1], np.array(x, order="C")
    return None if factor_all(team.words, x.size // n**2, n, x.itemsize, id(out)) else out


def gradient(g, lower):
    """Of x, from the gradient of L and L: (d + d.T) / 2 for d = inv(L).T @ P @ inv(L), and P as in `some_columns`."""
    lower, out = np.ascontiguousarray(lower), np.array(g, order="C")
    n = out.shape[-1]
    derivative(team.words, out.size // n**2, n, out.itemsize, id(lower), id(out))
    return out
