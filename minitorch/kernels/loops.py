"""Loops of ufuncs inside kernels: `sin(x, out)` of contiguous vectors of one type, equal to the ufunc's to the last bit.

They compute several elements at once; what Numba has is C's, one by one (exp of 10**5 elements: 47 us against 500). A ufunc
is a table of loops of C, one for each type: numpy.org/doc/stable/reference/c-api/types-and-structures.html
"""

from __future__ import annotations

import ctypes
import functools

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

#: where a PyUFuncObject has its loops and what is passed on to each: after an object's head of two words, and four ints
FUNCTIONS, DATA = 32, 40

WORD = ir.IntType(64)
LOOP = ir.FunctionType(ir.VoidType(), [WORD.as_pointer()] * 3 + [WORD])  # addresses of arrays, of n, of distances; data
CODES = {
    types.float32: "f",
    types.float64: "d",
    types.int64: "l",
    types.int32: "i",
    types.int16: "h",
    types.int8: "b",
    types.uint8: "B",
    types.boolean: "?",
}


def loop_of(ufunc, takes: str, gives: str | None = None) -> tuple[int, int] | None:
    """The address of the loop for these types, and of what is handed to it; None if there is none."""
    signature = f"{takes * ufunc.nin}->{gives or takes}"
    if signature not in ufunc.types:
        return None

    def word(place):
        return ctypes.c_int64.from_address(place).value

    i, data = 8 * ufunc.types.index(signature), word(id(ufunc) + DATA)
    return word(word(id(ufunc) + FUNCTIONS) + i), word(data + i) if data else 0


def named(ufunc, takes: str, gives: str) -> str | None:
    """The name by which compiled code finds the loop for these types, which it is given here, and `name_data` what the loop is handed;
    None if there is no such loop."""
    found = loop_of(ufunc, takes, gives)
    ours = getattr(np, ufunc.__name__, None) is not ufunc
    if found is None or (found[1] and not ours):  # NumPy's wants something from this process
        return None
    name = f"{'minitorch' if ours else 'numpy'}_{ufunc.__name__}_{ord(takes)}_{ord(gives)}"
    llvmlite.binding.add_symbol(name, found[0])
    llvmlite.binding.add_symbol(name + "_data", found[1] or found[0])
    return name


@functools.cache
def loop(ufunc):
    """`(x, out)`, or `(x, y, out)`, for kernels: out = ufunc(x, y); an x or y of one element is a number (NumPy squares for a power of 2)."""
    names = {(t, g): named(ufunc, CODES[t], CODES[g]) for t in CODES for g in (t, types.boolean)}
    if numba.config.DISABLE_JIT:
        return ufunc

    def typed(*arrays):
        name = names.get((arrays[0].dtype, arrays[-1].dtype))
        if name is None:
            raise TypeError(f"NumPy has no loop of {ufunc.__name__} from {arrays[0].dtype} to {arrays[-1].dtype}")

        def generate(context, builder, signature, args):
            made = [context.make_array(t)(context, builder, a) for t, a in zip(arrays, args, strict=True)]
            one = [builder.icmp_signed("==", a.nitems, WORD(1)) for a in made]
            steps = [builder.select(is_one, WORD(0), a.itemsize) for is_one, a in zip(one, made, strict=True)]
            given = [builder.ptrtoint(a.data, WORD) for a in made] + [made[-1].nitems] + steps
            words = cgutils.alloca_once(builder, WORD, size=len(given))
            places = [builder.gep(words, [WORD(i)]) for i in range(len(given))]
            for place, value in zip(places, given, strict=True):
                builder.store(value, place)
            function = cgutils.get_or_insert_function(builder.module, LOOP, name)
            data = builder.ptrtoint(cgutils.get_or_insert_function(builder.module, LOOP, name + "_data"), WORD)
            builder.call(function, [places[0], places[len(made)], places[len(made) + 1], data])
            return context.get_dummy_value()

        return types.none(*arrays), generate

    if ufunc.nin == 1:
        return intrinsic(lambda typing_context, x, out: typed(x, out))
    return intrinsic(lambda typing_context, x, y, out: typed(x, y, out))
