"""Linear layers: bias and product, or the three gradients, in one call of a kernel; large ones by the team, as blas.py's products.

The product of 32x30 and 30x16 takes 0.4 us; what surrounds it is dear. NumPy needs 2.9 us for it and the bias, a kernel that is
handed five arrays 1.7, as Numba looks at each for 0.1, and whoever calls it 1.0 for checks of their types. A kernel here gets the
address of one tuple and looks itself (see `layout`): 1.3 us, all counted.
"""

from __future__ import annotations

import numpy as np
from numpy import empty

from . import team
from .blas import (
    F32,
    F64,
    MOST,
    PLAIN,
    ROW,
    ROW_MAJOR,
    SHARED,
    TRANSPOSED,
    dgemm,
    dgemv,
    finish,
    memcpy,
    pieces,
    put,
    sgemm,
    sgemv,
)
from .blas import available as blas_available
from .jit import kernel
from .layout import DATA, DOUBLE, DTYPE, FLAGS, FLOATS, INT, ITEMS, KIND, NDIM, READABLE, SHAPE, SINGLE, TYPE
from .optim import vector, word
from .team import I32, ONE, SIZE, ZERO, address, load, words

available = blas_available and bool(FLOATS)


#: rows of the input and columns of the result from which on a float32 product is faster with the weight turned round before: OpenBLAS
#: needs 7.7 us for 64x64 @ (64x64).T, and 5.0 without the .T, for which turning takes 1.1
ROWS, COLUMNS = 32, 16

#: most multiply-adds of a matrix and a vector for which OpenBLAS wakes no threads (interface/gemv.c: fewer than 9216). One row's product is
#: so, since as a product of matrices it takes longer, all of w being copied first (64x64: 1.1 us, 0.3)
FEW = 9215

#: what a kernel returns: it does nothing, as the arrays aren't as it takes them; it is done; it is, but helpers ought to be started
NOT, DONE, ALONE = range(3)

WORDS = len(words)

#: the bits of two float32 that are 1, and of a float64 that is
SINGLE_ONES, DOUBLE_ONES = 0x3F8000003F800000, 0x3FF0000000000000


@kernel(inner=True)
def array_at(place):
    """The array of a tuple at this address: its type, data, shape, kind of dtype, and number of dimensions (-1: not contiguous)."""
    array = word(place)
    ndim = word(array + NDIM) & INT if word(array + FLAGS) & READABLE == READABLE else -ONE
    return word(array + TYPE), word(array + DATA), word(array + SHAPE), word(word(array + DTYPE) + KIND), ndim


@kernel(inner=True)
def team_at(place):
    return vector(word(word(place) + DATA), WORDS, ZERO)


@kernel(inner=True)
def product(kind, a_kind, b_kind, shape, a, b, c, beta):
    """C (m, n) = op(A) @ op(B) + beta * C, all contiguous; of A, B and C the address, of A and B also the distance of rows."""
    (m, n, k), (a, a_distance), (b, b_distance), left, right = shape, a, b, I32(a_kind), I32(b_kind)
    if kind == SINGLE:
        sgemm(ROW_MAJOR, left, right, m, n, k, F32(1), a, a_distance, b, b_distance, F32(beta), c, n)
    else:
        dgemm(ROW_MAJOR, left, right, m, n, k, F64(1), a, a_distance, b, b_distance, F64(beta), c, n)


@kernel(inner=True)
def times_vector(kind, w, x, out, n, k, beta):
    """out (n) = w (n, k) @ x + beta * out, so many rows at a time that OpenBLAS does not wake its threads."""
    step, size, plain, one = max(ONE, FEW // k), 4 if kind == SINGLE else 8, I32(PLAIN), ONE
    for i in range(0, n, step):
        rows, a, y = min(step, n - i), w + i * k * size, out + i * size
        if kind == SINGLE:
            sgemv(ROW_MAJOR, plain, rows, k, F32(1), a, k, x, one, F32(beta), y, one)
        else:
            dgemv(ROW_MAJOR, plain, rows, k, F64(1), a, k, x, one, F64(beta), y, one)


@kernel(inner=True)
def turn(w, out, n, k):
    """out (k, n) = w.T"""
    for j in range(k):
        for i in range(n):
            out[j * n + i] = w[i * k + j]


@kernel
def forward(objects):
    """x, w, b (or None), out, the team's words: out = x @ w.T + b. Returns `NOT`, `DONE` or `ALONE`."""
    place = objects + ITEMS
    array, x, x_shape, kind, x_ndim = array_at(place)
    _, w, w_shape, w_kind, w_ndim = array_at(place + 8)
    if (kind != SINGLE and kind != DOUBLE) or w_kind != kind or x_ndim != 2 or w_ndim != 2:
        return NOT
    m, k, n = word(x_shape), word(x_shape + 8), word(w_shape)
    if word(w_shape + 8) != k or m * n * k == 0:
        return NOT
    out, bias, size = word(word(place + 24) + DATA), ZERO, 4 if kind == SINGLE else 8
    if word(word(place + 16) + TYPE) == array:
        _, bias, b_shape, b_kind, b_ndim = array_at(place + 16)
        if b_kind != kind or b_ndim != 1 or word(b_shape) != n:
            return NOT
    if m * n * k >= SHARED:
        team = team_at(place + 32)
        parts = pieces(m, n, 1)
        table = np.empty((parts, ROW), np.int64)
        count = put(table, ZERO, parts, (m, n, k), (PLAIN, x, k), (TRANSPOSED, w, k), out, bias, size)
        finish(team, table, count)
        return DONE if load(team, SIZE) else ALONE
    for i in range(m if bias else 0):
        memcpy(out + i * n * size, bias, n * size)
    beta = ONE if bias else ZERO
    if m == 1 and k <= FEW:
        times_vector(kind, w, x, out, n, k, beta)
        return DONE
    turned = np.empty(n * k if kind == SINGLE and m >= ROWS and n >= COLUMNS else 0, np.float32)
    if turned.size:
        turn(vector(w, n * k, F32(0)), turned, n, k)
        product(kind, PLAIN, PLAIN, (m, n, k), (x, k), (address(turned, 0), n), out, beta)
    else:
        product(kind, PLAIN, TRANSPOSED, (m, n, k), (x, k), (w, k), out, beta)
    return DONE if turned.size >= 0 else NOT  # a use, or it would be freed before


@kernel
def backward(objects):
    """g, x, w, dx, dw, db, the team's words: dx = g @ w, dw = g.T @ x, db = sum(g, 0), as a product with ones (in half the time of a loop
    over rows); None where one isn't wanted. Returns as above."""
    place = objects + ITEMS
    array, g, g_shape, kind, g_ndim = array_at(place)
    _, x, x_shape, x_kind, x_ndim = array_at(place + 8)
    _, w, w_shape, w_kind, w_ndim = array_at(place + 16)
    if (kind != SINGLE and kind != DOUBLE) or x_kind != kind or w_kind != kind:
        return NOT
    if g_ndim != 2 or x_ndim != 2 or w_ndim != 2:
        return NOT
    m, n, k = word(g_shape), word(g_shape + 8), word(x_shape + 8)
    if word(x_shape) != m or word(w_shape) != n or word(w_shape + 8) != k or m * n * k == 0:
        return NOT
    ones = np.empty(m, np.int64)
    for i in range(m):
        ones[i] = SINGLE_ONES if kind == SINGLE else DOUBLE_ONES
    team, size = team_at(place + 48), 4 if kind == SINGLE else 8
    products = (word(word(place + 24) + TYPE) == array) + (word(word(place + 32) + TYPE) == array)
    work = m * n * max(k * products, 1) - 1  # two of 64x64 are not shared: 9 us instead of 16 in a loop, but no less in a step
    table, count = np.empty((3 * MOST if work >= SHARED else 0, ROW), np.int64), ZERO
    for i in range(2, -1, -1):  # the first row of the table is taken last, by who has time
        result = word(place + 24 + 8 * i)
        if word(result + TYPE) == array:
            a_kind, shape, a, b = PLAIN, (m, k, n), (g, n), (w, k)
            if i == 1:
                a_kind, shape, b = TRANSPOSED, (n, k, m), (x, k)
            elif i == 2:
                shape, a, b = (ONE, n, m), (address(ones, 0), m), (g, n)
            into = word(result + DATA)
            if work >= SHARED:
                count = put(table, count, pieces(shape[0], shape[1], 2 if i == 2 else products), shape, (a_kind, *a), (PLAIN, *b), into, ZERO, size)
            else:
                product(kind, a_kind, PLAIN, shape, a, b, into, ZERO)
    if work >= SHARED:
        finish(team, table, count)
    return (DONE if load(team, SIZE) or work < SHARED else ALONE) if ones[0] else NOT  # a use, or they would be freed before


# ---------------------------------------------------------------------- for operations


def linear(x, w, b):
    """x @ w.T + b for matrices x (m, k) and w (n, k), and b (n) or None. NotImplemented for others than contiguous ones of one type."""
    if not available:
        return NotImplemented
    arrays = x, w, b, empty((len(x), len(w)), x.dtype), words
    done = forward(id(arrays))
    if done == ALONE:
        team.start()
    return arrays[3] if done else NotImplemented


def linear_backward(g, x, w, wanted):
    """(g @ w, g.T @ x, sum(g, 0)), or None for what is not wanted. NotImplemented as above."""
    if not available:
        return NotImplemented
    dx = empty(x.shape, x.dtype) if wanted[0] else None
    dw = empty(w.shape, w.dtype) if wanted[1] else None
    db = empty(len(w), w.dtype) if wanted[2] else None
    arrays = g, x, w, dx, dw, db, words
    done = backward(id(arrays))
    if done == ALONE:
        team.start()
    return arrays[3:6] if done else NotImplemented
