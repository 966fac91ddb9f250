"""Where CPython and NumPy keep what a kernel reads of a tuple of arrays, in bytes from the beginning of the object.

Handing 100 arrays to Numba one by one takes 60 ns each, longer than their update if they are small; the address of one tuple
(`id(arrays)`, while the caller holds the tuple) is enough. What is read is what the macros Py_TYPE, PyTuple_GET_ITEM,
PyArray_DATA, PyArray_DIMS ... have compiled into every extension, so it can't change without breaking all of them.
Source: https://numpy.org/doc/stable/reference/c-api/types-and-structures.html#c.PyArrayObject
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np

HEAD = object.__basicsize__
ITEMS = tuple.__basicsize__
LENGTH = ITEMS - 8  # of a tuple
TYPE = HEAD - 8
DATA, NDIM, SHAPE, STRIDES, DTYPE, FLAGS = HEAD, HEAD + 8, HEAD + 16, HEAD + 24, HEAD + 40, HEAD + 48
KIND = HEAD + 8  # of a dtype: kind, character, byte order and number, in 8 bytes
LIST_ITEMS = HEAD + 8  # of a list, where its items are
MEMBER, PLACE = HEAD + 24, 16  # of a slot's descriptor, where its PyMemberDef is, and in that the place of the slot
INT = 0xFFFFFFFF  # the half of a word that an int takes
READABLE, WRITABLE = 0x101, 0x501  # flags: contiguous, aligned; writeable, too
ALIGNED = 0x100

NDARRAY = id(np.ndarray)


def _int(address: int, bits: int = 64) -> int:
    return (ctypes.c_int64 if bits == 64 else ctypes.c_int32).from_address(address).value


def slot(descriptor) -> int:
    """How many bytes from the beginning of an object its slot is, e.g. `slot(Tensor._array)`."""
    return _int(_int(id(descriptor) + MEMBER) + PLACE)


class Slots:
    __slots__ = ("first", "second")


def is_known() -> bool:
    """Whether this Python and this NumPy keep an array in a tuple, items of a list, and slots, as said above."""
    things, slots = [Slots()], Slots()
    slots.first = slots.second = things
    if _int(_int(id(things) + LIST_ITEMS)) != id(things[0]) or _int(id(slots) + slot(Slots.second)) != id(things):
        return False
    a = np.zeros((2, 3), np.float32)
    arrays = (a,)
    if ctypes.sizeof(ctypes.c_void_p) != 8 or (_int(id(arrays) + LENGTH), _int(id(arrays) + ITEMS)) != (1, id(a)):
        return False
    words = {TYPE: NDARRAY, DATA: a.ctypes.data, DTYPE: id(a.dtype)}
    halves = {NDIM: a.ndim, FLAGS: a.flags.num}
    if any(_int(id(a) + at) != value for at, value in words.items()):
        return False
    if any(_int(id(a) + at, 32) != value for at, value in halves.items()):
        return False
    shape = _int(id(a) + SHAPE)
    strides = _int(id(a) + STRIDES)
    return (_int(shape), _int(shape + 8), _int(strides), _int(strides + 8)) == a.shape + a.strides


class Float(NamedTuple):
    """A type that kernels take: a number of it, by which Numba compiles, and where its dtype is."""

    one: np.floating
    address: int


#: empty if arrays can't be read
FLOATS = {np.dtype(t): Float(t(1), id(np.dtype(t))) for t in (np.float32, np.float64) if is_known()}


def kind_of(dtype):
    """The word of its kind."""
    return _int(id(np.dtype(dtype)) + KIND)


SINGLE, DOUBLE, BOOL, INT64 = map(kind_of, (np.float32, np.float64, np.bool_, np.int64))
