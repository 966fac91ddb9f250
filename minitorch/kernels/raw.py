"""What lies at an address: a word, a vector, an array of a tuple (see `layout`)."""

from __future__ import annotations

import ctypes

import numba
import numpy as np

from .jit import kernel
from .layout import DATA, DTYPE, FLAGS, INT, ITEMS, KIND, NDIM, READABLE, SHAPE, TYPE

if numba.config.DISABLE_JIT:

    def word(address):
        """The 64-bit integer at an address."""
        return ctypes.c_int64.from_address(int(address)).value

    def vector(address, size, number):
        """The array of `size` elements of the type of `number` at an address."""
        return np.ndarray(
            size, number.dtype, (ctypes.c_char * (size * number.itemsize)).from_address(int(address))
        )

    def matrix(address, m, n, number):
        """That of `m` rows of `n`."""
        return vector(address, m * n, number).reshape(m, n)

else:
    from numba.extending import intrinsic

    @intrinsic
    def pointer(typing_context, address, number):
        """An address as a pointer to elements of the type of `number`."""
        target = numba.types.CPointer(number)

        def generate(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(target))

        return target(address, number), generate

    ZERO = np.int64(0)

    @kernel(inner=True)
    def word(address):
        return pointer(address, ZERO)[0]

    @kernel(inner=True)
    def vector(address, size, number):
        return numba.carray(pointer(address, number), size)

    @kernel(inner=True)
    def matrix(address, m, n, number):
        return numba.carray(pointer(address, number), (m, n))


@kernel(inner=True)
def item(objects, i):
    return word(objects + ITEMS + 8 * i)


@kernel(inner=True)
def elements(array):
    n, shape = 1, word(array + SHAPE)
    for d in range(word(array + NDIM) & INT):
        n *= word(shape + 8 * d)
    return n


@kernel(inner=True)
def same_shape(a, b):
    n = word(a + NDIM) & INT
    same = word(b + NDIM) & INT == n
    for d in range(n if same else 0):
        same &= word(word(a + SHAPE) + 8 * d) == word(word(b + SHAPE) + 8 * d)
    return same


@kernel(inner=True)
def kind_of(array):
    """The kind of an array's dtype, as layout.py has it."""
    return word(word(array + DTYPE) + KIND)


@kernel(inner=True)
def array_at(place):
    """The array of a tuple at this address: its type, data, shape, kind of dtype, and number of dimensions (-1: not contiguous)."""
    array = word(place)
    ndim = word(array + NDIM) & INT if word(array + FLAGS) & READABLE == READABLE else -np.int64(1)
    return word(array + TYPE), word(array + DATA), word(array + SHAPE), kind_of(array), ndim
