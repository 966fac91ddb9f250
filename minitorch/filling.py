"""How the generator fills an array: in which order, in which type, and within which bounds."""

from __future__ import annotations

import functools
import warnings

import numpy as np

#: outputs drawn at a time: they and what becomes of them stay in the cache. A multiple of 64: whole blocks
#: and pairs.
CHUNK = 1 << 13

#: how torch's messages call the types: the scalar type, the C++ type
NAMES = {
    "bool": ("Bool", "bool"), "uint8": ("Byte", "unsigned char"), "int8": ("Char", "signed char"),
    "int16": ("Short", "short int"), "int32": ("Int", "int"), "int64": ("Long", "long int"),
    "float16": ("Half", "c10::Half"), "float32": ("Float", "float"), "float64": ("Double", "double"),
}  # fmt: skip
#: significant bits
DIGITS = {"float16": 11, "float32": 24, "float64": 53}


@functools.cache
def kernels():
    from .kernels import random

    return random


def memory_order(out: np.ndarray) -> np.ndarray:
    """A view of `out` with the axes by falling stride: its C order is the order of `out` in memory."""
    if out.flags.c_contiguous:
        return out
    return out.transpose(sorted(range(out.ndim), key=lambda d: (-abs(out.strides[d]), d)))


def fill_in_order(out: np.ndarray, fill, dtype=None) -> None:
    """Calls `fill` with the elements of `out` in memory order as a contiguous 1-d array (of type `dtype`,
    then cast)."""
    if out.size == 0:
        return
    view = memory_order(out)
    dtype = out.dtype if dtype is None else dtype
    if view.flags.c_contiguous and view.dtype == dtype:
        fill(view.reshape(-1))
        return
    flat = np.empty(view.size, dtype)
    fill(flat)
    view[...] = flat.reshape(view.shape)


def wide(out: np.ndarray):
    """The type in which the values of `out` are made: float32 for float16, which torch rounds from
    float32."""
    return np.float32 if out.dtype == np.float16 else out.dtype


def check_floating(out: np.ndarray, kernel: str) -> None:
    if out.dtype.kind != "f":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{NAMES[out.dtype.name][0]}'")


def check_bounds(dtype: np.dtype, lowest, highest, *values) -> None:
    for name, value in values:
        if not lowest <= value <= highest:
            raise RuntimeError(f"{name} is out of bounds for {NAMES[dtype.name][1]}")


@functools.cache
def limits(dtype: np.dtype):
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    if dtype.kind == "b":
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def integer_bounds(dtype, low: int, high: int | None):
    """The bounds of `random_` as torch adjusts them (`high` exclusive), checked against the type's range."""
    if high is not None and low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if dtype.kind == "f":
        low, high = _floating_bounds(dtype, low, high)
    lowest, highest = limits(dtype)
    high = highest + 1 if high is None else high
    check_bounds(dtype, lowest, highest, ("from", low), ("to - 1", high - 1))
    for name, value in (("from", low), ("to - 1", high - 1)):
        if dtype.kind == "f" and abs(value) > 2 ** DIGITS[dtype.name]:
            limit = f"2^{DIGITS[dtype.name]}"
            warnings.warn(
                f"{name} is out of bounds [-({limit}), {limit}]. Due to precision limitations "
                f"{NAMES[dtype.name][1]} can support discrete uniform distribution only within this range. "
                "This warning will become an error in version 1.7 release, please fix the code in advance",
                UserWarning,
                stacklevel=4,
            )
    return low, high


def _floating_bounds(dtype, low, high):
    """`low` up and `high` down to integers that `dtype` can tell from their neighbours outside."""
    if int(_nearest(dtype, low + 1)) < low:
        low = int(_nearest(dtype, low + 1)) + _ulp(low + 1, dtype)
    if high is None:
        high = 2 ** DIGITS[dtype.name] + 1
        if low >= high - 1:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
                f"but got from={low} > to_inc={high - 1}"
            )
    elif int(_nearest(dtype, high - 1)) >= high:
        high = int(_nearest(dtype, high - 1)) - _ulp(high - 1, dtype)
    if low >= high:
        raise RuntimeError(
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
            f"from={low} >= to={high}"
        )
    return low, high


def _nearest(dtype, value):
    """`value` in the type; beyond float16's range as it is, for the check that follows to refuse."""
    return value if abs(value) > limits(dtype)[1] else dtype.type(value)


def _ulp(value, dtype) -> int:
    """The distance of `dtype`'s numbers around the integer `value`, where that is more than 1."""
    return 2 ** (abs(value).bit_length() - DIGITS[dtype.name])
