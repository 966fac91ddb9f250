"""`direct(ufunc)`: a ufunc for small arrays without what NumPy does before and after its loop. 10 elements take 0.09 us, not 0.33.

NumPy looks for a loop for the types, broadcasts, checks for overlaps, sets up an iterator, and looks for floating-point errors. Here, arrays
of one type and shape without gaps go straight to NumPy's own loop (see loops.py), and so does a number beside an array: the bits are
the same. Everything else is a call of the ufunc. (Nobody is warned of 1/0, as in torch.)
"""

from __future__ import annotations

import functools

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import ufuncs
from .builtin import FASTCALL, KEYWORDS, WORD, dtype_of, function_at, new_array
from .jit import c_function, kernel
from .layout import DATA, FLAGS, FLOATS, HEAD, INT, NDIM, READABLE, SHAPE, TYPE
from .loops import loop_of
from .raw import elements, vector, word

#: elements from which on NumPy is called, which then lets other threads of Python run
MOST = 1 << 15

#: of a table, an array of words: the ufunc, where `ndarray` and `float` are, and then rows, one for each type: dtypes of arguments and
#: result, their bytes, the loop, what is handed to that, and whether a `float` beside such an array becomes a number of its type
UFUNC, ARRAY, FLOAT, ROWS = range(0, 32, 8)
TAKES, GIVES, SIZE, GIVEN_SIZE, LOOP, HANDED, NUMBERS, ROW = range(0, 64, 8)

PyObject_Vectorcall = types.ExternalFunction("PyObject_Vectorcall", WORD(WORD, WORD, WORD, WORD))


@intrinsic
def run(typing_context, loop, handed, places, n, steps):
    """A loop of C: `places` and `steps` are tuples of where arguments and result are, and how many bytes apart their elements."""

    def generate(context, builder, signature, args):
        word, i32 = ir.IntType(64), ir.IntType(32)

        def stored(values):
            words = cgutils.alloca_once(builder, word, size=len(values))
            for i, value in enumerate(values):
                builder.store(value, builder.gep(words, [i32(i)]))
            return words

        loop, handed, places, n, steps = args
        kind = ir.FunctionType(ir.VoidType(), [word.as_pointer()] * 3 + [word])
        function = builder.inttoptr(loop, kind.as_pointer())
        builder.call(function, [stored(cgutils.unpack_tuple(builder, places)), stored([n]), stored(cgutils.unpack_tuple(builder, steps)), handed])
        return context.get_dummy_value()

    return types.none(loop, handed, places, n, steps), generate


@intrinsic
def kept(typing_context, number):
    """The address of a number, which is there until the function returns."""

    def generate(context, builder, signature, args):
        place = cgutils.alloca_once(builder, args[0].type)
        builder.store(args[0], place)
        return builder.ptrtoint(place, ir.IntType(64))

    return WORD(number), generate


@kernel(inner=True)
def row_of(table, dtype):
    """Where the row of a dtype is in a table; 0: it has none."""
    row = table + ROWS
    while word(row + TAKES) and word(row + TAKES) != dtype:
        row += ROW
    return row if word(row + TAKES) else WORD(0)


@kernel(inner=True)
def is_whole(array):
    return word(array + FLAGS) & READABLE == READABLE


@kernel(inner=True)
def same_shape(a, b):
    n = word(a + NDIM) & INT
    same = word(b + NDIM) & INT == n
    for d in range(n if same else 0):
        same &= word(word(a + SHAPE) + 8 * d) == word(word(b + SHAPE) + 8 * d)
    return same


@kernel(inner=True)
def leading(table, x, y):
    """Of two arguments the array whose shape the result has, if they are an array and one of its shape, of no dimensions, or a `float`."""
    bare = word(x + TYPE) == word(table + ARRAY) and word(y + TYPE) == word(table + ARRAY) and not word(x + NDIM) & INT
    return y if bare or word(x + TYPE) == word(table + FLOAT) else x


@kernel(inner=True)
def operand(table, row, thing, whole, number):
    """(where the loop finds an argument, how many bytes its elements are apart), beside an array whose shape the result has; 0, 0: it can't"""
    if word(thing + TYPE) == word(table + FLOAT):
        return (number if word(row + NUMBERS) else 0), 0
    if word(thing + TYPE) != word(table + ARRAY) or dtype_of(thing) != word(row + TAKES) or not is_whole(thing):
        return 0, 0
    if same_shape(thing, whole):
        return word(thing + DATA), word(row + SIZE)
    return (0 if word(thing + NDIM) & INT else word(thing + DATA)), 0


def one(self, arguments, count, names):
    """`ufunc(x)`"""
    table, x = word(self + DATA), word(arguments)
    if count == 1 and not names and word(x + TYPE) == word(table + ARRAY) and is_whole(x):
        row, n = row_of(table, dtype_of(x)), elements(x)
        if row and n < MOST:
            out = new_array(word(table + ARRAY), word(row + GIVES), word(x + NDIM) & INT, word(x + SHAPE))
            if out:
                steps = word(row + SIZE), word(row + GIVEN_SIZE)
                run(word(row + LOOP), word(row + HANDED), (word(x + DATA), word(out + DATA)), n, steps)
            return out
    return PyObject_Vectorcall(word(table + UFUNC), arguments, count, names)


def two(self, arguments, count, names):
    """`ufunc(x, y)`: arrays of one shape, or one of them is a `float` or has no dimensions."""
    table = word(self + DATA)
    if count == 2 and not names:
        x, y = word(arguments), word(arguments + 8)
        whole = leading(table, x, y)
        row = row_of(table, dtype_of(whole)) if word(whole + TYPE) == word(table + ARRAY) and is_whole(whole) else 0
        if row and elements(whole) < MOST:
            value = vector((y if word(y + TYPE) == word(table + FLOAT) else x) + HEAD, 1, 0.0)[0]  # a `float`'s, if one is
            number = kept(np.float32(value)) if word(row + SIZE) == 4 else kept(value)
            x_place, x_step = operand(table, row, x, whole, number)
            y_place, y_step = operand(table, row, y, whole, number)
            if x_place and y_place:
                out = new_array(word(table + ARRAY), word(row + GIVES), word(whole + NDIM) & INT, word(whole + SHAPE))
                if out:
                    places, steps = (x_place, y_place, word(out + DATA)), (x_step, y_step, word(row + GIVEN_SIZE))
                    run(word(row + LOOP), word(row + HANDED), places, elements(whole), steps)
                return out
    return PyObject_Vectorcall(word(table + UFUNC), arguments, count, names)


def direct(ufunc, gives=None):
    """The same function; the ufunc itself where it can't be. `gives`: the character of the type of all results, if not that of the arguments."""
    if not FLOATS or numba.config.DISABLE_JIT:
        return ufunc
    table = [id(ufunc), id(np.ndarray), id(float)]
    for kind in "fdlihbB?e":
        loop = loop_of(ufunc, kind, gives)
        if loop:
            takes, given = np.dtype(kind), np.dtype(gives or kind)
            table += id(takes), id(given), takes.itemsize, given.itemsize, *loop, kind in "fd"
    table = np.array([*table, 0], np.int64)
    return function_at(entry(ufunc.nin), ufunc.__name__, table, FASTCALL | KEYWORDS)


def __getattr__(name):
    """`direct` of our own ufunc of that name."""
    globals()[name] = found = direct(getattr(ufuncs, name), "?" if name in ufuncs.TRUTHS else None)
    return found


@functools.cache
def entry(count):
    """The address of `one` or `two`."""
    return c_function(two if count == 2 else one, WORD(WORD, WORD, WORD, WORD))
