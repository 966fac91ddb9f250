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
from .builtin import kept
from .jit import kernel
from .layout import DATA, FLOATS
from .raw import word
from .team import I32, I64, MOST, ONE, ZERO, address, share

NAMES = [f"scipy_{name}_64_" for name in ("sgetrf", "dgetrf", "sgetrs", "dgetrs")]
available = has_blas and bool(FLOATS) and found(NAMES)
sgetrf, dgetrf = (types.ExternalFunction(name, types.void(*[I64] * 6)) for name in NAMES[:2])
sgetrs, dgetrs = (types.ExternalFunction(name, types.void(*[I64] * 9)) for name in NAMES[2:])

#: the fewest right sides of a piece (316 rows: 16 take 130 us, 80 320, 158 580), of which there are at most MOST
SIDES = 80

#: rows of a matrix from which on OpenBLAS's threads factor it: two take 0.63 ms for 316 (one 0.62), 10 for 1000 (15)
BLAS_THREADS = 512

PLAIN, TRANSPOSED = ord("N"), ord("T")  # LAPACK's


@kernel(inner=True)
def data(array):
    """Where the elements of an array are, which is at the address `id(array)`. (NumPy needs 0.8 us to say it.)"""
    return word(array + DATA)


@kernel(inner=True)
def factor(start, stop, n, size, matrices, pivots, info):
    """LAPACK's getrf of some matrices, in their place."""
    for i in range(start, stop):
        rows, a, p = kept((n,)), matrices + i * n * n * size, pivots + i * n * 8
        if size == 4:
            sgetrf(rows, rows, a, rows, p, address(info, i))
        else:
            dgetrf(rows, rows, a, rows, p, address(info, i))


@kernel(inner=True)
def substitute(start, stop, n, k, most, how, size, matrices, pivots, sides):
    """LAPACK's getrs with some pieces, of `most`, of the k right sides of each matrix, in their place; how: PLAIN or TRANSPOSED."""
    pieces = (k + most - 1) // most
    for piece in range(start, stop):
        i, first = piece // pieces, piece % pieces * most
        rows = kept((n, min(most, k - first), how, ZERO))
        many, letter, info = rows + 8, rows + 16, rows + 24
        a, p, b = matrices + i * n * n * size, pivots + i * n * 8, sides + (i * k + first) * n * size
        if size == 4:
            sgetrs(letter, rows, many, a, rows, p, b, rows, info)
        else:
            dgetrs(letter, rows, many, a, rows, p, b, rows, info)


@kernel  # keeps Python's lock, as blas.py's `batch_into` does: another thread must find OpenBLAS's number of threads as it was
def factor_all(words, count, n, size, matrices, pivots):
    """Of arrays at these addresses; whether one of the matrices is singular."""
    before, info = blas_threads(), np.empty(count, np.int64)
    if count > 1 or n < BLAS_THREADS:
        set_blas_threads(I32(1))
    share(words, factor, None, (), (n, size, data(matrices), data(pivots), info), None, count, ONE)
    set_blas_threads(before)
    return info.any()


@kernel
def substitute_all(words, count, n, k, how, size, matrices, pivots, sides):
    before, most = blas_threads(), max(SIDES, (k + MOST - 1) // MOST)
    given = n, k, most, how, size, data(matrices), data(pivots), data(sides)
    set_blas_threads(I32(1))
    share(words, substitute, None, (), given, None, count * ((k + most - 1) // most), ONE)
    set_blas_threads(before)


class LU:
    """The factors of matrices x (..., n, n) of float32 or float64. singular: whether one of them has a pivot that is zero."""

    def __init__(self, x):
        if not team.words[team.SIZE]:
            team.start()
        n = x.shape[-1]
        self.factors, self.pivots, self.count = np.array(x, order="C"), np.empty(x.shape[:-1], np.int64), x.size // n**2
        self.singular = factor_all(team.words, self.count, n, x.itemsize, id(self.factors), id(self.pivots))

    def substituted(self, sides, how):
        """In place, each row b of `sides` (..., k, n) becomes z, where b = z @ x, or x @ z if TRANSPOSED."""
        k, n = sides.shape[-2:]
        substitute_all(team.words, self.count, n, k, how, sides.itemsize, id(self.factors), id(self.pivots), id(sides))
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
