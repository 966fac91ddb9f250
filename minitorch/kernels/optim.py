"""The updates of `minitorch.optim` as kernels: one pass over memory, equal to torch's for-loop bit for bit.

A loop over vectors, `_adam` ..., is the `update` of the optimizer of its name (`minitorch.optim.adam.update` ...), which is its
documentation: the same arguments, the same result. All arrays are contiguous and of one dtype; the numbers are doubles and are
rounded to that dtype, as torch rounds them. An array of no elements stands for one that
the options do not need (None would be another type, to be compiled for 0.5 s).

What a step calls are three built-in functions for all optimizers: `gathered` looks at everything that the step reads and writes, `count_up`
counts it, `update` does it. The arrays are in a tuple, in rows: a parameter, its gradient, its state, and its step count if the
optimizer counts. Elements are counted through all parameters ("flat"), so that the team can share them.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import intrinsic

from . import team
from .builtin import (
    NOT,
    WORD,
    Py_DecRef,
    PyTuple_New,
    builtin,
    counted,
    given,
    kept,
    shared,
)
from .fma import fma
from .jit import c_function, kernel
from .layout import DATA, DOUBLE, DTYPE, FLAGS, ITEMS, KIND, READABLE, SINGLE, WRITABLE
from .objects import (
    PyDict_GetItem,
    PyFloat_FromDouble,
    as_double,
    count_one,
    is_a,
    is_exactly,
    length,
    list_item,
)
from .raw import elements, item, same_shape, vector, word
from .team import ONE, ZERO

#: of a table, an array of words: where `Tensor`, `ndarray`, `list`, `float`, `True`, the int 1 are; the places of a tensor's slots; arrays of
#: a row; whether the last of them is a step count; picoseconds of an element; the columns of the state that the optimizer's loop
#: takes, -1 for none; and where that loop is, compiled for float32 and for float64 (0: not yet)
TENSOR, NDARRAY, LIST, FLOAT, TRUE, INT_ONE, ARRAY, GRAD, CELL, COLUMNS, COUNTS, COST, PLACES = range(0, 104, 8)
LOOPS = PLACES + 24

#: most numbers of an update
NUMBERS = 8

#: picoseconds of work from which on an update is shared, those of a piece, and most pieces
WORTH, PIECE, PIECES = 1000 * team.WORTH, 1000 * team.PIECE_NS, team.PIECES


# ---------------------------------------------------------------------- the rows of a group: parameter, gradient, state, step count


@kernel(inner=True)
def is_plain(array, ndarray, kind, flags):
    """Whether an object is a `numpy.ndarray` with these flags and a dtype of this kind."""
    return is_exactly(array, ndarray) and word(array + FLAGS) & flags == flags and kind_of(array) == kind


@kernel(inner=True)
def kind_of(array):
    return word(word(array + DTYPE) + KIND)


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


@builtin(team.place, team.start, None, True)
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
        values[i] = as_double(item(numbers, i), word(table + FLOAT), word(table + TRUE))
    places = word(table + PLACES), word(table + PLACES + 8), word(table + PLACES + 16)
    record = kept((rows, size, columns, *places, team.address(values, 0)))
    if worth and word(arguments + 32) == word(table + TRUE):
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


# ---------------------------------------------------------------------- updates of vectors


@kernel(inner=True)
def _sgd(p, g, buf, first, lr, momentum, rate, weight_decay, nesterov, maximize):
    number = p.dtype.type
    decay, minus_lr, mu, new = number(weight_decay), number(-lr), number(momentum), number(rate)
    with_buf = buf.size > 0
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        if weight_decay != 0:
            x = fma(p[i], decay, x)
        if with_buf:
            b = x if first else fma(x, new, buf[i] * mu)
            buf[i] = b
            x = fma(b, mu, x) if nesterov else b
        p[i] = fma(x, minus_lr, p[i])


@kernel(inner=True)
def _adam(p, g, m, v, v_max, size, root, beta1, beta2, eps, weight_decay, shrink, maximize):
    number = p.dtype.type
    keep, decay, b2, w2 = number(shrink), number(weight_decay), number(beta2), number(1 - beta2)
    r, e, minus_size, w1 = number(root), number(eps), number(-size), number(1 - beta1)
    near = abs(w1) < number(0.5)
    c1 = w1 if near else w1 - number(1)
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        q = p[i] * keep
        if weight_decay != 0:
            x = fma(q, decay, x)
        a = fma(c1, x - m[i], m[i] if near else x)
        b = fma(w2 * x, x, v[i] * b2)
        m[i] = a
        v[i] = b
        if v_max is not None:
            top = v_max[i]
            b = top if top > b or top != top else b
            v_max[i] = b
        p[i] = q + minus_size * a / (number(math.sqrt(b)) / r + e)


@kernel(inner=True)
def _rmsprop(p, g, v, buf, mean, lr, alpha, eps, weight_decay, momentum, maximize):
    number = p.dtype.type
    decay, a, w, e = number(weight_decay), number(alpha), number(1 - alpha), number(eps)
    mu, minus_lr, near = number(momentum), number(-lr), abs(w) < number(0.5)
    c, with_buf, with_mean = w if near else w - number(1), buf.size > 0, mean.size > 0
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        if weight_decay != 0:
            x = fma(p[i], decay, x)
        b = fma(w * x, x, v[i] * a)
        v[i] = b
        if with_mean:
            h = fma(c, x - mean[i], mean[i] if near else x)
            mean[i] = h
            b = fma(-h, h, b)
        s = number(math.sqrt(b)) + e
        if with_buf:
            h = buf[i] * mu + x / s
            buf[i] = h
            p[i] = fma(h, minus_lr, p[i])
        else:
            p[i] = p[i] + minus_lr * x / s


@kernel(inner=True)
def _adagrad(p, g, total, rate, eps, weight_decay, maximize):
    number = p.dtype.type
    decay, minus_rate, e = number(weight_decay), number(-rate), number(eps)
    for i in range(p.size):
        x = -g[i] if maximize else g[i]
        if weight_decay != 0:
            x = fma(p[i], decay, x)
        b = fma(x, x, total[i])
        total[i] = b
        p[i] = p[i] + minus_rate * x / (number(math.sqrt(b)) + e)


# ---------------------------------------------------------------------- the flat view of a group
# functions of C that the team calls: elements `start` to `stop` of an update. `record`, an address as a pointer to the type of the numbers,
# is what `update` has put there


@intrinsic
def opened(typing_context, record):
    """(the address that is a pointer, a number of the type that it points to)"""
    result = types.Tuple((WORD, record.dtype))

    def generate(context, builder, signature, args):
        address = builder.ptrtoint(args[0], context.get_value_type(WORD))
        return context.make_tuple(builder, result, (address, context.get_constant(record.dtype, 0)))

    return result(record), generate


@kernel(inner=True)
def parts(record):
    """(rows, their number of arrays, columns, number of the type), the columns of three states, and the numbers of the update."""
    place, one = opened(record)
    rows, size, columns, first, second, third, values = [word(place + 8 * i) for i in range(7)]
    return (rows, size, columns, one), (first, second, third), vector(values, NUMBERS, 0.0)


#: the columns of parameter and gradient (of a type, as literals would be types of their own)
P, G = ZERO, ONE


@kernel(inner=True)
def part_of(rows, row, start, stop, one):
    """What the elements from `start` to `stop` of the flat view, counted from this row, have in it; and `start` and `stop` counted
    from the next one."""
    n = elements(item(rows, row))
    low = min(max(start, 0), n)
    return (rows, row, low, max(low, min(stop, n)), one), start - n, stop - n


@kernel(inner=True)
def cut(part, column):
    """The piece of one array of the row: of the parameter (0), the gradient (1), a state; of column -1 nothing."""
    rows, row, low, high, one = part
    data, high = (word(item(rows, row + column) + DATA), high) if column >= 0 else (0, 0)
    return vector(data, high, one)[low:]


def sgd(record, start, stop):
    (rows, size, columns, one), (buf, _, _), n = parts(record)
    for row in range(0, size, columns):
        part, start, stop = part_of(rows, row, start, stop, one)
        _sgd(cut(part, P), cut(part, G), cut(part, buf), n[0] != 0, n[1], n[2], n[3], n[4], n[5] != 0, n[6] != 0)


def adam(record, start, stop):
    (rows, size, columns, one), (m, v, v_max), n = parts(record)
    for row in range(0, size, columns):
        part, start, stop = part_of(rows, row, start, stop, one)
        p, g, first, second = cut(part, P), cut(part, G), cut(part, m), cut(part, v)
        if v_max < 0:  # a loop of its own: one with an `if` around the store in it does not vectorise
            _adam(p, g, first, second, None, n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7] != 0)
        else:
            _adam(p, g, first, second, cut(part, v_max), n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7] != 0)


def rmsprop(record, start, stop):
    (rows, size, columns, one), (v, buf, mean), n = parts(record)
    for row in range(0, size, columns):
        part, start, stop = part_of(rows, row, start, stop, one)
        _rmsprop(cut(part, P), cut(part, G), cut(part, v), cut(part, buf), cut(part, mean), n[0], n[1], n[2], n[3], n[4], n[5] != 0)


def adagrad(record, start, stop):
    (rows, size, columns, one), (total, _, _), n = parts(record)
    for row in range(0, size, columns):
        part, start, stop = part_of(rows, row, start, stop, one)
        _adagrad(cut(part, P), cut(part, G), cut(part, total), n[0], n[1], n[2], n[3] != 0)


def compile_loop(name, table, itemsize) -> None:
    """Puts one of these into a table, compiled for float32 (4 bytes) or float64, if it isn't there."""
    at = LOOPS // 8 + (itemsize == 8)
    if not table[at]:
        pointer = types.CPointer(types.float32 if itemsize == 4 else types.float64)
        table[at] = c_function(globals()[name], types.void(pointer, WORD, WORD))


# ---------------------------------------------------------------------- clipping


@kernel
def norm(x):
    """`sqrt((x * x).sum())`, added as torch's vector_norm does: in 8 (float64: 4) partial sums, joined at the end."""
    number = x.dtype.type
    a = b = c = d = e = f = g = h = number(0)
    lanes = 32 // x.itemsize
    whole = x.size - x.size % lanes
    for i in range(0, whole, lanes):
        a = fma(x[i], x[i], a)
        b = fma(x[i + 1], x[i + 1], b)
        c = fma(x[i + 2], x[i + 2], c)
        d = fma(x[i + 3], x[i + 3], d)
        if lanes == 8:
            e = fma(x[i + 4], x[i + 4], e)
            f = fma(x[i + 5], x[i + 5], f)
            g = fma(x[i + 6], x[i + 6], g)
            h = fma(x[i + 7], x[i + 7], h)
    total = a + b + c + d + e + f + g + h
    for i in range(whole, x.size):
        total = fma(x[i], x[i], total)
    return number(math.sqrt(total))


@kernel
def total_norm(objects, norms):
    """The norm of all arrays, as that of their `norms`, which are left there."""
    number = norms.dtype.type(0)
    for i in range(norms.size):
        array = item(objects, i)
        norms[i] = norm(vector(word(array + DATA), elements(array), number))
    return norm(norms)


@kernel
def scale(objects, n, factor, number):
    """array *= factor, for n arrays"""
    for i in range(n):
        array = item(objects, i)
        x = vector(word(array + DATA), elements(array), number)
        for j in range(x.size):
            x[j] *= factor
