"""LU factors of square matrices by the LAPACK that NumPy carries: made once, solved with as often as wanted, right sides shared out.

NumPy's own functions compute float32 in float64, and factor the matrix anew at each call (316 x 316, inv: 3.9 ms, 1.4 here).

To LAPACK, which goes by columns, a C-contiguous matrix is its transpose: these are the factors of the transposes, with nothing moved.
"""

from __future__ import annotations

import numpy as np
from numba.core import types

from . import team
from .blas import available as has_blas
from .blas import blas_threads, found, set_blas_threads
from .jit import kernel
from .team import I32, I64, MOST, ONE, address, share

NAMES = [f"scipy_{name}_64_" for name in ("sgetrf", "dgetrf", "sgetrs", "dgetrs")]
available = has_blas and found(NAMES)
sgetrf, dgetrf = (types.ExternalFunction(name, types.void(*[I64] * 6)) for name in NAMES[:2])
sgetrs, dgetrs = (types.ExternalFunction(name, types.void(*[I64] * 9)) for name in NAMES[2:])

#: the fewest right sides of a piece (316 rows: 16 take 130 us, 80 320, 158 580), of which there are at most MOST
SIDES = 80

#: rows of a matrix from which on OpenBLAS's threads factor it: two take 0.63 ms for 316 (one 0.62), 10 for 1000 (15)
BLAS_THREADS = 512

PLAIN, TRANSPOSED = ord("N"), ord("T")  # LAPACK's


@kernel(inner=True)
def factor(start, stop, n, size, matrices, pivots, info):
    """LAPACK's getrf of some matrices, in their place; n: an array of one number."""
    for i in range(start, stop):
        given = address(n, 0), matrices + i * n[0] * n[0] * size, address(pivots, i * n[0]), address(info, i)
        if size == 4:
            sgetrf(given[0], given[0], given[1], given[0], given[2], given[3])
        else:
            dgetrf(given[0], given[0], given[1], given[0], given[2], given[3])


@kernel(inner=True)
def substitute(start, stop, sizes, size, matrices, pivots, sides):
    """LAPACK's getrs with some pieces of the right sides, in their place; sizes: rows, right sides of a matrix, of a piece, PLAIN or
    TRANSPOSED."""
    n, k, most, some = sizes[0], sizes[1], sizes[2], np.empty(2, np.int64)
    pieces = (k + most - 1) // most
    for piece in range(start, stop):
        i, first = piece // pieces, piece % pieces * most
        some[0] = min(most, k - first)
        rows, how, many, info = address(sizes, 0), address(sizes, 3), address(some, 0), address(some, 1)
        a, p, b = matrices + i * n * n * size, address(pivots, i * n), sides + (i * k + first) * n * size
        if size == 4:
            sgetrs(how, rows, many, a, rows, p, b, rows, info)
        else:
            dgetrs(how, rows, many, a, rows, p, b, rows, info)


@kernel  # keeps Python's lock, as blas.py's `batch_into` does: another thread must find OpenBLAS's number of threads as it was
def factor_all(words, n, size, matrices, pivots, info):
    before, count = blas_threads(), len(info)
    if count > 1 or n[0] < BLAS_THREADS:
        set_blas_threads(I32(1))
    share(words, factor, None, (), (n, size, matrices, pivots, info), None, count, ONE)
    set_blas_threads(before)


@kernel
def substitute_all(words, sizes, size, matrices, pivots, sides, count):
    before = blas_threads()
    set_blas_threads(I32(1))
    share(words, substitute, None, (), (sizes, size, matrices, pivots, sides), None, count, ONE)
    set_blas_threads(before)


def place(array):
    return array.__array_interface__["data"][0]


class LU:
    """The factors of matrices x (..., n, n) of float32 or float64. singular: whether one of them has a pivot that is zero."""

    def __init__(self, x):
        if not team.words[team.SIZE]:
            team.start()
        self.factors, self.pivots = np.array(x, order="C"), np.empty(x.shape[:-1], np.int64)
        info = np.empty(x.size // x.shape[-1] ** 2, np.int64)
        factor_all(team.words, np.array(x.shape[-1:]), x.itemsize, place(self.factors), self.pivots.reshape(-1), info)
        self.singular = bool(info.any())

    def substituted(self, sides, how):
        """In place, each row b of `sides` (..., k, n) becomes z, where b = z @ x, or x @ z if TRANSPOSED."""
        *_, k, n = sides.shape
        most = max(SIDES, -(-k // MOST))
        count = len(self.pivots.reshape(-1, n)) * -(-k // most)
        sizes, pivots = np.array([n, k, most, how]), self.pivots.reshape(-1)
        substitute_all(team.words, sizes, sides.itemsize, place(self.factors), pivots, place(sides), count)
        return sides

    def solved(self, y, transposed=False):
        """z (..., n, k) with x @ z = y, or x.T @ z = y."""
        sides = np.array(y.swapaxes(-1, -2), order="C")
        return np.ascontiguousarray(self.substituted(sides, PLAIN if transposed else TRANSPOSED).swapaxes(-1, -2))

    def inverse(self, transposed=False):
        """Of x, or of x.T."""
        n = self.factors.shape[-1]
        out = np.zeros(self.factors.shape, self.factors.dtype)
        out.reshape(-1, n * n)[:, :: n + 1] = 1
        return self.substituted(out, TRANSPOSED if transposed else PLAIN)

    def diagonal(self):
        """Numbers whose product is the determinant, but for its sign; and the sign that the exchanges of rows give it."""
        n = self.factors.shape[-1]
        exchanged = (self.pivots != np.arange(1, n + 1)).sum(-1) % 2
        return self.factors.diagonal(0, -2, -1), (1 - 2 * exchanged).astype(self.factors.dtype)

    def determinant(self):
        numbers, sign = self.diagonal()
        with np.errstate(over="ignore"):  # in float64, or a part of the product could overflow
            return (sign * numbers.prod(-1, np.float64)).astype(numbers.dtype)

    def sign_and_log(self):
        """The sign of the determinant, and the logarithm of its absolute value."""
        numbers, sign = self.diagonal()
        with np.errstate(divide="ignore"):
            return sign * np.sign(numbers).prod(-1), np.log(np.abs(numbers)).sum(-1)
