"""What a step of an optimizer calls: `gathered` looks at everything that the step reads and writes, `count_up` counts it, `update` does it.

Arrays are in a tuple, in rows: a parameter, its gradient, its state, and its step count if the optimizer counts. Elements are counted
through all parameters ("flat"), so that the team can share them. To hand 34 parameters to Numba one by one would take longer than their
update (0.7 us each).
"""

from __future__ import annotations

import numpy as np

from . import team
from .builtin import (
    NOT,
    Py_DecRef,
    PyFloat_AsDouble,
    PyLong_AsLongLong,
    PyTuple_New,
    builtin,
    counted,
    given,
    kept,
    shared,
)
from .jit import kernel
from .layout import DATA, DOUBLE, FLAGS, ITEMS, READABLE, SINGLE, WRITABLE
from .objects import (
    PyDict_GetItem,
    PyFloat_FromDouble,
    count_one,
    is_a,
    is_exactly,
    length,
    list_item,
)
from .raw import elements, item, kind_of, same_shape, vector, word
from .team import ZERO

#: of a table, an array of words: where `Tensor`, `ndarray`, `list`, the int 1 are; the places of a tensor's slots; arrays of
#: a row; whether the last of them is a step count; picoseconds of an element; the columns of the state that the optimizer's loop
#: takes, -1 for none; and where that loop is, compiled for float32 and for float64 (0: not yet)
TENSOR, NDARRAY, LIST, INT_ONE, ARRAY, GRAD, CELL, COLUMNS, COUNTS, COST, PLACES = range(0, 88, 8)
LOOPS = PLACES + 24

#: most numbers of an update
NUMBERS = 8

#: picoseconds of work from which on an update is shared, those of a piece, and most pieces
WORTH, PIECE, PIECES = 1000 * team.WORTH, 1000 * team.PIECE_NS, team.PIECES


@kernel(inner=True)
def is_plain(array, ndarray, kind, flags):
    """Whether an object is a `numpy.ndarray` with these flags and a dtype of this kind."""
    return is_exactly(array, ndarray) and word(array + FLAGS) & flags == flags and kind_of(array) == kind


@kernel(inner=True)
def fit(table, rows):
    """Whether a tuple of arrays is as the loops take it, of float32 or float64 all of them. A gradient may be read-only."""
    size, columns, counts, ndarray = length(rows), word(table + COLUMNS), word(table + COUNTS), word(table + NDARRAY)
    for i in range(size):
        if not is_exactly(item(rows, i), ndarray):
            return False
    if not size:
        return True
    kind, of_count = kind_of(item(rows, ZERO)), kind_of(item(rows, size - 1))
    if (kind != SINGLE and kind != DOUBLE) or (of_count != SINGLE and of_count != DOUBLE):
        return False
    for row in range(0, size, columns):
        for c in range(columns - counts):
            array = item(rows, row + c)
            if not is_plain(array, ndarray, kind, READABLE if c == 1 else WRITABLE) or not same_shape(array, item(rows, row)):
                return False
        if counts:
            array = item(rows, row + columns - 1)
            if not is_plain(array, ndarray, of_count, WRITABLE) or elements(array) != 1:
                return False
    return True


@builtin(True, False)
def fits(results, arguments, count):
    """(table, rows): see `fit`."""
    return given(results, 1 if fit(word(word(arguments) + DATA), word(arguments + 8)) else 2)


@builtin()
def gathered(results, arguments, count):
    """(table, params, states, names): of the parameters in a list that have a gradient, the rows; states: parameter -> name -> tensor.
    NotImplemented: they don't fit, something isn't there, or is something else."""
    table, params, states, names = word(word(arguments) + DATA), word(arguments + 8), word(arguments + 16), word(arguments + 24)
    tensor, at, columns, present = word(table + TENSOR), word(table + ARRAY), word(table + COLUMNS), ZERO
    if not is_exactly(params, word(table + LIST)):
        return given(results, NOT)
    for i in range(length(params)):
        p = list_item(params, i)
        if not is_a(p, tensor) or not is_exactly(word(p + word(table + CELL)), word(table + LIST)):
            return given(results, NOT)
        present += is_a(word(p + word(table + GRAD)), tensor)
    rows = PyTuple_New(present * columns)
    if not rows:
        return rows
    into = vector(rows + ITEMS, present * columns, ZERO)
    n = ZERO
    for i in range(length(params)):
        p = list_item(params, i)
        grad = word(p + word(table + GRAD))
        if not is_a(grad, tensor):
            continue
        into[n], into[n + 1] = counted(word(p + at)), counted(word(grad + at))
        state = PyDict_GetItem(states, p) if columns > 2 else ZERO
        for c in range(columns - 2):
            found = PyDict_GetItem(state, item(names, c)) if state else ZERO
            if not found or not is_a(found, tensor):
                Py_DecRef(rows)
                return given(results, NOT)
            into[n + 2 + c] = counted(word(found + at))
        n += columns
    if not fit(table, rows):
        Py_DecRef(rows)
        return given(results, NOT)
    return rows


@kernel(inner=True)
def add_to_count(array, by):
    """Adds to a step count, and returns what it then is."""
    if kind_of(array) == SINGLE:
        single = vector(word(array + DATA), 1, np.float32(0))
        single[0] += np.float32(by)
        return np.float64(single[0])
    double = vector(word(array + DATA), 1, np.float64(0))
    double[0] += by
    return double[0]


@builtin()
def count_up(results, arguments, count):
    """(table, rows): adds one to the count of each row, and returns what they then are. If that isn't the same for all, or two of them
    lie in one place, nothing is changed, and -1 returned."""
    columns, rows = word(word(word(arguments) + DATA) + COLUMNS), word(arguments + 8)
    size = length(rows)
    before, after = add_to_count(item(rows, columns - 1), 0.0), -1.0
    for i in range(columns - 1, size, columns):
        if add_to_count(item(rows, i), 0.0) != before:
            return PyFloat_FromDouble(-1.0)
    for i in range(columns - 1, size, columns):
        now = add_to_count(item(rows, i), 1.0)
        after = now if i < columns else after
    for i in range(columns - 1, size, columns):
        if add_to_count(item(rows, i), 0.0) != after:  # one was counted twice
            for j in range(columns - 1, size, columns):
                add_to_count(item(rows, j), before - add_to_count(item(rows, j), 0.0))
            return PyFloat_FromDouble(-1.0)
    return PyFloat_FromDouble(after)


@builtin(team.place, team.start, None)
def update(results, arguments, count):
    """(table, rows, numbers, params, apart): the update by the optimizer's loop; changes of the parameters in the list are counted. An
    update that is worth to be shared is, if `apart` is True: no two arrays share memory. NotImplemented: the loop isn't compiled, or
    the update is worth to be shared and there is no `apart`."""
    table, rows, numbers, params = word(word(arguments) + DATA), word(arguments + 8), word(arguments + 16), word(arguments + 24)
    size, columns, total = length(rows), word(table + COLUMNS), ZERO
    loop = word(table + LOOPS + (0 if kind_of(item(rows, ZERO)) == SINGLE else 8))
    for row in range(0, size, columns):
        total += elements(item(rows, row))
    worth = total * word(table + COST) >= WORTH
    if not loop or (worth and count < 5):
        return given(results, NOT)
    for i in range(length(params)):
        p = list_item(params, i)
        if is_a(word(p + word(table + GRAD)), word(table + TENSOR)):
            count_one(word(p + word(table + CELL)), word(table + INT_ONE))
    values = np.zeros(NUMBERS, np.float64)
    for i in range(length(numbers)):
        values[i] = PyFloat_AsDouble(item(numbers, i))
    places = word(table + PLACES), word(table + PLACES + 8), word(table + PLACES + 16)
    record = kept((rows, size, columns, *places, team.address(values, 0)))
    if worth and PyLong_AsLongLong(word(arguments + 32)):
        step = max(PIECE // word(table + COST), (total + PIECES - 1) // PIECES)
        fine = shared(item(results, 1), item(results, 2), loop, record, total, step)
    else:
        team.call(loop, record, ZERO, total)
        fine = True
    return given(results, 3) if fine and values.size else ZERO  # a use, or they would be freed before


@kernel
def extents(objects, n, itemsize, ends):
    """ends (int64[2, n]): where each array begins, and where it ends."""
    for i in range(n):
        array = item(objects, i)
        ends[0, i] = word(array + DATA)
        ends[1, i] = word(array + DATA) + elements(array) * itemsize


def disjoint(arrays: tuple) -> bool:
    """Whether no two arrays share memory."""
    ends = np.empty((2, len(arrays)), np.int64)
    extents(id(arrays), len(arrays), arrays[0].itemsize, ends)
    ends.sort(axis=1)
    return bool((ends[1, :-1] <= ends[0, 1:]).all())
