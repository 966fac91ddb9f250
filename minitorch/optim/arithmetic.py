"""torch's compound in-place operations on raw arrays, which every update here is made of.

torch computes `x + alpha * y` with a fused multiply-add, rounding once; NumPy has none. For float32 it is imitated in
float64, where a product of two float32 is exact; for float64 the results may differ in the last bit. The kernels
(`minitorch.kernels.optim`) use the processor's instruction. Source: aten/src/ATen/native/cpu/{BinaryOps,Lerp,
PointwiseOps}Kernel.cpp.

Unlike torch: square roots are the nearest float; torch's come from MKL, whose last bit differs in one of six. Everything
else is equal bit for bit, so Adam, RMSprop and Adagrad differ from torch by a few units in the last place.
"""

from __future__ import annotations

import numpy as np


def _fma(a, b, c, out):
    """`out[...] = a * b + c`, rounded once if out is float32."""
    if out.dtype == np.float32:
        out[...] = np.multiply(a, b, dtype=np.float64) + c
    else:
        out[...] = a * b + c


def add(x, y, alpha):
    """`x + alpha * y`, a new array."""
    if not isinstance(x, (np.ndarray, np.generic)):
        return x.add(y, alpha=alpha)
    return add_(np.array(x), y, alpha)


def add_(x, y, alpha):
    """`x += alpha * y`"""
    if not isinstance(x, np.ndarray):
        return x.add_(y, alpha=alpha)
    _fma(y, x.dtype.type(alpha), x, out=x)
    return x


def lerp_(x, end, weight):
    """`x += weight * (end - x)`; from the other end if weight >= 0.5, as torch does for accuracy."""
    if not isinstance(x, np.ndarray):
        return x.lerp_(end, weight)
    w = x.dtype.type(weight)
    if abs(w) < 0.5:
        _fma(w, end - x, x, out=x)
    else:
        _fma(w - x.dtype.type(1), end - x, end, out=x)
    return x


def addcmul_(x, a, b, value):
    """`x += value * a * b`"""
    if not isinstance(x, np.ndarray):
        return x.addcmul_(a, b, value=value)
    _fma(x.dtype.type(value) * a, b, x, out=x)
    return x


def addcdiv_(x, a, b, value=1.0):
    """`x += value * a / b`"""
    if not isinstance(x, np.ndarray):
        return x.addcdiv_(a, b, value=value)
    x += x.dtype.type(value) * a / b
    return x


def sqrt(x):
    """A new array."""
    return np.sqrt(x) if isinstance(x, (np.ndarray, np.generic)) else x.sqrt()


def copy(x):
    """A new array of the same layout."""
    return np.array(x) if isinstance(x, (np.ndarray, np.generic)) else x.clone()


def maximum_(x, y):
    """`x = maximum(x, y)`; NaN if either is."""
    if isinstance(x, np.ndarray):
        return np.maximum(x, y, out=x)
    return x.copy_(x.clone().maximum(y))  # a clone: if this is recorded, the derivative needs the old x
