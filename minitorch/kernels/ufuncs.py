"""exp, log, sin ... as ufuncs of NumPy, whose loops of float32 are ours, and of float16, whole numbers and most of float64 NumPy's.

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

from . import angle, division, error, exponential, logarithm
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
def as_bytes(typing_context, pointer):
    """The same pointer, to bytes."""
    target = types.CPointer(types.uint8)
    return target(pointer), lambda context, builder, signature, args: builder.bitcast(args[0], context.get_value_type(target))


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
    """Where all are one after the other, the second is read, and the result computed, where they are, unless that is one place."""
    to, step = arrays[2], width(arrays[2])
    whole, given = carray(to, sizes[0]), carray(arrays[1], sizes[0])
    first, second = carray(scratch(to), BLOCK), carray(scratch(to), BLOCK)
    direct = (steps[1] == step) & (steps[2] == step) & (address(whole, ZERO) != address(given, ZERO))
    for start in range(0, sizes[0], BLOCK):
        stop = min(start + BLOCK, sizes[0])
        x = whole[start:stop] if direct else first[: stop - start]
        y = given[start:stop] if direct else second[: stop - start]
        fetch(arrays[0], start, steps[0] // step, x)
        if not direct:
            fetch(arrays[1], start, steps[1] // step, y)
        call(data, address(x, ZERO), address(y, ZERO), x.size)
        if not direct:
            put(to, start, steps[2] // step, x)


def negation(arrays, sizes, steps, data):
    """Which numbers are zero."""
    x, out, step = arrays[0], as_bytes(arrays[1]), steps[0] // width(arrays[0])
    if (step == 1) & (steps[1] == 1):
        for i in range(sizes[0]):
            out[i] = x[i] == 0
    else:
        for i in range(sizes[0]):
            out[i * steps[1]] = x[i * step] == 0


AND, OR, XOR = range(3)


def truths(arrays, sizes, steps, data):
    """Where both are not zero, one, or only one, as `data` says."""
    x, y, out, n = arrays[0], arrays[1], as_bytes(arrays[2]), sizes[0]
    first, second = steps[0] // width(x), steps[1] // width(y)
    if (first != 1) | (second != 1) | (steps[2] != 1):
        for i in range(n):
            a, b = x[i * first] != 0, y[i * second] != 0
            out[i * steps[2]] = a & b if data == AND else a | b if data == OR else a ^ b
    elif data == AND:  # these vectorise
        for i in range(n):
            out[i] = (x[i] != 0) & (y[i] != 0)
    elif data == OR:
        for i in range(n):
            out[i] = (x[i] != 0) | (y[i] != 0)
    else:
        for i in range(n):
            out[i] = (x[i] != 0) ^ (y[i] != 0)


@functools.cache
def driver(loop, number):
    words = types.CPointer(types.int64)
    return c_function(loop, types.void(types.CPointer(types.CPointer(number)), words, words, types.int64))


# ---------------------------------------------------------------------- the functions that they call

EXACTLY = """
def name(x, y, n):
    for i in range(n):
        x[i] = formula(x[i], y[i])
"""
#: of what is `usual` a formula, of the rest what takes longer, one by one
MOSTLY = """
def name(x, y, n):
    count = 0
    for i in range(n):
        count += usual
    if count == n:
        for i in range(n):
            x[i] = formula(x[i], y[i])
    else:
        for i in range(n):
            x[i] = formula(x[i], y[i]) if usual else rarely(x[i], y[i])
"""


MODULES = exponential, logarithm, angle, error, division
NAMES = (
    *("exp", "exp2", "expm1", "sigmoid", "tanh", "sinh", "cosh", "log", "log2", "log10", "log1p", "asinh", "acosh", "atanh", "pow"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "erf", "erfc", "hypot", "fmod", "remainder", "floor_divide"),
)
#: formula of one number, or two, and whether it is one of float64, too; NumPy's loop is taken where it is not
FORMULAS = {name: getattr(module, name) for module in MODULES for name in NAMES if hasattr(module, name)}
DOUBLE = {"exp", "sigmoid", "erf", "erfc", *division.RARELY}
#: what is said of zeros, and what is handed to the loop
TRUTHS = dict(logical_not=(negation, 0), logical_and=(truths, AND), logical_or=(truths, OR), logical_xor=(truths, XOR))
PAIRS = {"atan2", "pow", "hypot", *division.RARELY, "logical_and", "logical_or", "logical_xor"}
#: of what the formula is not: C's function of one element; angles that cannot be turned, remainders of a long quotient
RARELY = {"sin": math.sin, "cos": math.cos, "tan": math.tan} | division.RARELY


def in_place(function, number):
    """The address of a function (x, y, n) for the type `number` of Numba."""
    pointer = types.CPointer(number)
    return c_function(function, types.void(pointer, pointer, types.int64))


@functools.cache
def formula_in_place(name, number):
    """The same of a formula of ours; None if we have none for the type."""
    if number == types.float64 and name not in DOUBLE:
        return None
    text = MOSTLY if name in RARELY else EXACTLY
    usual = division.USUAL if name in PAIRS else f"abs(x[i]) <= {angle.WIDEST}"
    text = text.replace("usual", usual).replace("name", name, 1)
    if name not in PAIRS:
        text = text.replace("rarely(x[i], y[i])", "rarely(np.float64(x[i]))").replace("(x[i], y[i])", "(x[i])")
    env = {"np": np, "formula": FORMULAS[name], "rarely": RARELY.get(name), "__name__": __name__}
    env |= {"most": division.MOST[number.name], "infinite": np.float32(np.inf)}
    # below the last line of this file, or Numba would take lines of it for the source (Python 3.13 raises an error, if they begin in a text)
    exec(compile("\n" * 1000 + text, __file__, "exec"), env)
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


def made(name, gives="", **loops):
    """A ufunc of loops, (address, what is handed to it), by the character of the type that they take, and give, if not all give one."""
    count = 2 if name in PAIRS else 1
    codes = [np.dtype(kind).num for taken in loops for kind in [taken] * count + [gives or taken]]
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


def numpys_loops(ufunc, gives=None):
    """Those of float16 and of whole numbers."""
    found = {kind: loop_of(ufunc, kind, gives) for kind in "?bBhHiIlLqQe"} if ufunc else {}
    return {kind: loop for kind, loop in found.items() if loop}


def __getattr__(name):
    """The ufunc of this name."""
    if name not in FORMULAS and name not in TRUTHS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    numpys = getattr(np, NUMPYS.get(name, name), None)
    if numba.config.DISABLE_JIT:
        ufunc = numpys or one_by_one(FORMULAS[name])
    elif name in TRUTHS:
        loop, how = TRUTHS[name]
        ours = {kind: (driver(loop, number), how) for kind, number in dict(f=types.float32, d=types.float64).items()}
        ufunc = made(name, "?", **numpys_loops(numpys, "?"), **ours)
    else:
        double = compiled(name, types.float64) if name in DOUBLE else loop_of(numpys, "d")
        ufunc = made(name, **numpys_loops(numpys), f=compiled(name, types.float32), d=double)
    if name in FORMULAS:
        MADE.add(ufunc)
    globals()[name] = ufunc
    return ufunc


def in_loop(ufunc, dtype):
    """Whether a loop of a kernel computes the formula, in place of a call of the ufunc's own loop."""
    name = ufunc.__name__
    return ufunc in MADE and name not in RARELY and (dtype.itemsize == 4 or name in DOUBLE)
