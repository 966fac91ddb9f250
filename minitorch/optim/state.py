"""New state of a parameter."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..tensor import Tensor, wrap


def new_step(value: float = 0.0) -> Tensor:
    """The step count of one parameter: a float32 tensor on the cpu (float64 if that is the default dtype), as torch's."""
    return wrap(np.array(value, np.float64 if dtypes.get_default_dtype() is dtypes.float64 else np.float32))


def full_like(p: Tensor, value: float = 0.0) -> Tensor:
    """A state tensor of the memory layout of `p`."""
    a = p._array
    if isinstance(a, np.ndarray):
        return wrap(np.full_like(a, value))
    out = a.detach().clone()
    out.fill_(value)
    return wrap(out)
