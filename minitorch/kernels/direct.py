"""`direct(ufunc)`: a ufunc without what NumPy does before and after its loop. 10 elements take 0.09 us, not 0.33.

NumPy looks for a loop for the types, broadcasts, checks for overlaps, sets up an iterator, and looks for floating-point errors. Here, arrays
of one type and shape without gaps go straight to NumPy's own loop (see loops.py), and so does a number beside an array: the bits are
the same. Everything else is a call of the ufunc. (Nobody is warned of 1/0, as in torch.) The loop of a large array is shared by the team.
"""

from __future__ import annotations

import functools

import numba
import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from . import team, ufuncs
from .builtin import (
    FASTCALL,
    KEYWORDS,
    WORD,
    Py_DecRef,
    dtype_of,
    function_at,
    kept,
    new_array,
    shared,
)
from .jit import c_function, kernel
from .layout import ALIGNED, DATA, FLAGS, FLOATS, HEAD, INT, NDIM, READABLE, SHAPE, STRIDES, TYPE
from .loops import loop_of
from .raw import elements, same_shape, vector, word
from .team import ONE, ZERO

#: picoseconds of work from which on it is cut into pieces, those of a piece, and those that a byte and a function of ours take
WORTH, PIECE, BYTE, CALL = 32_000_000, 16_000_000, 43, 450

#: of a table, an array of words: the ufunc, where `ndarray`, `float`, the int 0 and the type of bools are, where the team's words are, how that is
#: started, how a piece is done, and then rows, one for each type: dtypes of arguments and result, their bytes, the loop, what is handed
#: to that, what may stand beside an array of the result's shape, and the picoseconds of an element
UFUNC, ARRAY, FLOAT, NOTHING, BOOL, TEAM, START, DO, ROWS = range(0, 72, 8)
TAKES, GIVES, SIZE, GIVEN_SIZE, LOOP, HANDED, BESIDE, COST, ROW = range(0, 72, 8)
#: nothing but another; arrays of no dimensions; a `float`, too, which becomes a number of its type
ARRAYS, BARE, NUMBERS = range(3)

#: no address of an object
NOT_PLAIN = np.int64(1)

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
def is_repeated(array):
    """Whether its elements are one number in memory, as of an array of no dimensions, or of an expanded gradient."""
    repeated, shape, strides = word(array + FLAGS) & ALIGNED != 0, word(array + SHAPE), word(array + STRIDES)
    for d in range(word(array + NDIM) & INT):
        repeated &= word(strides + 8 * d) == 0 or word(shape + 8 * d) == 1
    return repeated


@kernel(inner=True)
def leading(table, x, y):
    """Of two arguments the array whose shape the result has, if they are an array and one of its shape, of no dimensions, or a `float`."""
    bare = word(x + TYPE) == word(table + ARRAY) and word(y + TYPE) == word(table + ARRAY) and not word(x + NDIM) & INT
    return y if bare or is_number(table, x) else x


@kernel(inner=True)
def is_number(table, thing):
    return word(thing + TYPE) == word(table + FLOAT) or thing == word(table + NOTHING)


@kernel(inner=True)
def number_of(table, x, y):
    """The value of the one that is a number, if one is."""
    number = y if is_number(table, y) else x
    return 0.0 if number == word(table + NOTHING) else vector(number + HEAD, 1, 0.0)[0]


@kernel(inner=True)
def operand(table, row, thing, whole, number):
    """(where the loop finds an argument, how many bytes its elements are apart), beside an array whose shape the result has; 0, 0: it can't"""
    if is_number(table, thing):
        return (number if word(row + BESIDE) == NUMBERS else 0), 0
    if word(thing + TYPE) != word(table + ARRAY) or dtype_of(thing) != word(row + TAKES):
        return 0, 0
    fits = same_shape(thing, whole)
    if fits and is_whole(thing):
        return word(thing + DATA), word(row + SIZE)
    alone = (fits or not word(thing + NDIM) & INT) and is_repeated(thing) and word(row + BESIDE) != ARRAYS
    return (word(thing + DATA) if alone else 0), 0


def piece(record, start, stop):
    """Elements `start` to `stop` of a call: see `filled`."""
    loop, handed, a, b, c, d, a_step, b_step, c_step, d_step = [word(record + 8 * i) for i in range(10)]
    places = a + start * a_step, b + start * b_step, c + start * c_step, d + start * d_step
    run(loop, handed, places, stop - start, (a_step, b_step, c_step, d_step))


@kernel(inner=True)
def filled(table, row, places, steps, n, out):
    """`out`, after the loop has run, shared by the team if there is much to do; 0: an error is set. Of the four places and steps a loop
    looks at as many as it has arguments and results."""
    cost = word(row + COST)
    if n * cost < WORTH:
        run(word(row + LOOP), word(row + HANDED), places, n, steps)
        return out
    record = kept((word(row + LOOP), word(row + HANDED), *places, *steps))
    pieces = (n * cost // PIECE + 1) & ~1  # an even number, as most machines have of cores
    if shared(word(table + TEAM), word(table + START), word(table + DO), record, n, (n + pieces - 1) // pieces):
        return out
    Py_DecRef(out)
    return ZERO


def one(self, arguments, count, names):
    """`ufunc(x)`"""
    table, x = word(self + DATA), word(arguments)
    if count == 1 and not names and word(x + TYPE) == word(table + ARRAY) and is_whole(x):
        row, n = row_of(table, dtype_of(x)), elements(x)
        if row:
            out = new_array(word(table + ARRAY), word(row + GIVES), word(x + NDIM) & INT, word(x + SHAPE))
            if out:
                place, step = word(out + DATA), word(row + GIVEN_SIZE)
                return filled(table, row, (word(x + DATA), place, place, place), (word(row + SIZE), step, step, step), n, out)
            return out
    return PyObject_Vectorcall(word(table + UFUNC), arguments, count, names)


@kernel(inner=True)
def of_two(table, x, y, condition):
    """The result of a loop that takes x and y, and before them a condition, if that is one, of the shape of the result; 0: an error is set.
    NOT_PLAIN: the loop doesn't take them."""
    whole = leading(table, x, y)
    row = row_of(table, dtype_of(whole)) if word(whole + TYPE) == word(table + ARRAY) else 0
    if not row or (condition and not same_shape(condition, whole)):
        return NOT_PLAIN
    value = number_of(table, x, y)
    number = kept(np.float32(value)) if word(row + SIZE) == 4 else kept(value)
    x_place, x_step = operand(table, row, x, whole, number)
    y_place, y_step = operand(table, row, y, whole, number)
    if not x_place or not y_place:
        return NOT_PLAIN
    out = new_array(word(table + ARRAY), word(row + GIVES), word(whole + NDIM) & INT, word(whole + SHAPE))
    if not out:
        return out
    place, step = word(out + DATA), word(row + GIVEN_SIZE)
    places, steps = (x_place, y_place, place, place), (x_step, y_step, step, step)
    if condition:
        places, steps = (word(condition + DATA), x_place, y_place, place), (ONE, x_step, y_step, step)
    return filled(table, row, places, steps, elements(whole), out)


def two(self, arguments, count, names):
    """`ufunc(x, y)`: arrays of one shape, or one of them is a `float`, the int 0, or has no dimensions."""
    table, out = word(self + DATA), NOT_PLAIN
    if count == 2 and not names:
        out = of_two(table, word(arguments), word(arguments + 8), ZERO)
    return out if out != NOT_PLAIN else PyObject_Vectorcall(word(table + UFUNC), arguments, count, names)


def three(self, arguments, count, names):
    """`where(condition, x, y)`: bools and arrays of their shape; an x or y may be a `float`, the int 0, or have no dimensions."""
    table, out = word(self + DATA), NOT_PLAIN
    if count == 3 and not names:
        condition = word(arguments)
        if word(condition + TYPE) == word(table + ARRAY) and dtype_of(condition) == word(table + BOOL) and is_whole(condition):
            out = of_two(table, word(arguments + 8), word(arguments + 16), condition)
    return out if out != NOT_PLAIN else PyObject_Vectorcall(word(table + UFUNC), arguments, count, names)


def chosen(arrays, sizes, steps, data):
    """The loop of `where`: elements of 4 or 8 bytes, whatever they are."""
    holds, x, y, out, n = ufuncs.as_bytes(arrays[0]), arrays[1], arrays[2], arrays[3], sizes[0]
    if steps[1] and steps[2]:
        for i in range(n):
            a, b = x[i], y[i]  # both: a loop that reads only one does not vectorise
            out[i] = a if holds[i] else b
    elif steps[1]:
        b = y[0]
        for i in range(n):
            a = x[i]
            out[i] = a if holds[i] else b
    elif steps[2]:
        a = x[0]
        for i in range(n):
            b = y[i]
            out[i] = a if holds[i] else b
    else:
        a, b = x[0], y[0]
        for i in range(n):
            out[i] = a if holds[i] else b


def direct(ufunc, gives=None):
    """The same function; the ufunc itself where it can't be. `gives`: the character of the type of all results, if not that of the arguments."""
    if not FLOATS or numba.config.DISABLE_JIT:
        return ufunc
    table = head(ufunc)
    for kind in "fdlihbB?e":
        loop = loop_of(ufunc, kind, gives)
        if loop:
            takes, given = np.dtype(kind), np.dtype(gives or kind)
            cost = (ufunc.nin * takes.itemsize + given.itemsize) * BYTE + CALL * (ufunc in ufuncs.MADE)
            table += id(takes), id(given), takes.itemsize, given.itemsize, *loop, NUMBERS if kind in "fd" else BARE, cost
    return made(two if ufunc.nin == 2 else one, ufunc, table)


def direct_where():
    """`np.where` in the same way."""
    if not FLOATS or numba.config.DISABLE_JIT:
        return np.where
    table = head(np.where)
    for kind in "fdli":
        dtype = np.dtype(kind)
        loop = ufuncs.driver(chosen, types.int32 if dtype.itemsize == 4 else types.int64)
        table += id(dtype), id(dtype), dtype.itemsize, dtype.itemsize, loop, 0, NUMBERS if kind in "fd" else BARE, 3 * dtype.itemsize * BYTE
    return made(three, np.where, table)


ENTRY = """
def {name}_entry(arrays, sizes, steps, data):
    {name}({arrays}, carray(arrays[{count}], sizes[0]), vector(data, {numbers}, one))
"""


def of_program(program):
    """A program of fuse.py with one or two arguments. NotImplemented for other than plain arrays of one shape."""
    if not FLOATS or numba.config.DISABLE_JIT:
        return not_implemented
    name, count, number, numbers = program.loop.__name__, len(program.roles), program.number, len(program.numbers)
    env = {name: program.loop, "carray": carray, "vector": vector, "one": number.type(1), "__name__": __name__}
    arrays = ", ".join(f"carray(arrays[{i}], sizes[0])" for i in range(count))
    # below the last line of the file, see ufuncs.py
    exec(compile("\n" * 1000 + ENTRY.format(name=name, arrays=arrays, count=count, numbers=numbers), __file__, "exec"), env)
    loop = ufuncs.driver(env[f"{name}_entry"], types.float32 if number.itemsize == 4 else types.float64)
    constants = program.constants.ctypes.data if numbers else 0
    row = id(number), id(number), number.itemsize, number.itemsize, loop, constants, ARRAYS, int(1000 * program.cost)
    function = made(two if count == 2 else one, not_implemented, [*head(not_implemented), *row])
    _kept.append(program)
    return function


def not_implemented(*arguments):
    return NotImplemented


_kept = []  # whose numbers lie where a table says


def head(function):
    things = function, np.ndarray, float, 0, np.dtype(bool), team.place, team.start
    return [id(thing) for thing in things] + [entry(piece, types.void(WORD, WORD, WORD))]


def made(function, ufunc, table):
    address = entry(function, WORD(WORD, WORD, WORD, WORD))
    return function_at(address, ufunc.__name__, np.array([*table, 0], np.int64), FASTCALL | KEYWORDS)


entry = functools.cache(c_function)


def __getattr__(name):
    """`direct` of our own ufunc of that name."""
    globals()[name] = found = direct(getattr(ufuncs, name), "?" if name in ufuncs.TRUTHS else None)
    return found
