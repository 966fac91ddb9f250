"""Products of matrices by the BLAS that NumPy carries, called inside kernels, and shared out between threads.

What NumPy's own call does not give: a layer's bias, product and three gradients in one call instead of two to four (1 us
each); and small products on two threads. OpenBLAS's own threads make them slower (16 products 128x32 @ 32x128: 220 us with
one thread, 630 with two, 155 here), and for 26 ms after a product they spin on the cores that other threads want.

*The team.* A call writes a table, a row for each piece of its products, and everybody takes rows until none is left: the
calling thread, and helpers that look for work for some 300 us after the last piece, then sleep. Nobody waits for a helper
that isn't there: the caller takes all rows itself. Handing a product over costs 1 us, against 45 for a Python thread. A piece
is whole columns of a result; sums are never split.

Where NumPy has another BLAS (Accelerate, MKL), `available` is False, and these products are NumPy's.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from . import threads
from .jit import kernel

# ---------------------------------------------------------------------- functions of C

# NOTE: the names in NumPy's wheels, with integers of 64 bits: github.com/MacPython/openblas-libs. A look-up in NumPy's own
# library finds what the libraries that it was linked with have.
NAMES = [
    f"scipy_{name}64_"
    for name in ("cblas_sgemm", "cblas_dgemm", "openblas_get_num_threads", "openblas_set_num_threads")
]
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112  # cblas.h
I32, I64, F32, F64 = types.int32, types.int64, types.float32, types.float64


def found() -> bool:
    """Whether the functions are there; they are then known to compiled code by their names."""
    if numba.config.DISABLE_JIT or not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(np._core._multiarray_umath.__file__)
    if not all(hasattr(library, name) for name in NAMES):
        return False
    for name in NAMES:
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        llvmlite.binding.add_symbol(name, address)
    return True


available = found()


def gemm(name, number):
    """cblas_?gemm: C = alpha * op(A) @ op(B) + beta * C; addresses are integers."""
    given = (I32, I32, I32, I64, I64, I64, number, I64, I64, I64, I64, number, I64, I64)
    return types.ExternalFunction(name, types.void(*given))


sgemm, dgemm = gemm(NAMES[0], F32), gemm(NAMES[1], F64)
blas_threads = types.ExternalFunction(NAMES[2], I32())
set_blas_threads = types.ExternalFunction(NAMES[3], types.void(I32))
sched_yield = types.ExternalFunction("sched_yield", I32())
sem_wait = types.ExternalFunction("sem_wait", I32(I64))
sem_post = types.ExternalFunction("sem_post", I32(I64))


def element(context, builder, signature, args):
    """A pointer to array[i], from the code of both."""
    return builder.gep(make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])


@intrinsic
def address(typing_context, array, i):
    """The address of element i of the memory of a C-contiguous array."""

    def generate(context, builder, signature, args):
        return builder.ptrtoint(element(context, builder, signature, args), ir.IntType(64))

    return I64(array, I64), generate


@intrinsic
def load(typing_context, words, i):
    """words[i], as the last thread that wrote it has left it."""

    def generate(context, builder, signature, args):
        return builder.load_atomic(element(context, builder, signature, args), "seq_cst", 8)

    return I64(words, I64), generate


def indivisible(operation):
    """`(words, i, value)`: changes words[i] in one step that no other thread can divide, and returns what it was before."""

    @intrinsic
    def change(typing_context, words, i, value):
        def generate(context, builder, signature, args):
            return builder.atomic_rmw(operation, element(context, builder, signature, args), args[2], "seq_cst")

        return I64(words, I64, I64), generate

    return change


add, swap = indivisible("add"), indivisible("xchg")


# ---------------------------------------------------------------------- the team

#: most threads of a team
MOST = 8

#: multiply-adds of a call from which on it is shared out: 3 us of one thread
SHARED = 1 << 17

#: columns of a piece are a multiple of this, the widest block of OpenBLAS: narrower pieces are slower
COLUMNS = 32

#: how often a helper without work looks for it before it sleeps, and after how many looks it lets others run
LOOKS, BETWEEN = 500_000, 1_000

#: places in `words`, each in a cache line of its own: the size of the team (0: not started); calls that want the table;
#: rows that nobody has taken; rows that are done; helpers that sleep; whether to end; a semaphore of C
SIZE, WANTED, LEFT, DONE, ASLEEP, END, SEMAPHORE = range(0, 112, 16)
words = np.zeros(112, np.int64)

#: rows of the table: transposed or plain (2), m, n, k, address and distance of rows of A, of B, of C (6), beta, bytes of a number
ROWS, ROW = 256, 13
table = np.zeros((ROWS, 16), np.int64)


starting = threading.Lock()


def start():
    """Starts the helpers, as many as there are threads for both Numba and OpenBLAS."""
    if not starting.acquire(blocking=False):  # another thread is at it, once for ever
        return
    blas = getattr(ctypes.CDLL(np._core._multiarray_umath.__file__), NAMES[2])
    size = min(threads.count(), blas(), MOST)
    libc, semaphore = ctypes.CDLL(None), ctypes.c_void_p(words[SEMAPHORE:].ctypes.data)
    libc.sem_init(semaphore, 0, 0)
    helpers = [
        threading.Thread(target=serve, args=(words, table), name="minitorch-blas", daemon=True)
        for _ in range(size - 1)
    ]
    for helper in helpers:
        helper.start()
    words[SIZE] = size

    def end():
        words[END] = 1
        for _ in helpers:
            libc.sem_post(semaphore)
        for helper in helpers:
            helper.join()

    atexit.register(end)


def forget():
    """In the child of a fork there are no helpers, and nobody uses the table."""
    global starting
    starting = threading.Lock()
    words[:] = 0


os.register_at_fork(after_in_child=forget)


@kernel
def compute(row):
    """The product that a row of the table asks for."""
    a, b, m, n, k = I32(row[0]), I32(row[1]), row[2], row[3], row[4]
    if row[12] == 4:
        sgemm(I32(ROW_MAJOR), a, b, m, n, k, F32(1), row[5], row[6], row[7], row[8], F32(row[11]), row[9], row[10])
    else:
        dgemm(I32(ROW_MAJOR), a, b, m, n, k, F64(1), row[5], row[6], row[7], row[8], F64(row[11]), row[9], row[10])


@kernel
def take(words, table):
    """Computes rows that nobody has taken until there are none."""
    while load(words, LEFT) > 0:
        left = add(words, LEFT, -1)
        if left > 0:  # otherwise another thread was quicker
            compute(table[left - 1])
            add(words, DONE, 1)


@kernel(nogil=True)
def serve(words, table):
    """A helper's life."""
    looks = 0
    while not load(words, END):
        if load(words, LEFT) > 0:
            take(words, table)
            looks = 0
        looks += 1
        if looks % BETWEEN == 0:
            sched_yield()
        if looks >= LOOKS:
            add(words, ASLEEP, 1)
            if load(words, LEFT) <= 0 and not load(words, END):  # a look after the announcement, or nobody would wake it
                sem_wait(address(words, SEMAPHORE))
            looks = 0


@kernel
def reserve(words, work):
    """Whether the table of the team is the caller's, until it calls `release`."""
    if work < SHARED or load(words, SIZE) < 2:
        return False
    if add(words, WANTED, 1):  # another thread of Python has it
        add(words, WANTED, -1)
        return False
    return True


@kernel
def release(words, shared):
    if shared:
        add(words, WANTED, -1)


@kernel
def share(words, table, count):
    """Computes the first rows of the team's table. OpenBLAS is kept from sharing the pieces out once more."""
    before = blas_threads()
    set_blas_threads(I32(1))
    swap(words, DONE, 0)
    swap(words, LEFT, count)
    if before > 1:  # the user has not limited it since
        for _ in range(load(words, ASLEEP)):
            add(words, ASLEEP, -1)
            sem_post(address(words, SEMAPHORE))
    take(words, table)
    looks = 0
    while load(words, DONE) < count:
        looks += 1
        if looks % BETWEEN == 0:
            sched_yield()
    set_blas_threads(before)


@kernel
def put(table, at, parts, a_kind, b_kind, m, n, k, a, lda, b, ldb, c, ldc, beta, size):
    """A product as at most `parts` rows of the table, each some columns of the result; the number of the next row."""
    width = (n + parts * COLUMNS - 1) // (parts * COLUMNS) * COLUMNS
    for j in range(0, n, width):
        row = table[at]
        row[0], row[1] = a_kind, b_kind
        row[2], row[3], row[4] = m, min(width, n - j), k
        row[5], row[6] = a, lda
        row[7], row[8] = b + (j * size if b_kind == PLAIN else j * ldb * size), ldb
        row[9], row[10] = c + j * size, ldc
        row[11], row[12] = beta, size
        at += 1
    return at


@kernel
def finish(words, table, count, shared):
    """Computes the first rows of `table`, which is the team's if it is shared."""
    if shared:
        share(words, table, count)
    else:
        for i in range(count):
            compute(table[i])


# ---------------------------------------------------------------------- products


@kernel(nogil=True)
def linear_into(words, table, x, w, b, out):
    """out = x @ w.T + b (b of no elements: + 0). Whether there ought to be a team, and none was started."""
    (m, k), n, size = x.shape, w.shape[0], x.itemsize
    bias = b.size > 0
    if bias:
        for i in range(m):
            for j in range(n):
                out[i, j] = b[j]
    work = m * n * k
    if work == 0:
        if not bias:
            out[:] = 0
        return False
    shared = reserve(words, work)
    rows = table if shared else np.empty((1, ROW), np.int64)
    parts = load(words, SIZE) if shared else 1
    count = put(
        rows, 0, parts, PLAIN, TRANSPOSED, m, n, k, address(x, 0), k, address(w, 0), k, address(out, 0), n, bias, size
    )  # fmt: skip
    finish(words, rows, count, shared)
    release(words, shared)
    return work >= SHARED and load(words, SIZE) == 0


@kernel(nogil=True)
def linear_gradients(words, table, g, x, w, dx, dw, db):
    """dx = g @ w, dw = g.T @ x, db = sum(g, 0): those that have elements. Whether there ought to be a team, as above."""
    (m, n), k, size = g.shape, x.shape[1], x.itemsize
    if db.size:
        db[:] = 0
        for i in range(m):
            for j in range(n):
                db[j] += g[i, j]
    work = m * n * k
    if work == 0:
        dx[:] = 0
        dw[:] = 0
        return False
    products = (dx.size > 0) + (dw.size > 0)
    shared = reserve(words, work * products)
    rows = table if shared else np.empty((2, ROW), np.int64)
    parts = (load(words, SIZE) + products - 1) // products if shared else 1
    count, at = 0, address(g, 0)
    if dx.size:
        count = put(rows, count, parts, PLAIN, PLAIN, m, k, n, at, n, address(w, 0), k, address(dx, 0), k, 0, size)
    if dw.size:
        count = put(rows, count, parts, TRANSPOSED, PLAIN, n, k, m, at, n, address(x, 0), k, address(dw, 0), k, 0, size)
    finish(words, rows, count, shared)
    release(words, shared)
    return work * products >= SHARED and load(words, SIZE) == 0


@kernel(nogil=True)
def batch_into(words, table, kinds, shape, a, b, c, size):
    """c[i, j] = op(a[i, j]) @ op(b[i, j]). Of a and b: (address, strides of i and j in bytes, distance of rows); of c,
    C-contiguous: its address. Whether there ought to be a team, as above."""
    outer, inner, m, k, n = shape
    work = outer * inner * m * n * k
    shared = reserve(words, work)
    rows = table if shared else np.empty((1, ROW), np.int64)
    parts = load(words, SIZE) if shared else 1
    parts = parts if outer * inner < parts else 1  # a piece is a whole product if there are enough of them
    count = 0
    for i in range(outer):
        for j in range(inner):
            if count + parts > len(rows):
                finish(words, rows, count, shared)
                count = 0
            at, bt = a[0] + i * a[1] + j * a[2], b[0] + i * b[1] + j * b[2]
            ct = c + (i * inner + j) * m * n * size
            count = put(rows, count, parts, kinds[0], kinds[1], m, n, k, at, a[3], bt, b[3], ct, n, 0, size)
    finish(words, rows, count, shared)
    release(words, shared)
    return work >= SHARED and load(words, SIZE) == 0


# ---------------------------------------------------------------------- for operations

TYPES = (np.dtype(np.float32), np.dtype(np.float64))
NOTHING = {dtype: (np.empty((0, 0), dtype), np.empty(0, dtype)) for dtype in TYPES}

#: multiply-adds of a product from which on `matmul` is worth its call; NumPy's takes 1 us less
WORTH = 1 << 15


def linear(x, w, b):
    """x @ w.T + b for C-contiguous x (m, k), w (n, k) and b (n) or None."""
    out = np.empty((x.shape[0], w.shape[0]), x.dtype)
    if linear_into(words, table, x, w, NOTHING[x.dtype][1] if b is None else b, out):
        start()
    return out


def linear_backward(g, x, w, wanted):
    """(g @ w, g.T @ x, sum(g, 0)), or None for what is not wanted; all C-contiguous."""
    no_matrix, no_vector = NOTHING[g.dtype]
    dx = np.empty_like(x) if wanted[0] else no_matrix
    dw = np.empty_like(w) if wanted[1] else no_matrix
    db = np.empty(w.shape[0], g.dtype) if wanted[2] else no_vector
    if linear_gradients(words, table, g, x, w, dx, dw, db):
        start()
    return dx if wanted[0] else None, dw if wanted[1] else None, db if wanted[2] else None


def matmul(x, y):
    """x @ y for two matrices, or two batches of one shape. NotImplemented for others, for few and for odd numbers."""
    if x.ndim != y.ndim or not 2 <= x.ndim <= 4 or x.size * y.shape[-1] < WORTH:
        return NotImplemented
    if y.dtype is not x.dtype or x.dtype not in TYPES or x.shape[:-2] != y.shape[:-2]:
        return NotImplemented
    x, a_kind, a = operand(x)
    y, b_kind, b = operand(y)
    out = np.empty((*x.shape[:-1], y.shape[-1]), x.dtype)
    shape = (*(1,) * (4 - x.ndim), *x.shape, y.shape[-1])
    c = out.__array_interface__["data"][0]
    if batch_into(words, table, (a_kind, b_kind), shape, a, b, c, x.itemsize):
        start()
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
