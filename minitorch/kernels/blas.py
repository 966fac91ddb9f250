"""Products of matrices by the BLAS that NumPy carries, called inside kernels, and shared out between threads.

What NumPy's own call does not give: a layer's bias, product and three gradients in one call instead of two to four (1 us
each); and small products on two threads. OpenBLAS's own threads make them slower (16 products 128x32 @ 32x128: 220 us with
one thread, 630 with two, 155 here), and for 26 ms after a product they spin on the cores that other threads want.

A call writes a table, a row for each piece of its products, and the team (team.py) computes the rows. A piece is whole rows or
columns of a result; sums are never split. Pieces are cut by the size of the products alone, and OpenBLAS computes each with one thread,
also where there is no team: its bits for some rows or columns are not those that they have in the whole product (its kernels for AVX2
take 12 rows at once, and treat a result's first and last columns otherwise than those between), and other ones with its own threads.

Where NumPy has another BLAS (Accelerate, MKL), `available` is False, and these products are NumPy's.
"""

from __future__ import annotations

import ctypes

import llvmlite.binding
import numpy as np
from numba.core import types

from . import team
from .jit import kernel
from .team import I32, I64, ONE, SIZE, ZERO, load, share

# ---------------------------------------------------------------------- functions of C

# NOTE: the names in NumPy's wheels, with integers of 64 bits: github.com/MacPython/openblas-libs. A look-up in NumPy's own
# library finds what the libraries that it was linked with have.
NAMES = [
    f"scipy_{name}64_"
    for name in ("cblas_sgemm", "cblas_dgemm", "openblas_get_num_threads", "openblas_set_num_threads", "cblas_sgemv", "cblas_dgemv")
]
ROW_MAJOR, PLAIN, TRANSPOSED = np.int32(101), np.int64(111), np.int64(112)  # cblas.h
F32, F64 = types.float32, types.float64


def found(names) -> bool:
    """Whether the functions are there; they are then known to compiled code by their names."""
    library = ctypes.CDLL(np._core._multiarray_umath.__file__)
    if not team.available or not all(hasattr(library, name) for name in names):
        return False
    for name in names:
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        llvmlite.binding.add_symbol(name, address)
    return True


available = found(NAMES)


def gemm(name, number):
    """cblas_?gemm: C = alpha * op(A) @ op(B) + beta * C; addresses are integers."""
    given = (I32, I32, I32, I64, I64, I64, number, I64, I64, I64, I64, number, I64, I64)
    return types.ExternalFunction(name, types.void(*given))


def gemv(name, number):
    """cblas_?gemv: y = alpha * op(A) @ x + beta * y"""
    given = (I32, I32, I64, I64, number, I64, I64, I64, I64, number, I64, I64)
    return types.ExternalFunction(name, types.void(*given))


sgemm, dgemm = gemm(NAMES[0], F32), gemm(NAMES[1], F64)
sgemv, dgemv = gemv(NAMES[4], F32), gemv(NAMES[5], F64)
blas_threads = types.ExternalFunction(NAMES[2], I32())
set_blas_threads = types.ExternalFunction(NAMES[3], types.void(I32))
memcpy = types.ExternalFunction("memcpy", I64(I64, I64, I64))

# ---------------------------------------------------------------------- a table of products

#: multiply-adds of a call from which on it is shared out: 10 us of one thread. Below, what the other core must fetch costs as much
#: as it saves (64x64 @ 64x64 in a loop: 8.3 us alone, 6 shared; in a training step no difference), and OpenBLAS uses one thread, too
SHARED = 1 << 19

#: pieces begin at a multiple of so many rows or columns, and have no less: OpenBLAS's kernels take 8 to 32 at once
STEP = 32

#: a call is at least two pieces, for the two cores of most machines. Each copies a whole operand into the order of OpenBLAS's kernels:
#: four pieces of 1024x1024 take 5% more time than two, eight 15%. So there are more, up to `MOST`, if they have so many rows or columns
WIDE, MOST = 1024, 8

#: words of a row: plain or transposed (2), m, n, k, address and distance of rows of A, of B, of C (6), address of a bias or 0, bytes of
#: a number
ROW = 13


@kernel(inner=True)
def compute(row):
    """The product that a row of the table asks for, added to the bias if there is one."""
    a, b, m, n, k = I32(row[0]), I32(row[1]), row[2], row[3], row[4]
    bias, size = row[11], row[12]
    beta = I32(bias != 0)
    if beta:
        for i in range(m):
            memcpy(row[9] + i * row[10] * size, bias, n * size)
    if size == 4:
        sgemm(ROW_MAJOR, a, b, m, n, k, F32(1), row[5], row[6], row[7], row[8], F32(beta), row[9], row[10])
    else:
        dgemm(ROW_MAJOR, a, b, m, n, k, F64(1), row[5], row[6], row[7], row[8], F64(beta), row[9], row[10])


@kernel(inner=True)
def compute_rows(table):
    for i in range(len(table)):
        compute(table[i])


@kernel(inner=True)
def pieces(m, n, products):
    """Into how many a result (m, n) is cut in a call of so many products that is shared out."""
    whole = max(m, n)
    return min(max((1 + products) // products, whole // WIDE), max(1, whole // STEP), MOST)


@kernel(inner=True)
def put(table, at, parts, shape, a, b, c, bias, size):
    """C (m, n) = A (m, k) @ B (k, n) + bias as so many rows of the table from `at` on, each some rows of C or some columns, whichever
    there are more of; the number of the next row. Shape: m, n, k; A and B: plain or transposed, address, distance of rows; C,
    contiguous, and bias: address."""
    (m, n, k), (a_kind, a, a_distance), (b_kind, b, b_distance) = shape, a, b
    whole = max(m, n)
    blocks = whole // STEP
    for part in range(parts):
        first = blocks * part // parts * STEP
        end = whole if part == parts - 1 else blocks * (part + 1) // parts * STEP
        (i, rows), (j, columns) = ((first, end - first), (ZERO, n)) if m > n else ((ZERO, m), (first, end - first))
        row = table[at]
        row[0], row[1] = a_kind, b_kind
        row[2], row[3], row[4] = rows, columns, k
        row[5], row[6] = a + (i * a_distance if a_kind == PLAIN else i) * size, a_distance
        row[7], row[8] = b + (j if b_kind == PLAIN else j * b_distance) * size, b_distance
        row[9], row[10] = c + (i * n + j) * size, n
        row[11], row[12] = bias + j * size if bias else 0, size
        at += 1
    return at


@kernel(inner=True)
def finish(words, table, count):
    """Computes the first `count` rows of the table, the last one first, by the team if OpenBLAS may use several threads."""
    before = blas_threads()
    if before == 1:
        compute_rows(table[:count])
        return
    set_blas_threads(I32(1))
    share(words, compute_rows, None, (table,), (), None, count, ONE)
    set_blas_threads(before)


# ---------------------------------------------------------------------- products


@kernel  # keeps Python's lock: another thread must find OpenBLAS's number of threads as it was
def batch_into(words, kinds, shape, a, b, c, size):
    """c[i, j] = op(a[i, j]) @ op(b[i, j]). Of a and b: (address, strides of i and j in bytes, distance of rows); of c,
    C-contiguous: its address. Returns whether helpers ought to be started."""
    outer, inner, m, k, n = shape
    work = outer * inner * m * n * k
    parts = pieces(m, n, outer * inner) if work >= SHARED else 1
    table, count = np.empty((outer * inner * parts, ROW), np.int64), ZERO
    for i in range(outer):
        for j in range(inner):
            left = (kinds[0], a[0] + i * a[1] + j * a[2], a[3])
            right = (kinds[1], b[0] + i * b[1] + j * b[2], b[3])
            into = c + (i * inner + j) * m * n * size
            count = put(table, count, parts, (m, n, k), left, right, into, ZERO, size)
    if work < SHARED:
        compute_rows(table[:count])
        return False
    finish(words, table, count)
    return load(words, SIZE) == 0


# ---------------------------------------------------------------------- for operations

TYPES = (np.dtype(np.float32), np.dtype(np.float64))


def matmul(x, y):
    """x @ y for two matrices, or two batches of one shape, float32 or float64. NotImplemented for others."""
    if x.ndim != y.ndim or not 2 <= x.ndim <= 4 or 0 in y.shape:
        return NotImplemented
    if (
        y.dtype is not x.dtype
        or x.dtype not in TYPES
        or x.shape[:-2] != y.shape[:-2]
        or x.shape[-1] != y.shape[-2]
    ):
        return NotImplemented
    x, a_kind, a = operand(x)
    y, b_kind, b = operand(y)
    out = np.empty((*x.shape[:-1], y.shape[-1]), x.dtype)
    shape = (*(1,) * (4 - x.ndim), *x.shape, y.shape[-1])
    c = out.__array_interface__["data"][0]
    if batch_into(team.words, (a_kind, b_kind), shape, a, b, c, x.itemsize):
        team.start()
    return out


def operand(x):
    """x, or a copy if BLAS cannot read its matrices; whether they are plain or transposed; the address of the first, the strides
    of the batch's two dimensions, and the distance of rows."""
    size, (rows, columns), (down, right) = x.itemsize, x.shape[-2:], x.strides[-2:]
    if right == size and down >= columns * size and down % size == 0:
        kind, distance = PLAIN, down // size
    elif down == size and right >= rows * size and right % size == 0:
        kind, distance = TRANSPOSED, right // size
    else:
        return operand(x.copy())
    strides = (0, 0, *x.strides[:-2])[-2:]
    return x, kind, (x.__array_interface__["data"][0], *strides, distance)
