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
ROW_MAJOR, PLAIN, TRANSPOSED = np.int32(101), np.int64(111), np.int64(112)  # cblas.h
ZERO, ONE = np.int64(0), np.int64(1)  # as literals have types of their own, for which Numba would compile anew
I32, I64, F32, F64 = types.int32, types.int64, types.float32, types.float64


def numpy_library():
    return ctypes.CDLL(np._core._multiarray_umath.__file__)


def found() -> bool:
    """Whether the functions are there; they are then known to compiled code by their names."""
    if numba.config.DISABLE_JIT or not sys.platform.startswith("linux"):
        return False
    library = numpy_library()
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
memcpy = types.ExternalFunction("memcpy", I64(I64, I64, I64))


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
            return builder.atomic_rmw(
                operation, element(context, builder, signature, args), args[2], "seq_cst"
            )

        return I64(words, I64, I64), generate

    return change


add, swap = indivisible("add"), indivisible("xchg")


# ---------------------------------------------------------------------- the team

#: most threads of a team
MOST = 8

#: multiply-adds of a call from which on it is shared out: 10 us of one thread. Below, what the other core must fetch costs as much
#: as it saves (64x64 @ 64x64 in a loop: 8.3 us alone, 6 shared; in a training step no difference)
SHARED = 1 << 19

#: pieces begin at a multiple of so many columns, and have no less: narrower ones are slower, and OpenBLAS computes them otherwise
#: than the same columns of the whole
COLUMNS = 32

#: how often a helper without work looks for it before it sleeps, and after how many looks it lets others run
LOOKS, BETWEEN = 200_000, 1_000

#: places in `words`, each in a cache line of its own: the size of the team (0: not started); calls that want the table;
#: rows that nobody has taken; rows that are done; helpers that sleep; whether to end; a semaphore of C
SIZE, WANTED, LEFT, DONE, ASLEEP, END, SEMAPHORE, TABLE = range(0, 128, 16)

#: rows of the table, from TABLE on, and words of a row: plain or transposed (2), m, n, k, address and distance of rows of A, of
#: B, of C (6), address of a bias or 0, bytes of a number
ROWS, ROW = 256, 16
words = np.zeros(TABLE + ROWS * ROW, np.int64)


starting = threading.Lock()


def start():
    """Starts the helpers, as many as there are threads for both Numba and OpenBLAS."""
    if not starting.acquire(blocking=False):  # another thread does, or has done so
        return
    team, libc = words, ctypes.CDLL(None)
    semaphore = ctypes.c_void_p(team[SEMAPHORE:].ctypes.data)
    libc.sem_init(semaphore, 0, 0)
    size = min(threads.count(), getattr(numpy_library(), NAMES[2])(), MOST)
    team[END] = 1
    serve(team)  # compiled here: a process that forks while a thread compiles leaves a child that never can
    team[END] = 0
    helpers = [
        threading.Thread(target=serve, args=(team,), name="minitorch-blas", daemon=True)
        for _ in range(size - 1)
    ]
    for helper in helpers:
        helper.start()
    team[SIZE] = size

    def end():
        team[END] = 1
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
def team_table(words):
    return words[TABLE:].reshape((ROWS, ROW))


@kernel(inner=True)
def take(words, table):
    """Computes rows that nobody has taken until there are none."""
    while load(words, LEFT) > 0:
        left = add(words, LEFT, -1)
        if left > 0:  # otherwise another thread was quicker
            compute(table[left - 1])
            add(words, DONE, 1)


@kernel(nogil=True)
def serve(words):
    """A helper's life."""
    table, looks = team_table(words), 0
    while not load(words, END):
        if load(words, LEFT) > 0:
            take(words, table)
            looks = 0
        looks += 1
        if looks % BETWEEN == 0:
            sched_yield()
        if looks >= LOOKS:
            add(words, ASLEEP, 1)
            if load(words, LEFT) <= 0 and not load(words, END):  # after it said so: the next caller wakes it
                sem_wait(address(words, SEMAPHORE))
            looks = 0


@kernel(inner=True)
def reserve(words, work, most):
    """A table to put rows into, and whether it is the team's, until `release`; or else one of `most` rows."""
    if work >= SHARED and load(words, SIZE) > 1:
        if add(words, WANTED, 1) == 0:
            return team_table(words), True
        add(words, WANTED, -1)  # another thread of Python has it
    return np.empty((most, ROW), np.int64), False


@kernel(inner=True)
def release(words, shared):
    if shared:
        add(words, WANTED, -1)


@kernel(inner=True)
def put(table, at, parts, shape, a, b, c, bias, size):
    """C (m, n) = A (m, k) @ B (k, n) + bias as at most `parts` rows of the table from `at` on, each some columns of C; the number of
    the next row. Shape: m, n, k; A and B: plain or transposed, address, distance of rows; C, contiguous, and bias: address."""
    (m, n, k), (a_kind, a, a_distance), (b_kind, b, b_distance) = shape, a, b
    blocks = max(1, n // COLUMNS)
    parts = min(parts, blocks)
    for part in range(parts):
        first = blocks * part // parts * COLUMNS
        end = n if part == parts - 1 else blocks * (part + 1) // parts * COLUMNS
        row = table[at]
        row[0], row[1] = a_kind, b_kind
        row[2], row[3], row[4] = m, end - first, k
        row[5], row[6] = a, a_distance
        row[7], row[8] = b + (first if b_kind == PLAIN else first * b_distance) * size, b_distance
        row[9], row[10] = c + first * size, n
        row[11], row[12] = bias + first * size if bias else 0, size
        at += 1
    return at


@kernel(inner=True)
def finish(words, table, count, shared):
    """Computes the first `count` rows of the table, the last one first."""
    if not shared:
        for i in range(count):
            compute(table[i])
        return
    before = blas_threads()
    set_blas_threads(I32(1))  # or OpenBLAS would share the pieces out once more
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


@kernel(inner=True)
def missing(words, work):
    """Whether there ought to be a team, and none was started."""
    return work >= SHARED and load(words, SIZE) == 0


# ---------------------------------------------------------------------- products


@kernel(nogil=True)
def linear_into(words, x, w, b, out):
    """out = x @ w.T + b (a b of no elements: without). See `missing`."""
    (m, k), n, size = x.shape, w.shape[0], x.itemsize
    if m * n * k == 0:
        for i in range(m):
            for j in range(n):
                out[i, j] = b[j] if b.size else b.dtype.type(0)
        return False
    table, shared = reserve(words, m * n * k, ONE)
    parts = load(words, SIZE) if shared else 1
    bias = address(b, 0) if b.size else 0
    inputs, weights = (PLAIN, address(x, 0), k), (TRANSPOSED, address(w, 0), k)
    count = put(table, ZERO, parts, (m, n, k), inputs, weights, address(out, 0), bias, size)
    finish(words, table, count, shared)
    release(words, shared)
    return missing(words, m * n * k)


@kernel(nogil=True)
def linear_gradients(words, g, x, w, dx, dw, db):
    """dx = g @ w, dw = g.T @ x, db = sum(g, 0): those that have elements. See `missing`."""
    (m, n), k, size = g.shape, x.shape[1], x.itemsize
    if m * n * k == 0:
        dx[:] = 0
        dw[:] = 0
        for j in range(db.size):
            db[j] = g[:, j].sum()
        return False
    products = (dx.size > 0) + (dw.size > 0)
    table, shared = reserve(words, m * n * k * products, ONE * 3)
    parts = (load(words, SIZE) + products - 1) // products if shared else 1
    ones, count = np.ones(m, g.dtype), ZERO
    row, gradient, turned = (
        (PLAIN, address(ones, 0), m),
        (PLAIN, address(g, 0), n),
        (TRANSPOSED, address(g, 0), n),
    )
    inputs, weights = (PLAIN, address(x, 0), k), (PLAIN, address(w, 0), k)
    if db.size:  # the first row of the table is taken last, by who has time
        count = put(table, count, ONE, (ONE, n, m), row, gradient, address(db, 0), ZERO, size)
    if dw.size:
        count = put(table, count, parts, (n, k, m), turned, inputs, address(dw, 0), ZERO, size)
    if dx.size:
        count = put(table, count, parts, (m, k, n), gradient, weights, address(dx, 0), ZERO, size)
    finish(words, table, count, shared)
    release(words, shared)
    return missing(words, m * n * k * products) and ones[0] == 1  # a use, or `ones` would be freed before


@kernel(nogil=True)
def batch_into(words, kinds, shape, a, b, c, size):
    """c[i, j] = op(a[i, j]) @ op(b[i, j]). Of a and b: (address, strides of i and j in bytes, distance of rows); of c,
    C-contiguous: its address. See `missing`."""
    outer, inner, m, k, n = shape
    work = outer * inner * m * n * k
    table, shared = reserve(words, work, ONE)
    parts = load(words, SIZE) if shared else 1
    parts = parts if outer * inner < parts else 1  # a piece is a whole product if there are enough of them
    count = 0
    for i in range(outer):
        for j in range(inner):
            if count + parts > len(table):
                finish(words, table, count, shared)
                count = 0
            left = (kinds[0], a[0] + i * a[1] + j * a[2], a[3])
            right = (kinds[1], b[0] + i * b[1] + j * b[2], b[3])
            into = c + (i * inner + j) * m * n * size
            count = put(table, count, parts, (m, n, k), left, right, into, ZERO, size)
    finish(words, table, count, shared)
    release(words, shared)
    return missing(words, work)


# ---------------------------------------------------------------------- for operations

TYPES = (np.dtype(np.float32), np.dtype(np.float64))
NOTHING = {dtype: (np.empty((0, 0), dtype), np.empty(0, dtype)) for dtype in TYPES}


def linear(x, w, b):
    """x @ w.T + b for C-contiguous x (m, k), w (n, k) and b (n) or None."""
    out = np.empty((x.shape[0], w.shape[0]), x.dtype)
    if linear_into(words, x, w, NOTHING[x.dtype][1] if b is None else b, out):
        start()
    return out


def linear_backward(g, x, w, wanted):
    """(g @ w, g.T @ x, sum(g, 0)), or None for what is not wanted; all C-contiguous."""
    no_matrix, no_vector = NOTHING[g.dtype]
    dx = np.empty_like(x) if wanted[0] else no_matrix
    dw = np.empty_like(w) if wanted[1] else no_matrix
    db = np.empty(w.shape[0], g.dtype) if wanted[2] else no_vector
    if linear_gradients(words, g, x, w, dx, dw, db):
        start()
    return dx if wanted[0] else None, dw if wanted[1] else None, db if wanted[2] else None


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
    if batch_into(words, (a_kind, b_kind), shape, a, b, c, x.itemsize):
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
