"""Singular values, and vectors, by the LAPACK that NumPy carries, in the arrays' own type: NumPy computes float32 in float64 (316 x 316:
20 ms with OpenBLAS's threads, 5 here without).

To LAPACK, which goes by columns, a C-contiguous matrix is its transpose, whose left vectors are the right ones.
"""

from __future__ import annotations

import numpy as np
from numba.core import types

from . import team
from .blas import blas_threads, found, set_blas_threads
from .builtin import kept
from .jit import kernel
from .lapack import available as has_lapack
from .lapack import data
from .team import I32, I64, ONE, ZERO, address, share

NAMES = ["scipy_sgesdd_64_", "scipy_dgesdd_64_"]
available = has_lapack and found(NAMES)
sgesdd, dgesdd = (types.ExternalFunction(name, types.void(*[I64] * 14)) for name in NAMES)

NONE, SOME, ALL = ord("N"), ord("S"), ord("A")  # LAPACK's: no vectors, as many as values, or full matrices


@kernel(inner=True)
def gesdd(size, job, shape, a, s, u, vh, work, length, small, info):
    """LAPACK's of a matrix (m, n), u (m, k), vh; work: so many numbers of float64, small: 8 * min(m, n) integers"""
    m, n, k = shape
    given = kept((n, m, k, job, length))
    n, m, k, job, length = given, given + 8, given + 16, given + 24, given + 32
    if size == 4:
        sgesdd(job, n, m, a, n, s, vh, n, u, k, work, length, small, info)
    else:
        dgesdd(job, n, m, a, n, s, vh, n, u, k, work, length, small, info)


@kernel(inner=True)
def decompose(start, stop, shape, size, job, places, info):
    """Of some matrices, whose memory is needed for it."""
    (m, n, k), (a, s, u, vh) = shape, places
    values, rows = min(m, n), n if job == ALL else k
    asked, small = np.zeros(1, np.float64), np.empty(8 * values, np.int64)
    gesdd(size, job, shape, a, s, u, vh, address(asked, ZERO), -ONE, address(small, ZERO), address(info, start))
    length = np.int64(asked.view(np.float32)[0] if size == 4 else asked[0])
    work = np.empty(length, np.float64)
    for i in range(start, stop):
        at = (a + i * m * n * size, s + i * values * size, u + i * m * k * size, vh + i * rows * n * size)
        gesdd(size, job, shape, at[0], at[1], at[2], at[3], address(work, ZERO), length, address(small, ZERO), address(info, i))


@kernel  # keeps Python's lock, as lapack.py's kernels do
def decompose_all(words, count, m, n, k, size, job, a, s, u, vh):
    """Of arrays at these addresses; whether LAPACK fails."""
    before, info, places = blas_threads(), np.empty(count, np.int64), (data(a), data(s), data(u), data(vh))
    set_blas_threads(I32(1))
    share(words, decompose, None, (), ((m, n, k), size, job, places, info), None, count, ONE)
    set_blas_threads(before)
    return info.any()


def svd(x, job):
    """(u, s, vh) with x = u * s @ vh; only s of NONE. None: of some matrix LAPACK finds none."""
    if not team.words[team.SIZE]:
        team.start()
    *batch, m, n = x.shape
    a, u_columns, vh_rows = np.array(x, order="C"), m if job == ALL else min(m, n), n if job == ALL else min(m, n)
    s = np.empty((*batch, min(m, n)), x.dtype)
    u, vh = (a, a) if job == NONE else (np.empty((*batch, m, u_columns), x.dtype), np.empty((*batch, vh_rows, n), x.dtype))
    failed = decompose_all(team.words, x.size // (m * n), m, n, u_columns, x.itemsize, job, id(a), id(s), id(u), id(vh))
    return None if failed else (u, s, vh)
