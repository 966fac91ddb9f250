"""The updates of `minitorch.optim` as kernels: one pass over memory, equal to torch's for-loop bit for bit; and clipping.

A loop over vectors, `_adam` ..., is the `update` of the optimizer of its name (`minitorch.optim.adam.update` ...), which is its
documentation: the same arguments, the same result. All arrays are contiguous and of one dtype; the numbers are doubles and are
rounded to that dtype, as torch rounds them. An array of no elements stands for one that
the options do not need (None would be another type, to be compiled for 0.5 s).

`adam` ... is that loop over a flat view of all parameters of a group, see rows.py.
"""

from __future__ import annotations

import math

from numba import types
from numba.extending import intrinsic

from .builtin import WORD
from .fma import fma
from .jit import c_function, kernel
from .layout import DATA
from .raw import elements, item, vector, word
from .rows import LOOPS, NUMBERS
from .team import ONE, ZERO

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
