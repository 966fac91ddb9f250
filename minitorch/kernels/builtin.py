"""Kernels as built-in functions of Python: a call takes 15 ns, where Numba needs 60 for each argument and 150 for itself.

    @builtin(False, True)
    def function(results, arguments, count): ...      # function(x, y)

A built-in function is an address to which Python jumps with the address of an object of its own (here: of a tuple of results), of
its arguments' addresses, and their number (METH_FASTCALL: docs.python.org/3/c-api/structures.html). Here the compiled kernel lies at
that address. It finds out what its arguments are as `layout` says, and returns an object: one of the results, or a new array.
"""

from __future__ import annotations

import ctypes
import sys

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import team
from .jit import c_function, kernel
from .layout import DATA, DTYPE, INT, NDIM, SINGLE, TYPE
from .raw import item, kind_of, vector, word

FASTCALL, KEYWORDS = 0x80, 0x02
WORD = types.int64

#: the index of NotImplemented in the results: the arguments are not what the kernel takes, and nothing has been done
NOT = 0

# ---------------------------------------------------------------------- what CPython and NumPy have

Py_IncRef, Py_DecRef = (types.ExternalFunction(name, types.void(WORD)) for name in ("Py_IncRef", "Py_DecRef"))
PyTuple_New, PyObject_CallNoArgs = (types.ExternalFunction(name, WORD(WORD)) for name in ("PyTuple_New", "PyObject_CallNoArgs"))
PyFloat_AsDouble = types.ExternalFunction("PyFloat_AsDouble", types.float64(WORD))
PyLong_AsLongLong = types.ExternalFunction("PyLong_AsLongLong", WORD(WORD))
memcpy = types.ExternalFunction("memcpy", WORD(WORD, WORD, WORD))
NEW_ARRAY = "numpy_PyArray_NewFromDescr"
PyArray_NewFromDescr = types.ExternalFunction(NEW_ARRAY, WORD(WORD, WORD, types.int32, WORD, WORD, WORD, types.int32, WORD))

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_numpys = _pointer(np._core._multiarray_umath._ARRAY_API, None)
llvmlite.binding.add_symbol(NEW_ARRAY, ctypes.c_void_p.from_address(_numpys + 94 * 8).value)  # its place in the table never changes


PyEval_SaveThread = types.ExternalFunction("PyEval_SaveThread", WORD())
PyEval_RestoreThread = types.ExternalFunction("PyEval_RestoreThread", types.void(WORD))


@intrinsic
def kept(typing_context, number):
    """The address of a number, or of those of a tuple, which is there until the function returns."""

    def generate(context, builder, signature, args):
        place = cgutils.alloca_once(builder, args[0].type)
        builder.store(args[0], place)
        return builder.ptrtoint(place, ir.IntType(64))

    return WORD(number), generate


@kernel(inner=True)
def counted(thing):
    """An object of which somebody gets one more reference."""
    Py_IncRef(thing)
    return thing


@kernel(inner=True)
def given(results, i):
    """What a kernel returns: one of its results."""
    return counted(item(results, i))


@kernel(inner=True)
def new_array(array, dtype, ndim, shape):
    """A new array: where `ndarray`, the dtype and the shape are; 0: there is no memory, and Python's error is set."""
    zero, no = np.int64(0), np.int32(0)
    return PyArray_NewFromDescr(array, counted(dtype), np.int32(ndim), shape, zero, zero, no, zero)


@kernel(inner=True)
def new_vector(array, dtype, n):
    return new_array(array, dtype, 1, kept((n,)))


@kernel(inner=True)
def new_matrix(array, dtype, m, n):
    return new_array(array, dtype, 2, kept((m, n)))


@kernel(inner=True)
def dtype_of(array):
    return word(array + DTYPE)


@kernel(inner=True)
def new_number(like, value):
    """A new array of no dimensions, of the type of another of float32 or float64."""
    out = new_array(word(like + TYPE), dtype_of(like), 0, like)
    if out and kind_of(like) == SINGLE:
        vector(word(out + DATA), 1, np.float32(0))[0] = np.float32(value)
    elif out:
        vector(word(out + DATA), 1, np.float64(0))[0] = value
    return out


@kernel(inner=True)
def is_number_of(g, like):
    """Whether an object is an array of no dimensions, of the class and type of another. (A gradient may also be a scalar of NumPy's.)"""
    return word(g + TYPE) == word(like + TYPE) and not word(g + NDIM) & INT and kind_of(g) == kind_of(like)


@kernel(inner=True)
def number_of(array):
    """The number of such an array of float32 or float64."""
    place = word(array + DATA)
    return np.float64(vector(place, 1, np.float32(0))[0]) if kind_of(array) == SINGLE else vector(place, 1, np.float64(0))[0]


TEAM_SIZE, AVAILABLE, SIZE_OF_WORDS = team.SIZE, team.available, len(team.words)


@kernel(inner=True)
def shared(place, start, function, args, count, step):
    """`count` elements in pieces of `step` by the team, if there can be one, while other threads of Python may run; `place` and `start` are
    where those two of team.py are. False: the team couldn't be started, and Python's error is set."""
    words = vector(word(word(place + DATA)), SIZE_OF_WORDS, team.ZERO)
    if AVAILABLE and not team.load(words, TEAM_SIZE):
        nothing = PyObject_CallNoArgs(start)
        if not nothing:
            return False
        Py_DecRef(nothing)
    thread = PyEval_SaveThread()
    team.do_pieces(words, function, args, count, step)
    PyEval_RestoreThread(thread)
    return True


# ---------------------------------------------------------------------- making them


class Method(ctypes.Structure):
    """A PyMethodDef."""

    _fields_ = (("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


_kept = []  # what a function does not copy
_new = ctypes.pythonapi.PyCFunction_NewEx
_new.restype, _new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)


def function_at(address: int, name: str, of, flags=FASTCALL):
    """The built-in function at an address, which is handed the object `of` first."""
    method = Method(name.encode(), address, flags, b"")
    _kept.append(method)
    return _new(ctypes.addressof(method), of, None)


class Builtin:
    """A function that is compiled, or found in the cache, at its first call, and then stands in its module in place of this."""

    def __init__(self, function, results):
        self.function, self.results = function, results

    def __call__(self, *arguments):
        if numba.config.DISABLE_JIT:
            return NotImplemented
        address = c_function(self.function, WORD(WORD, WORD, WORD))
        made = function_at(address, self.function.__name__, self.results)
        setattr(sys.modules[self.function.__module__], self.function.__name__, made)
        return made(*arguments)


def builtin(*results):
    """The decorator; `results` are what it returns, beside NotImplemented and new arrays."""
    return lambda function: Builtin(function, (NotImplemented, *results))
