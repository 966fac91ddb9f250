"""Division of NumPy arrays with a remainder as torch has it, and `hypot`, by ufuncs of ours: kernels/division.py."""

from __future__ import annotations

import numpy as np

from .. import kernels


def fmod(x, y):
    out = kernels.direct.fmod(x, y)
    return out if out.dtype.kind == "f" else _no_zero_divisor(out, y)


def remainder(x, y):
    out = kernels.direct.remainder(x, y)
    return out if out.dtype.kind == "f" else _no_zero_divisor(out, y)


def floor_divide(x, y):
    out = kernels.direct.floor_divide(x, y)
    return out if out.dtype.kind == "f" else _no_zero_divisor(out, y)


def _no_zero_divisor(out, y):
    if out.size and np.any(np.equal(y, 0)):
        raise RuntimeError("ZeroDivisionError")
    return out


def hypot(x, y):
    return kernels.direct.hypot(x, y)
