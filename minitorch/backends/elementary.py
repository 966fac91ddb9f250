"""Elementary functions of NumPy arrays, by ufuncs of ours: kernels/ufuncs.py."""

from __future__ import annotations

import numpy as np

from .. import kernels

UFUNCS = (
    *("exp", "exp2", "expm1", "tanh", "sinh", "cosh", "log", "log2", "log10", "log1p", "asinh", "acosh", "atanh"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
    *("logical_not", "logical_and", "logical_or", "logical_xor"),
)


#: NumPy's, and those that say of each element whether something holds
NUMPYS = (
    *("abs", "add", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "div"),
    *("floor", "fmax", "fmin", "maximum", "minimum", "mul", "neg", "sqrt", "square", "sub", "trunc"),
)
TRUTHS = "eq", "ge", "gt", "isfinite", "isinf", "isnan", "le", "lt", "ne"


def shorten(namespace):
    """From when Numba has been imported on they are called without NumPy's part: see kernels/direct.py."""
    namespace.update({name: kernels.direct.direct(namespace[name]) for name in NUMPYS})
    namespace.update({name: kernels.direct.direct(namespace[name], "?") for name in TRUTHS}, where=kernels.direct.direct_where())


def ufunc(name):
    if name not in UFUNCS:
        raise AttributeError(f"module 'minitorch.backends.numpy' has no attribute {name!r}")
    return getattr(kernels.direct, name)


#: what torch computes otherwise than with exp and log: https://github.com/pytorch/pytorch aten/src/ATen/native/cpu/PowKernel.cpp
POWERS = {
    1: lambda x: x * 1,  # in the derivative of x ** 2
    2: lambda x: x * x,
    3: lambda x: x * x * x,
    0.5: np.sqrt,
    -1: lambda x: 1 / x,
    -2: lambda x: 1 / (x * x),
    -0.5: lambda x: 1 / np.sqrt(x),
}


def sigmoid(x):
    return _wide(kernels.direct.sigmoid, x)


def erf(x):
    return _wide(kernels.direct.erf, x)


def erfc(x):
    return _wide(kernels.direct.erfc, x)


def _wide(ufunc, x):
    """What NumPy has no loop of float16 of."""
    return ufunc(x) if x.dtype.itemsize > 2 else ufunc(x.astype(np.float32)).astype(x.dtype)


def pow(x, y):
    if type(y) in (int, float) and y in POWERS and x.dtype.kind == "f":
        return POWERS[y](x)
    if (x if hasattr(x, "dtype") else y).dtype.kind != "f":
        return np.power(x, y)
    return kernels.direct.pow(x, y)
