"""Data types and torch's promotion rules.

A `dtype` knows its NumPy type and its torch name. Promotion follows torch, not NumPy: a result has the highest
*category* (bool < integer < floating) among the arguments; within it, tensors with dimensions decide over 0-d tensors,
and those over Python numbers. Source: https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
"""

from __future__ import annotations

import builtins

import numpy as np

BOOL, INTEGER, FLOATING = 0, 1, 2


class dtype:
    """The type of a tensor's elements, e.g. `minitorch.float32`. Printed as torch prints it."""

    __slots__ = ("category", "itemsize", "name", "numpy", "torch")

    def __init__(self, name: str):
        self.name = name
        self.numpy = np.dtype(name)
        self.torch = None  # filled in by backends/torch.py, the only place that may import torch
        self.itemsize = self.numpy.itemsize
        self.category = {"b": BOOL, "i": INTEGER, "u": INTEGER, "f": FLOATING}[self.numpy.kind]

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOATING

    @property
    def is_complex(self) -> bool:
        return False

    @property
    def is_signed(self) -> bool:
        return self.numpy.kind in "if"

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self):
        return self.name  # pickled by name: dtypes are singletons of this module


float16, float32, float64 = dtype("float16"), dtype("float32"), dtype("float64")
int8, int16, int32, int64 = dtype("int8"), dtype("int16"), dtype("int32"), dtype("int64")
uint8, bool = dtype("uint8"), dtype("bool")
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64

ALL = (float16, float32, float64, int8, int16, int32, int64, uint8, bool)
#: from a raw array's dtype (NumPy's, and torch's once backends/torch.py is loaded) to ours
OF_RAW = {d.numpy: d for d in ALL}

_default = float32
FROM_PYTHON = {builtins.bool: bool, builtins.int: int64}


def get_default_dtype() -> dtype:
    return _default


def set_default_dtype(d: dtype) -> None:
    """Sets the type that Python floats, `zeros()`, `rand()` ... get. Only floating types; else TypeError."""
    global _default
    if not (isinstance(d, dtype) and d.is_floating_point):
        raise TypeError(f"only floating-point types are supported as the default type, but got {d!r}")
    _default = d


def of_python(value) -> dtype:
    """The dtype torch gives a Python number: bool, int64 or the default floating type."""
    return FROM_PYTHON.get(type(value), _default)


def of_array(array) -> dtype:
    """Our dtype of a raw array; TypeError where torch has no such type (complex, strings ...)."""
    try:
        return OF_RAW[array.dtype]
    except KeyError:
        raise TypeError(
            f"can't convert an array of type {array.dtype}. The only supported types are: "
            f"{', '.join(d.name for d in ALL)}."
        ) from None


_INT_ORDER = (uint8, int8, int16, int32, int64)
_FLOAT_ORDER = (float16, float32, float64)


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that both fit into, as `torch.promote_types`."""
    if a is b:
        return a
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.category == FLOATING:
        return max(a, b, key=_FLOAT_ORDER.index)
    if uint8 in (a, b):
        return int16 if int8 in (a, b) else (a if b is uint8 else b)
    return max(a, b, key=_INT_ORDER.index)


def _join(dtypes):
    result = None
    for d in dtypes:
        result = d if result is None else promote_types(result, d)
    return result


def result_type_of(dimensioned, zero_dim, numbers) -> dtype:
    """Torch's rule over the dtypes of three kinds of arguments, in falling order of priority."""
    result = None
    for group in (dimensioned, zero_dim, numbers):
        joined = _join(group)
        if joined is None:
            continue
        if result is None:
            result = joined
        elif joined.category > result.category:
            # a number only lends its category: int tensor * 2.5 has the default floating type
            result = promote_types(result, joined) if joined.category != FLOATING else joined
    return result
