"""New state of a parameter."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..tensor import Tensor, wrap

#: bytes of a line of the cache, and bytes from which on it matters where in a line an array begins
LINE, LARGE = 64, 1 << 20


def new_step(value: float = 0.0) -> Tensor:
    """The step count of one parameter: a float32 tensor on the cpu (float64 if that is the default dtype), as torch's."""
    return wrap(np.array(value, np.float64 if dtypes.get_default_dtype() is dtypes.float64 else np.float32))


def full_like(p: Tensor, value: float = 0.0) -> Tensor:
    """A state tensor of the memory layout of `p`."""
    a = p._array
    if isinstance(a, np.ndarray):
        out = np.empty_like(a) if a.nbytes < LARGE or not a.flags.c_contiguous else beside(a)
        out[...] = value
        return wrap(out)
    out = a.detach().clone()
    out.fill_(value)
    return wrap(out)


def beside(a):
    """A new array like `a` that begins at the same place of a cache line: a kernel that writes both writes whole lines of both.
    NumPy's arrays begin anywhere (SGD with momentum, 10^7 elements: 5.7 -> 4.4 ms, Adam 6.6 -> 6.1)."""
    memory = np.empty(a.nbytes + LINE, np.uint8)
    start = (a.ctypes.data - memory.ctypes.data) % LINE
    return memory[start : start + a.nbytes].view(a.dtype).reshape(a.shape)
