"""What kernels/indexing.py does, of few float32: a built-in function each, which looks at the arrays itself and makes the result. Those
return NotImplemented for arrays that are others, without these dimensions, not contiguous or large, and for positions that are not there.
(Of float64, too, they would take twice the time to be compiled, 4 s.)"""

from __future__ import annotations

import numpy as np

from .builtin import (
    NOT,
    Py_DecRef,
    PyLong_AsLongLong,
    PyTuple_New,
    builtin,
    dtype_of,
    given,
    memcpy,
    new_array,
)
from .indexing import (
    FEW,
    OF,
    add_slices,
    first_keys,
    key_of,
    lanes_for,
    put_elements,
    take_elements,
    take_slices,
    unpack,
)
from .jit import kernel
from .layout import (
    ALIGNED,
    DATA,
    FLAGS,
    FLOATS,
    INT,
    INT64,
    ITEMS,
    NDIM,
    READABLE,
    SHAPE,
    SINGLE,
    STRIDES,
    TYPE,
)
from .raw import elements, item, kind_of, matrix, same_shape, vector, word
from .team import ZERO, address

F32, U32, U64 = np.float32(0), np.uint32(0), np.uint64(0)

#: elements, of an array and of an index, from which on threads may share the work; the most elements of a row that is put in order one by one
LARGE, MANY = 1 << 17, 1 << 15

#: elements times k from which on they are not put in order one by one (us, one by one / the other ways: 25 rows of 40, k=2 1.5 / 3.0; 60 of 16,
#: all 5.6 / 3.4)
DEAR = 1 << 12

#: what `first` knows, by index
TRUE, FALSE, INDEX = 2, 3, 4


@kernel(inner=True)
def kind_beside(array, x):
    """The kind of dtype of a contiguous array of x's class; 0: it is none."""
    fine = word(array + TYPE) == word(x + TYPE) and word(array + FLAGS) & READABLE == READABLE
    return kind_of(array) if fine else ZERO


@kernel(inner=True)
def extent(array, d):
    return word(word(array + SHAPE) + 8 * d)


@kernel(inner=True)
def dimension(x, number):
    """A dimension of x, from 0 on, of a Python int that may count from the end."""
    dim = PyLong_AsLongLong(number)
    return dim + (word(x + NDIM) & INT) if dim < 0 else dim


@kernel(inner=True)
def around(x, dim):
    """The elements of x (before, along, after) a dimension from 0 on; along it -1 if there is none such."""
    ndim, before, after = word(x + NDIM) & INT, ZERO + 1, ZERO + 1
    for d in range(ndim):
        before *= extent(x, d) if d < dim else 1
        after *= extent(x, d) if d > dim else 1
    return before, extent(x, dim) if 0 <= dim < ndim else ZERO - 1, after


@kernel(inner=True)
def covers(x, index, dim):
    """Whether an index has the size of x in the other dimensions. It may be without `dim`."""
    ndim = word(x + NDIM) & INT
    lacks = ndim - (word(index + NDIM) & INT)
    fits = 0 <= lacks <= 1
    for d in range(ndim if fits else 0):
        fits &= d == dim or extent(index, d - (lacks if d > dim else 0)) == extent(x, d)
    return fits


@kernel(inner=True)
def can_be_copied(x):
    """Whether they are few float32 that are contiguous, or one in memory, as `blank` ones."""
    size, one = elements(x), word(x + FLAGS) & ALIGNED == ALIGNED
    for d in range(word(x + NDIM) & INT):
        one &= word(word(x + STRIDES) + 8 * d) == 0
    fine = (one or word(x + FLAGS) & READABLE == READABLE) and 0 < size < LARGE
    return fine and kind_of(x) == SINGLE


@kernel(inner=True)
def copied(x):
    """A new array of such elements; 0: there is no memory."""
    out, size = new_array(word(x + TYPE), dtype_of(x), word(x + NDIM) & INT, word(x + SHAPE)), elements(x)
    if out and word(x + FLAGS) & READABLE == READABLE:
        memcpy(word(out + DATA), word(x + DATA), size * 4)
    elif out:
        number, numbers = vector(word(x + DATA), 1, F32)[0], vector(word(out + DATA), size, F32)
        for i in range(size):
            numbers[i] = number
    return out


@kernel(inner=True)
def finished(results, out, done):
    """What is returned: the result, or NotImplemented after all."""
    if done:
        return out
    Py_DecRef(out)
    return given(results, NOT)


@builtin(np.ndarray)
def put(results, arguments, count):
    """(x, index, source, dim, how): a copy of x with `put_elements` of the index, along `dim`."""
    x, index, source = word(arguments), word(arguments + 8), word(arguments + 16)
    if word(x + TYPE) != item(results, 1):
        return given(results, NOT)
    dim, how = dimension(x, word(arguments + 24)), PyLong_AsLongLong(word(arguments + 32))
    before, n, after = around(x, dim)
    if not can_be_copied(x) or n < 0 or kind_beside(index, x) != INT64 or kind_beside(source, x) != SINGLE:
        return given(results, NOT)
    if not covers(x, index, dim) or not same_shape(source, index) or elements(index) >= MANY:
        return given(results, NOT)
    out, row, width = copied(x), n * after, elements(index) // before
    if not out:
        return out
    places = matrix(word(index + DATA), before, width, U64)
    done = put_elements(places, matrix(word(out + DATA), before, row, F32), matrix(word(source + DATA), before, width, F32), after, how)
    return finished(results, out, done)


@builtin(np.ndarray)
def take(results, arguments, count):
    """(x, index, dim): `take_elements`, along `dim`, in the shape of the index."""
    x, index = word(arguments), word(arguments + 8)
    if word(x + TYPE) != item(results, 1):
        return given(results, NOT)
    dim = dimension(x, word(arguments + 16))
    before, n, after = around(x, dim)
    if kind_beside(x, x) != SINGLE or n < 0 or kind_beside(index, x) != INT64 or not covers(x, index, dim):
        return given(results, NOT)
    if not 0 < elements(index) < MANY:
        return given(results, NOT)
    out, row, width = new_array(word(x + TYPE), dtype_of(x), word(index + NDIM) & INT, word(index + SHAPE)), n * after, elements(index) // before
    if not out:
        return out
    places = matrix(word(index + DATA), before, width, U64)
    done = take_elements(places, matrix(word(out + DATA), before, width, F32), matrix(word(x + DATA), before, row, F32), after)
    return finished(results, out, done)


@kernel(inner=True)
def new_along(x, dtype, dim, size):
    """A new array of x's shape with another size of a dimension."""
    shape = np.empty(word(x + NDIM) & INT, np.int64)
    for d in range(shape.size):
        shape[d] = size if d == dim else extent(x, d)
    out = new_array(word(x + TYPE), dtype, shape.size, address(shape, 0))
    return out if shape.size else ZERO  # a use, or it would be freed before


@builtin(np.ndarray)
def add_parts(results, arguments, count):
    """(x, index, source, dim): a copy of x with `add_slices`; index (K,)"""
    x, index, source = word(arguments), word(arguments + 8), word(arguments + 16)
    if word(x + TYPE) != item(results, 1):
        return given(results, NOT)
    dim = dimension(x, word(arguments + 24))
    before, n, after = around(x, dim)
    if not can_be_copied(x) or n < 0 or kind_beside(index, x) != INT64 or kind_beside(source, x) != SINGLE:
        return given(results, NOT)
    _, parts, beside = around(source, dim)
    if word(index + NDIM) & INT != 1 or extent(index, 0) != parts or beside != after or not covers(x, source, dim) or elements(source) >= MANY:
        return given(results, NOT)
    out, row = copied(x), n * after
    if not out:
        return out
    places = vector(word(index + DATA), parts, U64)
    done = add_slices(matrix(word(source + DATA), before, parts * after, F32), matrix(word(out + DATA), before, row, F32), places, after)
    return finished(results, out, done)


@builtin(np.ndarray)
def take_parts(results, arguments, count):
    """(x, index, dim): `take_slices`; index (K,)"""
    x, index = word(arguments), word(arguments + 8)
    if word(x + TYPE) != item(results, 1):
        return given(results, NOT)
    dim = dimension(x, word(arguments + 16))
    before, n, after = around(x, dim)
    if kind_beside(x, x) != SINGLE or n < 0 or kind_beside(index, x) != INT64 or word(index + NDIM) & INT != 1:
        return given(results, NOT)
    parts, row = extent(index, 0), n * after
    if elements(x) == 0 or before * parts * after >= MANY:
        return given(results, NOT)
    out, places = new_along(x, dtype_of(x), dim, parts), vector(word(index + DATA), parts, U64)
    if not out:
        return out
    done = take_slices(matrix(word(x + DATA), before, row, F32), matrix(word(out + DATA), before, parts * after, F32), places, after)
    return finished(results, out, done)


@kernel(inner=True)
def put_first(bits, rows, n, after, k, descending, values, indices):
    """The first k elements of every row in order: each in its turn goes to its place among those that came before."""
    keys = np.empty(k, np.uint64)
    for a in range(rows):
        for b in range(after):
            found = 0
            for j in range(n):
                key, at = key_of(bits[(a * n + j) * after + b], j, descending), found
                if at == k:
                    at -= 1
                    if key > keys[at]:
                        continue
                else:
                    found += 1
                while at and key < keys[at - 1]:
                    keys[at] = keys[at - 1]
                    at -= 1
                keys[at] = key
            for j in range(k):
                at = np.int64(keys[j] & np.uint64(0xFFFFFFFF))
                indices[(a * k + j) * after + b] = at
                values[(a * k + j) * after + b] = bits[(a * n + at) * after + b]


@builtin(np.ndarray, True, False, np.dtype(np.int64))
def first(results, arguments, count):
    """(x, dim, descending, k): (values, indices) of the first k elements of a dimension of float32 in order, of few or with a small k."""
    x, descending = word(arguments), word(arguments + 16) == item(results, TRUE)
    if word(x + TYPE) != item(results, 1):
        return given(results, NOT)
    dim, k = dimension(x, word(arguments + 8)), PyLong_AsLongLong(word(arguments + 24))
    (before, n, after), size = around(x, dim), elements(x)
    one_by_one, known = size * k < DEAR, descending or word(arguments + 16) == item(results, FALSE)
    if not known or kind_beside(x, x) != SINGLE or not 0 < k <= n or size >= MANY or not (one_by_one or (after == 1 and k <= FEW and n >= OF * k)):
        return given(results, NOT)
    found = PyTuple_New(2)
    for i in range(2 if found else 0):
        made = new_along(x, item(results, INDEX) if i else dtype_of(x), dim, k)
        vector(found + ITEMS, 2, ZERO)[i] = made
        if not made:
            Py_DecRef(found)
            return made
    if not found:
        return found
    bits, values, indices = word(x + DATA), word(item(found, 0) + DATA), word(item(found, 1) + DATA)
    if one_by_one:
        put_first(vector(bits, size, U32), before, n, after, k, descending, vector(values, size, U32), vector(indices, size, ZERO))
        return found
    keys, floats = np.empty((before, 2 * k + 16), np.uint64), matrix(bits, before, n, F32)
    done = first_keys(floats, matrix(bits, before, n, U32), keys, descending, k, lanes_for(n, k))
    if done:
        unpack(keys, floats, matrix(values, before, k, F32), matrix(indices, before, k, ZERO))
    return finished(results, found, done)


if not FLOATS:
    put = take = add_parts = take_parts = first = lambda *arguments: NotImplemented
