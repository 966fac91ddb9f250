"""Linear layers too small to be shared out between threads: bias and product, or the three gradients, in one call of a kernel.

The product of 32x30 and 30x16 takes 0.4 us; what surrounds it is dear. NumPy needs 2.9 us for it and the bias, a kernel that is
handed five arrays 1.7, as Numba looks at each for 0.1, and whoever calls it 1.0 for checks of their types. A kernel here gets the
address of one tuple and looks itself (see `layout`): 1.3 us, all counted.
"""

from __future__ import annotations

import ctypes

import numpy as np
from numpy import empty

from .blas import F32, F64, PLAIN, ROW_MAJOR, SHARED, TRANSPOSED, dgemm, memcpy, sgemm
from .blas import available as blas_available
from .jit import kernel
from .layout import DATA, DTYPE, FLAGS, FLOATS, INT, ITEMS, KIND, NDIM, READABLE, SHAPE, TYPE
from .optim import word
from .team import I32, ONE, ZERO, address

available = blas_available and bool(FLOATS)


def kind_of(dtype):
    return ctypes.c_int64.from_address(id(np.dtype(dtype)) + KIND).value


SINGLE, DOUBLE = kind_of(np.float32), kind_of(np.float64)

#: the bits of two float32 that are 1, and of a float64 that is
SINGLE_ONES, DOUBLE_ONES = 0x3F8000003F800000, 0x3FF0000000000000


@kernel(inner=True)
def array_at(place):
    """The array of a tuple at this address: its type, data, shape, kind of dtype, and number of dimensions (-1: not contiguous)."""
    array = word(place)
    ndim = word(array + NDIM) & INT if word(array + FLAGS) & READABLE == READABLE else -ONE
    return word(array + TYPE), word(array + DATA), word(array + SHAPE), word(word(array + DTYPE) + KIND), ndim


@kernel(inner=True)
def product(kind, a_kind, b_kind, shape, a, b, c, beta):
    """C (m, n) = op(A) @ op(B) + beta * C, all contiguous; of A, B and C the address, of A and B also the distance of rows."""
    (m, n, k), (a, a_distance), (b, b_distance), left, right = shape, a, b, I32(a_kind), I32(b_kind)
    if kind == SINGLE:
        sgemm(ROW_MAJOR, left, right, m, n, k, F32(1), a, a_distance, b, b_distance, F32(beta), c, n)
    else:
        dgemm(ROW_MAJOR, left, right, m, n, k, F64(1), a, a_distance, b, b_distance, F64(beta), c, n)


@kernel
def forward(objects):
    """x, w, b (or None), out: out = x @ w.T + b. False, and nothing is done, if the arrays aren't as this kernel takes them."""
    place = objects + ITEMS
    array, x, x_shape, kind, x_ndim = array_at(place)
    _, w, w_shape, w_kind, w_ndim = array_at(place + 8)
    if (kind != SINGLE and kind != DOUBLE) or w_kind != kind or x_ndim != 2 or w_ndim != 2:
        return False
    m, k, n = word(x_shape), word(x_shape + 8), word(w_shape)
    if word(w_shape + 8) != k or not 0 < m * n * k < SHARED:
        return False
    out, beta = word(word(place + 24) + DATA), ZERO
    if word(word(place + 16) + TYPE) == array:
        _, b, b_shape, b_kind, b_ndim = array_at(place + 16)
        if b_kind != kind or b_ndim != 1 or word(b_shape) != n:
            return False
        row, beta = n * (4 if kind == SINGLE else 8), ONE
        for i in range(m):
            memcpy(out + i * row, b, row)
    product(kind, PLAIN, TRANSPOSED, (m, n, k), (x, k), (w, k), out, beta)
    return True


@kernel
def backward(objects):
    """g, x, w, dx, dw, db: dx = g @ w, dw = g.T @ x, db = sum(g, 0), as a product with ones (in half the time of a loop over rows); None
    where one isn't wanted. False as above."""
    place = objects + ITEMS
    array, g, g_shape, kind, g_ndim = array_at(place)
    _, x, x_shape, x_kind, x_ndim = array_at(place + 8)
    _, w, w_shape, w_kind, w_ndim = array_at(place + 16)
    if (kind != SINGLE and kind != DOUBLE) or x_kind != kind or w_kind != kind:
        return False
    if g_ndim != 2 or x_ndim != 2 or w_ndim != 2:
        return False
    m, n, k = word(g_shape), word(g_shape + 8), word(x_shape + 8)
    if word(x_shape) != m or word(w_shape) != n or word(w_shape + 8) != k or m * n * k == 0:
        return False
    ones = np.empty(m, np.int64)
    for i in range(m):
        ones[i] = SINGLE_ONES if kind == SINGLE else DOUBLE_ONES
    for i in range(3):
        result = word(place + 24 + 8 * i)
        if word(result + TYPE) == array:
            a_kind, shape, a, b = PLAIN, (m, k, n), (g, n), (w, k)
            if i == 1:
                a_kind, shape, b = TRANSPOSED, (n, k, m), (x, k)
            elif i == 2:
                shape, a, b = (ONE, n, m), (address(ones, 0), m), (g, n)
            product(kind, a_kind, PLAIN, shape, a, b, word(result + DATA), ZERO)
    return ones[0] != 0  # a use, or they would be freed before


# ---------------------------------------------------------------------- for operations


def linear(x, w, b):
    """x @ w.T + b for matrices x (m, k) and w (n, k), and b (n) or None. NotImplemented for others than small contiguous ones."""
    if not available:
        return NotImplemented
    arrays = x, w, b, empty((len(x), len(w)), x.dtype)
    return arrays[3] if forward(id(arrays)) else NotImplemented


def linear_backward(g, x, w, wanted):
    """(g @ w, g.T @ x, sum(g, 0)), or None for what is not wanted. NotImplemented as above.

    Two products of 64x64 are still done here: shared out they take 9 us instead of 16 in a loop, but in a training step, where the
    other core has to fetch its arrays, no less.
    """
    if not available or 2 * g.size * x.shape[1] > SHARED:
        return NotImplemented
    dx = empty(x.shape, x.dtype) if wanted[0] else None
    dw = empty(w.shape, w.dtype) if wanted[1] else None
    db = empty(len(w), w.dtype) if wanted[2] else None
    arrays = g, x, w, dx, dw, db
    return arrays[3:] if backward(id(arrays)) else NotImplemented
