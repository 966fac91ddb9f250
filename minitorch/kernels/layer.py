"""Linear layers: bias and product, or the three gradients, in one call of a kernel; large ones by the team, as blas.py's products.

The product of 32x30 and 30x16 takes 0.4 us; what surrounds it is dear. NumPy needs 2.9 us for it and the bias, a kernel that is
handed five arrays 1.7, as Numba looks at each for 0.1, and whoever calls it 1.0 for checks of their types. A kernel here gets the
address of one tuple and looks itself (see `layout`): 1.3 us, all counted.
"""

from __future__ import annotations

import functools

import numpy as np
from numba import carray
from numpy import empty

from . import team, ufuncs
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
from .layout import DATA, DOUBLE, FLOATS, ITEMS, LENGTH, SHAPE, SINGLE, TYPE
from .raw import array_at, vector, word
from .team import I32, ONE, SIZE, ZERO, address, call, load, words

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

#: bytes of the four objects of a layer; most elements of an activation
LAYER, FAST = 32, 1 << 14

#: the bits of two float32 that are 1, and of a float64 that is
SINGLE_ONES, DOUBLE_ONES = 0x3F8000003F800000, 0x3FF0000000000000


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


@kernel(inner=True)
def affine(kind, shape, x, w, bias, out, team):
    """out (m, n) = x (m, k) @ w (n, k).T + bias, all by address; a bias of 0 is none. Returns `DONE` or `ALONE`."""
    (m, n, k), size, beta = shape, 4 if kind == SINGLE else 8, ONE if bias else ZERO
    if m * n * k >= SHARED:
        parts = pieces(m, n, 1)
        table = np.empty((parts, ROW), np.int64)
        count = put(table, ZERO, parts, (m, n, k), (PLAIN, x, k), (TRANSPOSED, w, k), out, bias, size)
        finish(team, table, count)
        return DONE if load(team, SIZE) else ALONE
    for i in range(m if bias else 0):
        memcpy(out + i * n * size, bias, n * size)
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
def forward(objects):
    """x, the team's words, None, and of each layer w, b (or None), its activation (or None) and out (or None, and it's forgotten; not of the
    last): each layer's out = activation(x @ w.T + b) is the next one's x. Returns `NOT`, `DONE` or `ALONE`."""
    place, first, end = objects + ITEMS, objects + ITEMS + 24, objects + ITEMS + 8 * word(objects + LENGTH)
    array, x, x_shape, kind, x_ndim = array_at(place)
    none = word(word(place + 16) + TYPE)
    if (kind != SINGLE and kind != DOUBLE) or x_ndim != 2:
        return NOT
    m, k, widest = word(x_shape), word(x_shape + 8), ZERO
    for layer in range(first, end, LAYER):
        is_array = (word(word(layer) + TYPE) == array, word(word(layer + 8) + TYPE) == array, word(word(layer + 16) + TYPE) == array)
        if not is_array[0] or not (is_array[1] or word(word(layer + 8) + TYPE) == none):
            return NOT
        if not (is_array[2] or word(word(layer + 16) + TYPE) == none):
            return NOT
        _, _, w_shape, w_kind, w_ndim = array_at(layer)
        if w_kind != kind or w_ndim != 2:
            return NOT
        n = word(w_shape)
        if word(w_shape + 8) != k or m * n * k == 0 or (is_array[2] and m * n > FAST):
            return NOT
        if is_array[1]:
            _, _, b_shape, b_kind, b_ndim = array_at(layer + 8)
            if b_kind != kind or b_ndim != 1 or word(b_shape) != n:
                return NOT
        k = n
        if word(word(layer + 24) + TYPE) != array:
            widest = max(widest, m * n)
    team, k, done = team_at(place + 8), word(x_shape + 8), DONE
    between = np.empty((2, widest), np.float64)
    for i, layer in enumerate(range(first, end, LAYER)):
        n = word(word(word(layer) + SHAPE))
        out = word(word(layer + 24) + DATA) if word(word(layer + 24) + TYPE) == array else address(between, (i & 1) * widest)
        bias = word(word(layer + 8) + DATA) if word(word(layer + 8) + TYPE) == array else ZERO
        done = max(done, affine(kind, (m, n, k), x, word(word(layer) + DATA), bias, out, team))
        if word(word(layer + 16) + TYPE) == array:
            call(word(word(word(layer + 16) + DATA)), out, ZERO, m * n)
        x, k = out, n
    return done if between.size >= 0 else NOT  # a use, as above


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
    out = empty((len(x), len(w)), x.dtype)
    return out if layers(x, (w, b, None, out)) else NotImplemented


def layers(x, parts):
    """Of each layer its w, its b or None, its `activation` or None, and an array for the result, or None if only the next layer needs it:
    activation(x @ w.T + b) again and again. False, and nothing is done: the arrays are others than said above, or the results so large
    that an activation is better shared."""
    arrays = x, words, None, *parts
    done = forward(id(arrays))
    if done == ALONE:
        team.start()
    return done != NOT


def relu(x, y, n):
    """x = max(x, 0) of n numbers in place; NaN stays NaN. (y is what functions of two numbers have.)"""
    x = carray(x, n)
    zero = x.dtype.type(0)
    for i in range(n):
        x[i] = zero if x[i] <= zero else x[i] + zero  # (x[i] itself: a masked store, slow on AMD)


@functools.cache
def activation(name, dtype):
    """For `layers`: the address of a function of C that computes it in place, in an array. NotImplemented: we have none for the type."""
    if not available or dtype not in FLOATS:
        return NotImplemented
    number = F32 if dtype.itemsize == 4 else F64
    function = ufuncs.in_place(relu, number) if name == "relu" else ufuncs.formula_in_place(name, number)
    return NotImplemented if function is None else np.array([function])


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
