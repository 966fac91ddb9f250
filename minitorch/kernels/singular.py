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

NONE, SOME = ord("N"), ord("S")  # LAPACK's: no vectors, or as many as values


@kernel(inner=True)
def gesdd(size, job, m, n, a, s, u, vh, work, length, small, info):
    """LAPACK's of a matrix (m, n); work: so many numbers of float64, small: 8 * min(m, n) integers"""
    given = kept((n, m, min(m, n), job, length))
    n, m, k, job, length = given, given + 8, given + 16, given + 24, given + 32
    if size == 4:
        sgesdd(job, n, m, a, n, s, vh, n, u, k, work, length, small, info)
    else:
        dgesdd(job, n, m, a, n, s, vh, n, u, k, work, length, small, info)


@kernel(inner=True)
def decompose(start, stop, m, n, size, job, places, info):
    """Of some matrices, whose memory is needed for it."""
    k, (a, s, u, vh) = min(m, n), places
    asked, small = np.zeros(1, np.float64), np.empty(8 * k, np.int64)
    gesdd(size, job, m, n, a, s, u, vh, address(asked, ZERO), -ONE, address(small, ZERO), address(info, start))
    length = np.int64(asked.view(np.float32)[0] if size == 4 else asked[0])
    work = np.empty(length, np.float64)
    for i in range(start, stop):
        at = (a + i * m * n * size, s + i * k * size, u + i * m * k * size, vh + i * k * n * size)
        gesdd(size, job, m, n, at[0], at[1], at[2], at[3], address(work, ZERO), length, address(small, ZERO), address(info, i))


@kernel  # keeps Python's lock, as lapack.py's kernels do
def decompose_all(words, count, m, n, size, job, a, s, u, vh):
    """Of arrays at these addresses; whether LAPACK fails."""
    before, info, places = blas_threads(), np.empty(count, np.int64), (data(a), data(s), data(u), data(vh))
    set_blas_threads(I32(1))
    share(words, decompose, None, (), (m, n, size, job, places, info), None, count, ONE)
    set_blas_threads(before)
    return info.any()


def svd(x, vectors):
    """(u, s, vh) with x = u * s @ vh; only s, if there are no `vectors`. None: of some matrix LAPACK finds none."""
    if not team.words[team.SIZE]:
        team.start()
    *batch, m, n = x.shape
    k, a = min(m, n), np.array(x, order="C")
    s = np.empty((*batch, k), x.dtype)
    u, vh = (np.empty((*batch, m, k), x.dtype), np.empty((*batch, k, n), x.dtype)) if vectors else (a, a)
    failed = decompose_all(team.words, x.size // (m * n), m, n, x.itemsize, SOME if vectors else NONE, id(a), id(s), id(u), id(vh))
    return None if failed else (u, s, vh)
