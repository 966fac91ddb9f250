"""Sample inputs of operations. Non-contiguous, 0-d and empty arrays are always among them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Sample:
    """One call: `args` (NumPy arrays stand for tensors; a list of arrays for a list of tensors) and `kwargs`."""

    args: tuple
    kwargs: dict = field(default_factory=dict)


def rng(seed="samples"):
    return np.random.default_rng(zlib.crc32(seed.encode()))


SHAPES = ((3, 4), (), (5,), (2, 0, 3))


def array(r, shape, dtype, low=-2.0, high=2.0):
    """Uniform in [low, high) (floats), integers there, or coin flips."""
    d = np.dtype(dtype)
    if d.kind == "f":
        return r.uniform(low, high, shape).astype(d) if shape != () else np.asarray(r.uniform(low, high), d)
    if d.kind == "b":
        return np.asarray(r.random(shape) < 0.5)
    low = max(low, 0) if d.kind == "u" else low
    return np.asarray(r.integers(int(low), int(high) + 1, shape), d)


def transposed(r, dtype, **bounds):
    return array(r, (4, 3), dtype, **bounds).T


def unary(low=-2.0, high=2.0, **kwargs):
    def samples(dtype):
        r = rng()
        for shape in SHAPES:
            yield Sample((array(r, shape, dtype, low, high),), kwargs)
        yield Sample((transposed(r, dtype, low=low, high=high),), kwargs)
        yield Sample((array(r, (6, 4), dtype, low, high)[::2, 1:],), kwargs)

    return samples


def binary(low=-2.0, high=2.0, low2=None, high2=None, scalar=True):
    """Equal shapes, broadcasting in both directions, 0-d, empty, strided, and a Python number."""
    low2, high2 = low if low2 is None else low2, high if high2 is None else high2

    def samples(dtype):
        r = rng()
        for a, b in (
            ((3, 4), (3, 4)),
            ((3, 4), (4,)),
            ((3, 1), (1, 4)),
            ((), ()),
            ((3,), ()),
            ((), (2, 3)),
            ((0, 3), (3,)),
        ):
            yield Sample((array(r, a, dtype, low, high), array(r, b, dtype, low2, high2)))
        yield Sample((transposed(r, dtype, low=low, high=high), array(r, (3, 4), dtype, low2, high2)))
        if scalar:
            yield Sample((array(r, (3, 4), dtype, low, high), 1.5 if np.dtype(dtype).kind == "f" else 2))

    return samples


def calls(*specs):
    """Samples from `(shapes or values, kwargs)`: a tuple of ints becomes an array of that shape; `Int(shape, high)` an
    index array; anything else is passed on."""

    def samples(dtype):
        r = rng()
        for args, kwargs in specs:
            made = tuple(make(r, a, dtype) for a in args)
            yield Sample(made, kwargs)
            if made and isinstance(made[0], np.ndarray) and made[0].ndim >= 2 and made[0].size:
                # the same values in another memory layout
                yield Sample((np.asarray(made[0].T.copy().T), *made[1:]), kwargs)

    return samples


@dataclass
class Int:
    """An int64 array of `shape` with values in [low, high)."""

    shape: tuple
    high: int
    low: int = 0


@dataclass
class Value:
    """Passed to the op as it is (a tuple that is not a shape, a number)."""

    value: object


@dataclass
class Floats:
    """A floating array of `shape` in [low, high)."""

    shape: tuple
    low: float = -2.0
    high: float = 2.0


def make(r, a, dtype):
    if isinstance(a, Int):
        return np.asarray(r.integers(a.low, a.high, a.shape), np.int64)
    if isinstance(a, Value):
        return a.value
    if isinstance(a, Floats):
        return array(r, a.shape, dtype, a.low, a.high)
    if isinstance(a, tuple):
        return array(r, a, dtype)
    if isinstance(a, list):
        return [make(r, x, dtype) for x in a]
    return a
