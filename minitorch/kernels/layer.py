"""Linear layers: bias and product, or the three gradients, in one call of a kernel; large ones by the team, as blas.py's products.

The product of 32x30 and 30x16 takes 0.4 us; what surrounds it is dear. NumPy needs 2.9 us for it and the bias, a kernel that is
handed five arrays 1.7, as Numba looks at each for 0.1, and whoever calls it 1.0 for checks of their types. A kernel here is a built-in
function and looks itself: 1.1 us, all counted.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from . import team, ufuncs
from .blas import (
    F32,
    F64,
    MOST,
    PLAIN,
    ROW,
    ROW_MAJOR,
    SHARED,
    TRANSPOSED,
    dgemm,
    finish,
    is_turned,
    pieces,
    put,
    rows_times,
    sgemm,
    started,
    team_of,
    times,
    turned,
)
from .blas import available as blas_available
from .builtin import (
    NOT,
    Py_DecRef,
    PyTuple_New,
    builtin,
    counted,
    dtype_of,
    given,
    kept,
    memcpy,
    new_matrix,
    new_vector,
)
from .jit import kernel
from .layout import DATA, DOUBLE, FLOATS, INT, ITEMS, NDIM, SHAPE, SINGLE, TYPE
from .objects import PyDict_GetItem, PyDict_Next, PyDict_Size, PyObject_GenericGetDict, is_a, is_exactly
from .raw import array_at, item, vector, word
from .team import I32, ONE, SIZE, ZERO, address, call, load

available = blas_available and bool(FLOATS)

#: what the built-in functions here know, by index, after what those of blas.py do: None and True
NONE, TRUE = 3, 4

#: bytes of the addresses of a layer's four objects; most elements of an activation
LAYER, FAST = 32, 1 << 14

#: the bits of two float32 that are 1, and of a float64 that is
SINGLE_ONES, DOUBLE_ONES = 0x3F8000003F800000, 0x3FF0000000000000


@kernel(inner=True)
def product(kind, a_kind, b_kind, shape, a, b, c, beta):
    """C (m, n) = op(A) @ op(B) + beta * C, all contiguous; of A, B and C the address, of A and B also the distance of rows."""
    (m, n, k), (a, a_distance), (b, b_distance), left, right = shape, a, b, I32(a_kind), I32(b_kind)
    if kind == SINGLE:
        sgemm(ROW_MAJOR, left, right, m, n, k, F32(1), a, a_distance, b, b_distance, F32(beta), c, n)
    else:
        dgemm(ROW_MAJOR, left, right, m, n, k, F64(1), a, a_distance, b, b_distance, F64(beta), c, n)


@kernel(inner=True)
def affine(kind, shape, x, w, bias, out, team):
    """out (m, n) = x (m, k) @ w (n, k).T + bias, all by address; a bias of 0 is none. Returns whether helpers ought to be started."""
    (m, n, k), size, beta = shape, 4 if kind == SINGLE else 8, ONE if bias else ZERO
    if m * n * k >= SHARED:
        parts = pieces((m, n, k), 1)
        table = np.empty((parts, ROW), np.int64)
        count = put(table, ZERO, parts, (m, n, k), (PLAIN, x, k), (TRANSPOSED, w, k), out, bias, size)
        finish(team, table, count)
        return load(team, SIZE) == 0
    for i in range(m if bias else 0):
        memcpy(out + i * n * size, bias, n * size)
    if m == 1:
        rows_times(4 if kind == SINGLE else 8, w, k, x, out, n, k, beta)
        return False
    if kind == SINGLE and is_turned(m, n, k):
        times(PLAIN, (m, n, k), (x, k), turned(w, k, n, k), out, n, beta)
    else:
        product(kind, PLAIN, TRANSPOSED, (m, n, k), (x, k), (w, k), out, beta)
    return False


@kernel(inner=True)
def fits(results, arguments, count):
    """(whether `layers` takes its arguments; the rows of x; most numbers of a result that is forgotten)"""
    array, _, shape, kind, x_ndim = array_at(arguments)
    m, k, widest, none = word(shape), word(shape + 8), ZERO, item(results, NONE)
    if (kind != SINGLE and kind != DOUBLE) or x_ndim != 2 or count < 5:
        return False, m, widest
    for layer in range(arguments + 8, arguments + 8 * count, LAYER):
        w, b, activation, out = word(layer), word(layer + 8), word(layer + 16), word(layer + 24)
        if word(w + TYPE) != array or (word(activation + TYPE) != array and activation != none):
            return False, m, widest
        _, _, w_shape, w_kind, w_ndim = array_at(layer)
        if w_kind != kind or w_ndim != 2:
            return False, m, widest
        n = word(w_shape)
        if word(w_shape + 8) != k or m * n * k == 0 or (activation != none and m * n > FAST):
            return False, m, widest
        if b != none:
            if word(b + TYPE) != array:
                return False, m, widest
            _, _, b_shape, b_kind, b_ndim = array_at(layer + 8)
            if b_kind != kind or b_ndim != 1 or word(b_shape) != n:
                return False, m, widest
        k = n
        if out == none and layer + LAYER < arguments + 8 * count:
            widest = max(widest, m * n)
    return True, m, widest


@builtin(team.place, team.start, None)
def layers(results, arguments, count):
    """(x, and of each layer: w, b or None, its `activation` or None, and an array for its result, or None): activation(x @ w.T + b) again
    and again. The last result is returned; of others, if they have no array, nothing is left. NotImplemented: the arrays are not contiguous
    matrices of one type, with vectors b; or the results are so large that an activation is better shared."""
    return computed(results, arguments, count)


@kernel(inner=True)
def computed(results, arguments, count):
    """See `layers`."""
    fit, m, widest = fits(results, arguments, count)
    if not fit:
        return given(results, NOT)
    _, x, shape, kind, _ = array_at(arguments)
    team, none, k, alone, last = team_of(results), item(results, NONE), word(shape + 8), False, ZERO
    made, between = ZERO, np.empty((2, widest), np.float64)
    for i, layer in enumerate(range(arguments + 8, arguments + 8 * count, LAYER)):
        w, b, activation, last = word(layer), word(layer + 8), word(layer + 16), word(layer + 24)
        n = word(word(w + SHAPE))
        if last != none:
            out = word(last + DATA)
        elif layer + LAYER < arguments + 8 * count:
            out = address(between, (i & 1) * widest)
        else:
            made = new_matrix(word(word(arguments) + TYPE), dtype_of(word(arguments)), m, n)
            if not made:
                return made
            out = word(made + DATA)
        alone |= affine(kind, (m, n, k), x, word(w + DATA), word(b + DATA) if b != none else ZERO, out, team)
        if activation != none:
            call(word(word(activation + DATA)), out, ZERO, m * n)
        x, k = out, n
    return started(results, alone and between.size >= 0, made if made else counted(last))  # a use, or it would be freed before


# ---------------------------------------------------------------------- of modules

#: of the table of `chain`, an array of words: where these are: `dict`, `ndarray`, `Tensor`, `Linear`; the place of a tensor's array; the names
#: in a module's dict, and in its parameters; how many activations; and of each: its class, and an array of its function's address
DICT, NDARRAY, TENSOR, LINEAR, ARRAY, HOOKED, FORWARD, PARAMETERS, WEIGHT, BIAS, COUNT, ACTIVATIONS = range(0, 96, 8)
ACTIVATION = 16


@kernel(inner=True)
def array_of(table, tensor):
    """The `ndarray` of a tensor; 0: it's something else."""
    array = word(tensor + word(table + ARRAY)) if is_a(tensor, word(table + TENSOR)) else ZERO
    return array if is_exactly(array, word(table + NDARRAY)) else ZERO


@kernel(inner=True)
def dict_of(table, module):
    """The dict of a module without hooks, and without a `forward` of its own; 0: it has one."""
    own = PyObject_GenericGetDict(module, ZERO)
    Py_DecRef(own)  # the module has it, too
    return ZERO if PyDict_GetItem(own, word(table + HOOKED)) or PyDict_GetItem(own, word(table + FORWARD)) else own


@kernel(inner=True)
def function_of(table, module):
    """The array of the address of an activation's function; 0: there is none."""
    for i in range(word(table + COUNT)):
        at = table + ACTIVATIONS + ACTIVATION * i
        if is_exactly(module, word(at)):
            return word(at + 8)
    return ZERO


@kernel(inner=True)
def put_layers(table, modules, layers, none):
    """Puts the arguments of `layers` for modules in a dict behind the first, x, with None for their results; returns how many: 0 if a module
    is another, or what's in its dict is."""
    n, may_follow, at = ONE, False, kept((ZERO, ZERO, ZERO))
    while PyDict_Next(modules, at, at + 8, at + 16):
        module = word(at + 16)
        is_linear = is_exactly(module, word(table + LINEAR))
        function = function_of(table, module) if may_follow else ZERO
        own = dict_of(table, module) if is_linear or function else ZERO
        if own and function:
            layers[n - 2] = function
        elif own:
            parameters = PyDict_GetItem(own, word(table + PARAMETERS))
            bias = PyDict_GetItem(parameters, word(table + BIAS))
            weight, bias = array_of(table, PyDict_GetItem(parameters, word(table + WEIGHT))), none if bias == none else array_of(table, bias)
            if not weight or not bias or word(weight + NDIM) & INT != 2:
                return ZERO
            layers[n], layers[n + 1], layers[n + 2], layers[n + 3] = weight, bias, none, none
            n += 4
        else:
            return ZERO
        may_follow = is_linear
    return n


@builtin(team.place, team.start, None, True)
def chain(results, arguments, count):
    """(table, modules, input, recorded): what `layers` returns for the modules of a dict, linear layers with activations between them, and
    a tensor. If `recorded`, the results of all linear layers, a tuple; that of a layer with an activation is the latter's. NotImplemented:
    they, or what is in their dicts, are others than `layers` takes, or they have hooks or a `forward` of their own."""
    table, modules, none = word(word(arguments) + DATA), word(arguments + 8), item(results, NONE)
    x, recorded = array_of(table, word(arguments + 16)), word(arguments + 24) == item(results, TRUE)
    if not x or word(x + NDIM) & INT != 2 or not is_exactly(modules, word(table + DICT)):
        return given(results, NOT)
    layers = np.empty(1 + 4 * PyDict_Size(modules), np.int64)
    layers[0] = x
    n = put_layers(table, modules, layers, none)
    if n < 5 or (recorded and not fits(results, address(layers, 0), n)[0]):  # `computed` looks, too
        return given(results, NOT)
    outs = PyTuple_New(n // 4 if recorded else ZERO)
    for i in range(n // 4 if recorded and outs else 0):
        out = new_matrix(word(table + NDARRAY), dtype_of(x), word(word(x + SHAPE)), word(word(layers[4 * i + 1] + SHAPE)))
        vector(outs + ITEMS, n // 4, ZERO)[i] = layers[4 * i + 4] = out
        if not out:
            Py_DecRef(outs)
            return out
    made = computed(results, address(layers, 0), n) if outs else outs
    if made and layers.size and recorded:  # a use, or they would be freed before
        Py_DecRef(made)
        return outs
    Py_DecRef(outs)
    return made


# ---------------------------------------------------------------------- backwards


@builtin(team.place, team.start, None, True)
def linear_backward(results, arguments, count):
    """(g, x, w, wanted): a tuple of g @ w, g.T @ x and sum(g, 0), the last as a product with ones (in half the time of a loop over rows);
    None for those of which `wanted`, a tuple too, doesn't say True. NotImplemented: they are not contiguous matrices of one type."""
    array, g, g_shape, kind, g_ndim = array_at(arguments)
    _, x, x_shape, x_kind, x_ndim = array_at(arguments + 8)
    _, w, w_shape, w_kind, w_ndim = array_at(arguments + 16)
    if (kind != SINGLE and kind != DOUBLE) or x_kind != kind or w_kind != kind or g_ndim != 2 or x_ndim != 2 or w_ndim != 2:
        return given(results, NOT)
    m, n, k, wanted = word(g_shape), word(g_shape + 8), word(x_shape + 8), word(arguments + 24)
    if word(x_shape) != m or word(w_shape) != n or word(w_shape + 8) != k or m * n * k == 0:
        return given(results, NOT)
    found, true, dtype = PyTuple_New(3), item(results, TRUE), dtype_of(word(arguments))
    for i in range(3 if found else 0):
        d = item(results, NONE)
        if item(wanted, i) != true:
            counted(d)
        elif i == 0:
            d = new_matrix(array, dtype, m, k)
        elif i == 1:
            d = new_matrix(array, dtype, n, k)
        else:
            d = new_vector(array, dtype, n)
        if not d:
            Py_DecRef(found)
            return d
        vector(found + ITEMS, 3, ZERO)[i] = d
    if not found:
        return found
    ones = np.empty(m, np.int64)
    for i in range(m):
        ones[i] = SINGLE_ONES if kind == SINGLE else DOUBLE_ONES
    team, size = team_of(results), 4 if kind == SINGLE else 8
    products = (item(wanted, 0) == true) + (item(wanted, 1) == true)
    work = m * n * max(k * products, 1) - 1  # two of 64x64 are not shared: 9 us instead of 16 in a loop, but no less in a step
    table, rows = np.empty((3 * MOST if work >= SHARED else 0, ROW), np.int64), ZERO
    for i in range(2, -1, -1):  # the first row of the table is taken last, by who has time
        if item(wanted, i) == true:
            a_kind, shape, a, b = PLAIN, (m, k, n), (g, n), (w, k)
            if i == 1:
                a_kind, shape, b = TRANSPOSED, (n, k, m), (x, k)
            elif i == 2:
                shape, a, b = (ONE, n, m), (address(ones, 0), m), (g, n)
            into = word(item(found, i) + DATA)
            if work >= SHARED:
                rows = put(table, rows, pieces(shape, 2 if i == 2 else products), shape, (a_kind, *a), (PLAIN, *b), into, ZERO, size)
            else:
                product(kind, a_kind, PLAIN, shape, a, b, into, ZERO)
    if work >= SHARED:
        finish(team, table, rows)
    return started(results, work >= SHARED and load(team, SIZE) == 0 and ones[0] != 0, found)  # a use, as above


if not available:
    layers = chain = linear_backward = lambda *arguments: NotImplemented


# ---------------------------------------------------------------------- activations of `layers`


def relu(x, y, n):
    """x = max(x, 0) of n numbers in place; NaN stays NaN. (y is what functions of two numbers have.)"""
    x = carray(x, n)
    zero = x.dtype.type(0)
    for i in range(n):
        x[i] = zero if x[i] <= zero else x[i] + zero  # (x[i] itself: a masked store, slow on AMD)


def activation(name, dtype):
    """For `layers`: the address of a function of C that computes it in place, in an array. NotImplemented: we have none for the type."""
    if not available or dtype not in FLOATS:
        return NotImplemented
    number = F32 if dtype.itemsize == 4 else F64
    function = ufuncs.in_place(relu, number) if name == "relu" else ufuncs.formula_in_place(name, number)
    return NotImplemented if function is None else np.array([function])

