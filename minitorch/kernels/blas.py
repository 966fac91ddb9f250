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
from .builtin import NOT, Py_DecRef, PyObject_CallNoArgs, builtin, dtype_of, given, kept, memcpy, new_array
from .jit import kernel
from .layout import ALIGNED, DATA, DOUBLE, FLAGS, INT, NDIM, SHAPE, SINGLE, STRIDES, TYPE
from .raw import item, kind_of, vector, word
from .team import I32, I64, ONE, SIZE, ZERO, address, load, share

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


def gemm_of(name, number):
    """cblas_?gemm: C = alpha * op(A) @ op(B) + beta * C; addresses are integers."""
    given = (I32, I32, I32, I64, I64, I64, number, I64, I64, I64, I64, number, I64, I64)
    return types.ExternalFunction(name, types.void(*given))


def gemv_of(name, number):
    """cblas_?gemv: y = alpha * op(A) @ x + beta * y"""
    given = (I32, I32, I64, I64, number, I64, I64, I64, I64, number, I64, I64)
    return types.ExternalFunction(name, types.void(*given))


sgemm, dgemm = gemm_of(NAMES[0], F32), gemm_of(NAMES[1], F64)
sgemv, dgemv = gemv_of(NAMES[4], F32), gemv_of(NAMES[5], F64)
blas_threads = types.ExternalFunction(NAMES[2], I32())
set_blas_threads = types.ExternalFunction(NAMES[3], types.void(I32))

# ---------------------------------------------------------------------- a table of products

#: multiply-adds of a call from which on it is shared out: 10 us of one thread. Below, what the other core must fetch costs as much
#: as it saves (64x64 @ 64x64 in a loop: 8.3 us alone, 6 shared; in a training step no difference), and OpenBLAS uses one thread, too
SHARED = 1 << 19

#: pieces begin at a multiple of so many rows or columns, and have no less: OpenBLAS's kernels take 8 to 32 at once
STEP = 32

#: a call is at least two pieces, for the two cores of most machines. Each copies a whole operand into the order of OpenBLAS's kernels:
#: four pieces of 1024x1024 take 5% more time than two, eight 15%. So there are more, up to `MOST`, if they have so many rows or columns
WIDE, MOST = 1024, 8

#: a product that is THIN in one direction is cut into pieces of at most so many multiply-adds: these OpenBLAS computes for AVX512 without
#: copying its operands (256x1024 @ 1024x10, its two gradients, us by one thread: 75, 105, 114; in four pieces 36, 74, 51)
THIN, UNCOPIED = 16, 10**6

#: rows of A, columns of the result, and most elements of B for which a float32 product A @ B.T is faster with B turned round before:
#: OpenBLAS needs 7.9 us for 64x64 @ (64x64).T, and 4.9 without the .T, for which turning takes 1.5; 128x32 @ (128x32).T 37, 9.6 and 1.4
ROWS, COLUMNS, TURNED = 32, 16, 1 << 14

#: most multiply-adds of a matrix and a vector for which OpenBLAS wakes no threads (interface/gemv.c: fewer than 9216). One row's product is
#: so, since as a product of matrices it takes longer, all of w being copied first (64x64: 1.1 us, 0.3)
FEW = 9215

#: what built-in functions here know, by index: where the team's words are, how helpers are started, and None
WORDS, START, UNREADABLE = range(1, 4)
SIZE_OF_WORDS = len(team.words)

#: words of a row: plain or transposed (2), m, n, k, address and distance of rows of A, of B, of C (6), address of a bias or 0, bytes of
#: a number
ROW = 13


@kernel(inner=True)
def turned(b, distance, n, k):
    """B (n, k) of float32, at an address and with that distance of rows, turned round: (k, n)"""
    out = np.empty(n * k, np.float32)
    rows = vector(b, (n - 1) * distance + k, np.float32(0))
    for j in range(k):
        for i in range(n):
            out[j * n + i] = rows[i * distance + j]
    return out


@kernel(inner=True)
def times(a_kind, shape, a, b, c, c_distance, beta):
    """C (m, n) = op(A) @ B + beta * C of float32; B is an array (whose memory is there for as long as this function runs)."""
    (m, n, k), (a, a_distance) = shape, a
    sgemm(ROW_MAJOR, I32(a_kind), I32(PLAIN), m, n, k, F32(1), a, a_distance, address(b, 0), n, F32(beta), c, c_distance)


@kernel(inner=True)
def is_turned(m, n, k):
    """Whether for A (m, k) @ B.T the B is better turned round before."""
    return m >= ROWS and n >= COLUMNS and n * k <= TURNED


@kernel(inner=True)
def gemv(size, kind, m, n, a, distance, x, beta, out):
    """out = op(A) @ x + beta * out for A (m, n)"""
    if size == 4:
        sgemv(ROW_MAJOR, I32(kind), m, n, F32(1), a, distance, x, ONE, F32(beta), out, ONE)
    else:
        dgemv(ROW_MAJOR, I32(kind), m, n, F64(1), a, distance, x, ONE, F64(beta), out, ONE)


@kernel(inner=True)
def rows_times(size, w, distance, x, out, n, k, beta):
    """out (n) = w (n, k) @ x + beta * out, so many numbers of w at a time that OpenBLAS does not wake its threads."""
    for j in range(0, k, FEW):
        wide, more = min(FEW, k - j), beta if j == 0 else ONE
        step = max(ONE, FEW // wide)
        for i in range(0, n, step):
            gemv(size, PLAIN, min(step, n - i), wide, w + (i * distance + j) * size, distance, x + j * size, more, out + i * size)


@kernel(inner=True)
def columns_times(size, w, distance, x, out, n, k, beta):
    """out (k) = x @ w (n, k) + beta * out, in the same way."""
    for j in range(0, k, FEW):
        wide = min(FEW, k - j)
        step = max(ONE, FEW // wide)
        for i in range(0, n, step):
            more = beta if i == 0 else ONE
            gemv(size, TRANSPOSED, min(step, n - i), wide, w + (i * distance + j) * size, distance, x + i * size, more, out + j * size)


@kernel(inner=True)
def compute(row):
    """The product that a row of the table asks for, added to the bias if there is one."""
    a, b, m, n, k = I32(row[0]), I32(row[1]), row[2], row[3], row[4]
    bias, size = row[11], row[12]
    beta = I32(bias != 0)
    if beta:
        for i in range(m):
            memcpy(row[9] + i * row[10] * size, bias, n * size)
    if m == 1 and a == PLAIN and b == TRANSPOSED:
        rows_times(size, row[7], row[8], row[5], row[9], n, k, beta)
    elif m == 1 and a == PLAIN and b == PLAIN:
        columns_times(size, row[7], row[8], row[5], row[9], k, n, beta)
    elif size == 4 and b == TRANSPOSED and is_turned(m, n, k):
        times(row[0], (m, n, k), (row[5], row[6]), turned(row[7], row[8], n, k), row[9], row[10], beta)
    elif size == 4:
        sgemm(ROW_MAJOR, a, b, m, n, k, F32(1), row[5], row[6], row[7], row[8], F32(beta), row[9], row[10])
    else:
        dgemm(ROW_MAJOR, a, b, m, n, k, F64(1), row[5], row[6], row[7], row[8], F64(beta), row[9], row[10])


@kernel(inner=True)
def compute_rows(table):
    for i in range(len(table)):
        compute(table[i])


@kernel(inner=True)
def pieces(shape, products):
    """Into how many a product (m, n, k) is cut in a call of so many that is shared out."""
    m, n, k = shape
    whole = max(m, n)
    uncopied = m * n * k // UNCOPIED + 1 if min(m, n, k) <= THIN else ONE
    return min(max(uncopied, (1 + products) // products, whole // WIDE), max(1, whole // STEP), MOST)


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


@kernel(inner=True)
def team_of(results):
    return vector(word(word(item(results, WORDS) + DATA)), SIZE_OF_WORDS, ZERO)


@kernel(inner=True)
def started(results, alone, out):
    """What a built-in function returns that has made `out`: the same, after helpers have been started if it was done `alone`."""
    if alone and out:
        nothing = PyObject_CallNoArgs(item(results, START))
        Py_DecRef(nothing if nothing else out)
        if not nothing:
            return ZERO
    return out


@kernel(inner=True)
def as_blas_reads(array, ndim, size):
    """(whether its matrices are plain or transposed, or 0 if neither; the distance of rows)"""
    last = 8 * (ndim - 2)
    rows, columns = word(word(array + SHAPE) + last), word(word(array + SHAPE) + last + 8)
    down, right = word(word(array + STRIDES) + last), word(word(array + STRIDES) + last + 8)
    if right == size and down >= columns * size and down % size == 0:
        return PLAIN, down // size
    if down == size and right >= rows * size and right % size == 0:
        return TRANSPOSED, right // size
    return ZERO, ZERO


@kernel(inner=True)
def batch_strides(array, ndim):
    """Of the two dimensions before those of matrices; 0 where there is none."""
    strides = word(array + STRIDES)
    return word(strides) if ndim > 3 else ZERO, word(strides + 8 * (ndim - 3)) if ndim > 2 else ZERO


@builtin(team.place, team.start, None)
def product(results, arguments, count):
    """(x, y): x @ y of two matrices, or two batches of one shape, float32 or float64. None: BLAS cannot read the matrices as they lie.
    NotImplemented for others. (It keeps Python's lock: another thread must find OpenBLAS's number of threads as it was.)"""
    x, y = word(arguments), word(arguments + 8)
    ndim, kind, shape = word(x + NDIM) & INT, kind_of(x), word(x + SHAPE)
    if word(x + TYPE) != word(y + TYPE) or (kind != SINGLE and kind != DOUBLE) or kind_of(y) != kind:
        return given(results, NOT)
    if ndim < 2 or ndim > 4 or word(y + NDIM) & INT != ndim:
        return given(results, NOT)
    for d in range(ndim - 2):
        if word(shape + 8 * d) != word(word(y + SHAPE) + 8 * d):
            return given(results, NOT)
    last, size = 8 * (ndim - 2), 4 if kind == SINGLE else 8
    m, k, n = word(shape + last), word(shape + last + 8), word(word(y + SHAPE) + last + 8)
    if word(word(y + SHAPE) + last) != k or k * n == 0:
        return given(results, NOT)
    (x_kind, x_distance), (y_kind, y_distance) = as_blas_reads(x, ndim, size), as_blas_reads(y, ndim, size)
    if not x_kind or not y_kind or not word(x + FLAGS) & word(y + FLAGS) & ALIGNED:
        return given(results, UNREADABLE)
    outer, inner = word(shape) if ndim > 3 else ONE, word(shape + 8 * (ndim - 3)) if ndim > 2 else ONE
    out = new_array(word(x + TYPE), dtype_of(x), ndim, kept((outer, inner, m, n)) + 8 * (4 - ndim))
    if not out:
        return out
    work = outer * inner * m * n * k
    parts = pieces((m, n, k), outer * inner) if work >= SHARED else 1
    table, rows, team = np.empty((outer * inner * parts, ROW), np.int64), ZERO, team_of(results)
    (x_outer, x_inner), (y_outer, y_inner) = batch_strides(x, ndim), batch_strides(y, ndim)
    for i in range(outer):
        for j in range(inner):
            left = (x_kind, word(x + DATA) + i * x_outer + j * x_inner, x_distance)
            right = (y_kind, word(y + DATA) + i * y_outer + j * y_inner, y_distance)
            into = word(out + DATA) + (i * inner + j) * m * n * size
            rows = put(table, rows, parts, (m, n, k), left, right, into, ZERO, size)
    if work < SHARED:
        compute_rows(table[:rows])
    else:
        finish(team, table, rows)
    return started(results, work >= SHARED and load(team, SIZE) == 0, out)


if not available:
    product = lambda x, y: NotImplemented


# ---------------------------------------------------------------------- for operations


def matmul(x, y):
    """x @ y of two matrices, or two batches of one shape, float32 or float64. NotImplemented for others."""
    out = product(x, y)
    if out is None:
        out = product(x.copy(), y.copy())
    return NotImplemented if out is None else out
