"""What built-in functions (builtin.py) read of Python's objects: slots, lists, dicts.

Functions are CPython's own interface (docs.python.org/3/c-api), places are in layout.py. Objects are addresses here, of which the caller holds the
references; 0 is none.
"""

from __future__ import annotations

from numba import types

from .builtin import WORD
from .jit import kernel
from .layout import LENGTH, LIST_ITEMS, TYPE
from .raw import word

PyDict_GetItem = types.ExternalFunction("PyDict_GetItem", WORD(WORD, WORD))  # no error, no reference
PyDict_Next = types.ExternalFunction("PyDict_Next", types.int32(WORD, WORD, WORD, WORD))
PyDict_Size = types.ExternalFunction("PyDict_Size", WORD(WORD))
PyObject_GenericGetDict = types.ExternalFunction("PyObject_GenericGetDict", WORD(WORD, WORD))
PyFloat_FromDouble = types.ExternalFunction("PyFloat_FromDouble", WORD(types.float64))
PyNumber_Add = types.ExternalFunction("PyNumber_Add", WORD(WORD, WORD))
PyList_SetItem = types.ExternalFunction("PyList_SetItem", types.int32(WORD, WORD, WORD))
PyType_IsSubtype = types.ExternalFunction("PyType_IsSubtype", types.int32(WORD, WORD))


@kernel(inner=True)
def is_exactly(thing, kind):
    """type(thing) is kind"""
    return thing != 0 and word(thing + TYPE) == kind


@kernel(inner=True)
def is_a(thing, kind):
    """isinstance(thing, kind)"""
    return is_exactly(thing, kind) or (thing != 0 and PyType_IsSubtype(word(thing + TYPE), kind) != 0)


@kernel(inner=True)
def length(things):
    """Of a tuple or a list."""
    return word(things + LENGTH)


@kernel(inner=True)
def list_item(things, i):
    return word(word(things + LIST_ITEMS) + 8 * i)


@kernel(inner=True)
def count_one(cell, one):
    """cell[0] += 1, of a list; `one` is where 1 is."""
    PyList_SetItem(cell, WORD(0), PyNumber_Add(list_item(cell, WORD(0)), one))
