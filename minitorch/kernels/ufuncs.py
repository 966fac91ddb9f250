"""exp, log, sin ... as ufuncs of NumPy, whose loops of float32 are ours, and of float16 and most of float64 NumPy's.

A ufunc is a table of loops of C, one for each type (numpy.org/doc/stable/reference/c-api/ufunc.html#c.PyUFunc_FromFuncAndData). So
`ufuncs.exp` is called as `np.exp` is, in no more time (10 elements: 0.4 us), records itself in a traced formula, and has loops that
kernels call (loops.py). It is made, and its loops are compiled, when a module first asks for it.
"""

from __future__ import annotations

import ctypes
import functools
import math

import numba
import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from . import angle, error, exponential, logarithm
from .jit import c_function, kernel
from .loops import loop_of
from .team import ZERO, address, call

#: elements that a loop computes at a time
BLOCK = 1024


@intrinsic
def width(typing_context, pointer):
    """The bytes of an element."""
    return types.int64(pointer), lambda context, builder, signature, args: ir.IntType(64)(pointer.dtype.bitwidth // 8)


@intrinsic
def scratch(typing_context, pointer):
    """A pointer to BLOCK elements that are there until the function returns."""

    def generate(context, builder, signature, args):
        return cgutils.alloca_once(builder, args[0].type.pointee, size=BLOCK)

    return pointer(pointer), generate


@kernel(inner=True)
def fetch(pointer, start, step, x):
    """x = pointer[start * step :: step]"""
    if step == 1:
        for i in range(x.size):
            x[i] = pointer[start + i]
    else:
        for i in range(x.size):
            x[i] = pointer[(start + i) * step]


@kernel(inner=True)
def put(pointer, start, step, x):
    """pointer[start * step :: step] = x"""
    for i in range(x.size):
        pointer[(start + i) * step] = x[i]


# ---------------------------------------------------------------------- loops of C, one for each type, as NumPy calls them
# arrays, sizes[0] and steps are where their elements are; data is the address of a function (x, y, n) that computes some in the place of x


def one(arrays, sizes, steps, data):
    """Where the result is one after the other, it's computed where it is to be."""
    to, step = arrays[1], steps[1] // width(arrays[1])
    whole, block = carray(to, sizes[0]), carray(scratch(to), BLOCK)
    for start in range(0, sizes[0], BLOCK):
        stop = min(start + BLOCK, sizes[0])
        x = whole[start:stop] if step == 1 else block[: stop - start]
        fetch(arrays[0], start, steps[0] // width(to), x)
        call(data, address(x, ZERO), ZERO, x.size)
        if step != 1:
            put(to, start, step, x)


def two(arrays, sizes, steps, data):
    to = arrays[2]
    first, second = carray(scratch(to), BLOCK), carray(scratch(to), BLOCK)
    for start in range(0, sizes[0], BLOCK):
        size = min(BLOCK, sizes[0] - start)
        x, y = first[:size], second[:size]
        fetch(arrays[0], start, steps[0] // width(to), x)
        fetch(arrays[1], start, steps[1] // width(to), y)
        call(data, address(x, ZERO), address(y, ZERO), size)
        put(to, start, steps[2] // width(to), x)


@functools.cache
def driver(loop, number):
    words = types.CPointer(types.int64)
    return c_function(loop, types.void(types.CPointer(types.CPointer(number)), words, words, types.int64))


# ---------------------------------------------------------------------- the functions that they call

ONE = """
def name(x, y, n):
    for i in range(n):
        x[i] = formula(x[i])
"""
TWO = """
def name(x, y, n):
    for i in range(n):
        x[i] = formula(x[i], y[i])
"""
#: of angles: C's, if there is one that cannot be turned
ANGLE = f"""
def name(x, y, n):
    count = 0
    for i in range(n):
        count += abs(x[i]) <= {angle.WIDEST}
    if count == n:
        for i in range(n):
            x[i] = formula(x[i])
    else:
        for i in range(n):
            x[i] = formula(x[i]) if abs(x[i]) <= {angle.WIDEST} else any_angle(np.float64(x[i]))
"""


MODULES = exponential, logarithm, angle, error
NAMES = (
    *("exp", "exp2", "expm1", "sigmoid", "tanh", "sinh", "cosh", "log", "log2", "log10", "log1p", "asinh", "acosh", "atanh", "pow"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "erf", "erfc"),
)
#: formula of one number, and whether it is one of float64, too; NumPy's loop is taken where it is not
FORMULAS = {name: getattr(module, name) for module in MODULES for name in NAMES if hasattr(module, name)}
DOUBLE = {"exp", "sigmoid", "erf", "erfc"}
PAIRS = {"atan2", "pow"}
ANGLES = {"sin": math.sin, "cos": math.cos, "tan": math.tan}


def in_place(function, number):
    """The address of a function (x, y, n) for the type `number` of Numba."""
    pointer = types.CPointer(number)
    return c_function(function, types.void(pointer, pointer, types.int64))


@functools.cache
def formula_in_place(name, number):
    """The same of a formula of ours; None if we have none for the type."""
    if number == types.float64 and name not in DOUBLE:
        return None
    text = TWO if name in PAIRS else ANGLE if name in ANGLES else ONE
    env = {"np": np, "formula": FORMULAS[name], "any_angle": ANGLES.get(name), "__name__": __name__}
    exec(compile(text.replace("name", name, 1), __file__, "exec"), env)
    return in_place(env[name], number)


def compiled(name, number):
    """The addresses of a loop for the type, and of what it calls."""
    return driver(two if name in PAIRS else one, number), formula_in_place(name, number)


#: PyUFunc_FromFuncAndData, the second function of NumPy's table for them
_table = ctypes.pythonapi.PyCapsule_GetPointer
_table.restype, _table.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_table = _table(np._core._multiarray_umath._UFUNC_API, None)
_make = ctypes.PYFUNCTYPE(
    *(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int),
)(ctypes.c_void_p.from_address(_table + ctypes.sizeof(ctypes.c_void_p)).value)
_kept = []  # what a ufunc does not copy


def made(name, **loops):
    """A ufunc of loops, (address, what is handed to it), by the character of their type."""
    count = 2 if name in PAIRS else 1
    codes = [np.dtype(kind).num for kind in loops for _ in range(count + 1)]
    parts = [(ctypes.c_void_p * len(loops))(*each) for each in zip(*loops.values(), strict=True)]
    parts.append((ctypes.c_char * len(codes))(*codes))
    name = name.encode()
    _kept.append((parts, name))
    return _make(*(ctypes.cast(p, ctypes.c_void_p) for p in parts), len(loops), count, 1, -1, name, b"", 0)


MADE = set()
NUMPYS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "pow": "power"}
NUMPYS |= {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}


def one_by_one(formula):
    """In place of a ufunc, without a compiler."""

    def function(x):
        x = np.asarray(x)
        return np.array([formula(v) for v in x.reshape(-1)], x.dtype).reshape(x.shape)

    return function


def __getattr__(name):
    """The ufunc of this name."""
    if name not in FORMULAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    numpys = getattr(np, NUMPYS.get(name, name), None)
    if numba.config.DISABLE_JIT:
        ufunc = numpys or one_by_one(FORMULAS[name])
    else:
        half = dict(e=loop_of(numpys, "e")) if numpys else {}
        double = compiled(name, types.float64) if name in DOUBLE else loop_of(numpys, "d")
        ufunc = made(name, **half, f=compiled(name, types.float32), d=double)
    globals()[name] = ufunc
    MADE.add(ufunc)
    return ufunc


def in_loop(ufunc, dtype):
    """Whether a loop of a kernel computes the formula, in place of a call of the ufunc's own loop."""
    name = ufunc.__name__
    return ufunc in MADE and name not in ANGLES and (dtype.itemsize == 4 or name in DOUBLE)
