"""The arrays that an update works on: a parameter's and those of its state."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..tensor import Tensor, wrap


class Arrays:
    """The raw arrays of a parameter and of its state, as `update` takes them: remembered while they are the same."""

    __slots__ = (
        "added",
        "dtype",
        "flat",
        "flat_state",
        "kept",
        "large",
        "names",
        "raw",
        "shape",
        "state",
        "step",
    )

    def __init__(self, p: Tensor, state: dict, names: tuple, value: float):
        # State that there isn't yet. `begin_step` adds it to the optimizer's, when nothing can go wrong any more.
        self.added = {
            n: new_step() if n == "step" else full_like(p, value) for n in names if n and state.get(n) is None
        }
        state = {**state, **self.added}
        self.names = names
        self.kept = [(n, state[n]._array) for n in names if n]
        self.step = state["step"]._array if "step" in names else None
        self.raw, self.shape, self.dtype = p._array, p._array.shape, p._array.dtype
        self.state = [state[n]._array if n else None for n in names if n != "step"]
        there = [a for a in self.state if a is not None]
        for a in there:
            if a.shape != self.raw.shape:
                raise RuntimeError(
                    f"the state of a parameter of shape {list(p.shape)} has shape {list(a.shape)}: is it another's?"
                )
        self.flat = None
        if _for_kernel(self.raw, *there):
            self.flat = self.raw.reshape(-1)
            self.large = self.flat.size >= 1 << 14  # worth to be shared out, if there are enough such
            self.flat_state = [None if a is None else a.reshape(-1) for a in self.state]

    def fit(self, p: Tensor, state: dict | None, names: tuple) -> bool:
        """Whether these are the arrays of `p` and its state."""
        if self.raw is not p._array or self.names != names:
            return False
        if not state:
            return len(self.added) == len(self.kept)
        for name, array in self.kept:
            t = state.get(name)
            if t is None or t._array is not array:
                return False
        return True

    def begin_step(self, p: Tensor, states: dict) -> float:
        """The number of the step, from 1; without a count in the state 1 if that is new, else 2."""
        new = self.added
        if new:
            states[p].update(new)
            self.added = {}
        count = self.step
        if count is None:
            return 1 if new else 2
        number = count.item() + 1
        count[()] = number
        return number if number < 2**24 else count.item()  # a float32 counts no further, as torch's


def _for_kernel(p, *state) -> bool:
    """Whether a kernel can take the arrays: not torch's, nor strided ones."""
    if type(p) is not np.ndarray or p.dtype not in (np.float32, np.float64):
        return False
    return all(a.dtype == p.dtype and a.flags.carray for a in (p, *state))


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
