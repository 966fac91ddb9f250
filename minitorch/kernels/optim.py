"""The updates of `minitorch.optim` as kernels: one pass over memory, equal to torch's for-loop bit for bit.

A loop over vectors, `_adam` ..., is the `update` of the optimizer of its name (`minitorch.optim.adam.update` ...), which is its
documentation: the same arguments, the same result. All arrays are contiguous and of one dtype; the numbers are doubles and are
rounded to that dtype, as torch rounds them. An array of no elements stands for one that
the options do not need (None would be another type, to be compiled for 0.5 s).

A kernel that is called, `adam` ..., is that loop over a flat view of all parameters of a group. Handing 34 parameters to
Numba one by one would take longer than their update (0.7 us each), so it gets the address of one tuple and reads the arrays'
addresses and shapes itself: see "arrays in a tuple".
"""

from __future__ import annotations

import math

import numba
import numpy as np

from .jit import kernel
from .layout import DATA, DTYPE, FLAGS, KIND, READABLE, TYPE, WRITABLE
from .raw import elements, item, same_shape, vector, word

if numba.config.DISABLE_JIT:

    def fma(a, b, c):
        """`a * b + c`, rounded once (float64: twice)."""
        return type(a)(np.float64(a) * np.float64(b) + np.float64(c))

else:
    from numba.extending import intrinsic

    @intrinsic
    def fma(typing_context, a, b, c):
        """`a * b + c`, rounded once: the processor's instruction."""

        def generate(context, builder, signature, args):
            return builder.fma(*args)

        return a(a, a, a), generate


# ---------------------------------------------------------------------- arrays in a tuple, see `layout`


@kernel(inner=True)
def is_plain(array, ndarray, kind, flags):
    """Whether an object is a `numpy.ndarray` with these flags and a dtype of this kind."""
    if word(array + TYPE) != ndarray or word(array + FLAGS) & flags != flags:
        return False
    return word(word(array + DTYPE) + KIND) == kind


@kernel(inner=True)
def number_of(objects, i, number):
    """The i-th array, which has one element, as a vector."""
    return vector(word(item(objects, i) + DATA), 1, number)


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


# ---------------------------------------------------------------------- the rows of a group: parameter, gradient, state, step count


@kernel
def flat_size(objects, size, columns, counts, ndarray, dtype, count_dtype):
    """The elements of all parameters; -1 if an array isn't as the kernels here take it.

    `objects`: `size` arrays in rows of `columns`, all of the type `dtype`. A gradient may be read-only. The last of a row is a
    number of the type `count_dtype` if there are `counts`.
    """
    kind, total = word(dtype + KIND), 0
    for row in range(0, size, columns):
        p = item(objects, row)
        for c in range(columns - counts):
            array = item(objects, row + c)
            if not is_plain(array, ndarray, kind, READABLE if c == 1 else WRITABLE) or not same_shape(
                array, p
            ):
                return -1
        total += elements(p)
    kind = word(count_dtype + KIND)
    for i in range(columns - 1, size if counts else 0, columns):
        if not is_plain(item(objects, i), ndarray, kind, WRITABLE) or elements(item(objects, i)) != 1:
            return -1
    return total


@kernel
def count_up(objects, size, columns, number):
    """Adds one to the last number of each row, and returns what they then are. If that isn't the same for all, or two of them
    lie in one place, nothing is changed, and -1 returned."""
    before = number_of(objects, columns - 1, number)[0]
    for i in range(columns - 1, size, columns):
        if number_of(objects, i, number)[0] != before:
            return -1.0
    after = before
    for i in range(columns - 1, size, columns):
        number_of(objects, i, number)[0] += 1
        if i < columns:
            after = number_of(objects, i, number)[0]
    for i in range(columns - 1, size, columns):
        if number_of(objects, i, number)[0] != after:  # one was counted twice
            for j in range(columns - 1, size, columns):
                number_of(objects, j, number)[0] = before
            return -1.0
    return float(after)


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


#: the columns of parameter and gradient (of a type, as literals would be types of their own)
P, G = np.int64(0), np.int64(1)


@kernel(inner=True)
def part_of(objects, row, start, stop, number):
    """What the elements from `start` to `stop` of the flat view, counted from this row, have in it; and `start` and `stop` counted
    from the next one."""
    n = elements(item(objects, row))
    low = min(max(start, 0), n)
    return (objects, row, low, max(low, min(stop, n)), number), start - n, stop - n


@kernel(inner=True)
def cut(part, column):
    """The piece of one array of the row: of the parameter (0), the gradient (1), a state; of column -1 nothing."""
    objects, row, low, high, number = part
    data, high = (word(item(objects, row + column) + DATA), high) if column >= 0 else (0, 0)
    return vector(data, high, number)[low:]


@kernel(nogil=True)
def sgd(start, stop, objects, size, columns, number, buf, numbers):
    for row in range(0, size, columns):
        part, start, stop = part_of(objects, row, start, stop, number)
        _sgd(cut(part, P), cut(part, G), cut(part, buf), *numbers)


@kernel(nogil=True)
def adam(start, stop, objects, size, columns, number, m, v, v_max, numbers):
    for row in range(0, size, columns):
        part, start, stop = part_of(objects, row, start, stop, number)
        p, g, first, second = cut(part, P), cut(part, G), cut(part, m), cut(part, v)
        if v_max < 0:  # a loop of its own: one with an `if` around the store in it does not vectorise
            _adam(p, g, first, second, None, *numbers)
        else:
            _adam(p, g, first, second, cut(part, v_max), *numbers)


@kernel(nogil=True)
def rmsprop(start, stop, objects, size, columns, number, v, buf, mean, numbers):
    for row in range(0, size, columns):
        part, start, stop = part_of(objects, row, start, stop, number)
        _rmsprop(cut(part, P), cut(part, G), cut(part, v), cut(part, buf), cut(part, mean), *numbers)


@kernel(nogil=True)
def adagrad(start, stop, objects, size, columns, number, total, numbers):
    for row in range(0, size, columns):
        part, start, stop = part_of(objects, row, start, stop, number)
        _adagrad(cut(part, P), cut(part, G), cut(part, total), *numbers)


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
