"""Linear layers too small to be shared out between threads: bias and product, or the three gradients, in one call of a kernel.

The product of 32x30 and 30x16 takes 0.4 us; what surrounds it is dear. NumPy needs 2.9 us for it and the bias, a kernel that is
handed four arrays 1.7, of which Numba spends 0.1 on each, and whoever calls it 1.0 on a look at their types. A kernel here gets
the address of one tuple and looks itself (see `layout`): 1.3 us, all counted.
"""

from __future__ import annotations

import ctypes

import numpy as np
from numpy import empty

from . import blas
from .blas import F32, F64, I32, PLAIN, ROW_MAJOR, SHARED, TRANSPOSED, address, dgemm, memcpy, sgemm
from .jit import kernel
from .layout import DATA, DTYPE, FLAGS, FLOATS, INT, ITEMS, KIND, NDIM, READABLE, SHAPE, TYPE
from .optim import word

available = blas.available and bool(FLOATS)


def kind_of(dtype):
    return ctypes.c_int64.from_address(id(np.dtype(dtype)) + KIND).value


SINGLE, DOUBLE = kind_of(np.float32), kind_of(np.float64)


@kernel(inner=True)
def item(objects, i):
    return word(objects + ITEMS + 8 * i)


@kernel(inner=True)
def length(array, d):
    """array.shape[d]"""
    return word(word(array + SHAPE) + 8 * d)


@kernel(inner=True)
def data(array):
    return word(array + DATA)


@kernel(inner=True)
def kind_at(array):
    return word(word(array + DTYPE) + KIND)


@kernel(inner=True)
def is_plain(array, ndim, kind):
    """Whether an array is contiguous, and has this many dimensions and this kind of dtype."""
    plain = word(array + FLAGS) & READABLE == READABLE and word(array + NDIM) & INT == ndim
    return plain and kind_at(array) == kind


@kernel(inner=True)
def product(kind, a_kind, b_kind, shape, a, b, c, beta):
    """C (m, n) = op(A) @ op(B) + beta * C, all contiguous; of A, B and C the address, of A and B also the distance of rows."""
    (m, n, k), (a, a_distance), (b, b_distance) = shape, a, b
    left, right = I32(a_kind), I32(b_kind)
    if kind == SINGLE:
        sgemm(ROW_MAJOR, left, right, m, n, k, F32(1), a, a_distance, b, b_distance, F32(beta), c, n)
    else:
        dgemm(ROW_MAJOR, left, right, m, n, k, F64(1), a, a_distance, b, b_distance, F64(beta), c, n)


@kernel
def forward(objects):
    """x, w, b (or None), out: out = x @ w.T + b. False, and nothing is done, if the arrays aren't as this kernel takes them."""
    x, w, b, out = item(objects, 0), item(objects, 1), item(objects, 2), item(objects, 3)
    kind, with_bias = kind_at(x), word(b + TYPE) == word(x + TYPE)
    if (kind != SINGLE and kind != DOUBLE) or not is_plain(x, 2, kind) or not is_plain(w, 2, kind):
        return False
    m, n, k = length(x, 0), length(w, 0), length(x, 1)
    if length(w, 1) != k or not 0 < m * n * k < SHARED:
        return False
    if with_bias:
        if not is_plain(b, 1, kind) or length(b, 0) != n:
            return False
        row = n * (4 if kind == SINGLE else 8)
        for i in range(m):
            memcpy(data(out) + i * row, data(b), row)
    product(kind, PLAIN, TRANSPOSED, (m, n, k), (data(x), k), (data(w), k), data(out), with_bias)
    return True


@kernel
def backward(objects):
    """g, x, w, dx, dw, db: dx = g @ w, dw = g.T @ x, db = sum(g, 0), or None where one isn't wanted. False as above."""
    g, x, w = item(objects, 0), item(objects, 1), item(objects, 2)
    dx, dw, db = item(objects, 3), item(objects, 4), item(objects, 5)
    kind, array = kind_at(g), word(g + TYPE)
    with_x, with_w, with_b = word(dx + TYPE) == array, word(dw + TYPE) == array, word(db + TYPE) == array
    if (kind != SINGLE and kind != DOUBLE) or not is_plain(g, 2, kind):
        return False
    if not is_plain(x, 2, kind) or not is_plain(w, 2, kind):
        return False
    m, n, k = length(g, 0), length(g, 1), length(x, 1)
    if length(x, 0) != m or length(w, 0) != n or length(w, 1) != k or not m * n * k:
        return False
    if with_x:
        product(kind, PLAIN, PLAIN, (m, k, n), (data(g), n), (data(w), k), data(dx), 0)
    if with_w:
        product(kind, TRANSPOSED, PLAIN, (n, k, m), (data(g), n), (data(x), k), data(dw), 0)
    if with_b:
        return sum_rows(kind, m, n, data(g), data(db))
    return True


@kernel(inner=True)
def sum_rows(kind, m, n, g, out):
    """As a product with ones, in half the time of a loop over rows."""
    if kind == SINGLE:
        ones = np.ones(m, np.float32)
        product(kind, PLAIN, PLAIN, (1, n, m), (address(ones, 0), m), (g, n), out, 0)
        return ones[0] == 1  # a use, or they would be freed before
    twos = np.ones(m, np.float64)
    product(kind, PLAIN, PLAIN, (1, n, m), (address(twos, 0), m), (g, n), out, 0)
    return twos[0] == 1


# ---------------------------------------------------------------------- for operations


def linear(x, w, b):
    """x @ w.T + b for matrices x (m, k) and w (n, k), and b (n) or None. NotImplemented for others than small contiguous ones."""
    arrays = x, w, b, empty((len(x), len(w)), x.dtype)
    return arrays[3] if forward(id(arrays)) else NotImplemented


def linear_backward(g, x, w, wanted):
    """(g @ w, g.T @ x, sum(g, 0)), or None for what is not wanted. NotImplemented as above."""
    if 2 * g.size * x.shape[1] >= SHARED:
        return NotImplemented
    dx = empty(x.shape, x.dtype) if wanted[0] else None
    dw = empty(w.shape, w.dtype) if wanted[1] else None
    db = empty(len(w), w.dtype) if wanted[2] else None
    arrays = g, x, w, dx, dw, db
    return arrays[3:] if backward(id(arrays)) else NotImplemented
