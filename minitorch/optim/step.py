"""The step of one parameter group: all is gathered and checked first, so that a step that fails changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import chain, groupby
from typing import NamedTuple

import numpy as np

from ..autograd.mode import enable_grad
from ..kernels.layout import FLOATS, NDARRAY
from ..ops.generated import compiled, switches
from .state import full_like, new_step

NO_STATE: dict = {}


@cache
def _kernels():
    """Imported in the first step: Numba takes a moment to load."""
    from ..kernels import optim, team

    return optim, team


class Layout(NamedTuple):
    """A row of `GroupStep.arrays`.

    kept     the names of its state
    columns  how many arrays it has
    places   the columns of the state that `update` takes, -1 for one that these options don't need
    gather   (parameters, states) -> the parameters that have a gradient, their rows one after the other
    """

    kept: list
    columns: int
    places: list
    gather: Callable


@cache
def _layout(names: tuple, counts: bool) -> Layout:
    """Of the state `names` (None: not needed), and a step count if the optimizer counts."""
    kept = [name for name in names if name]
    places = [2 + kept.index(name) if name else -1 for name in names]
    kept += ["step"] * counts
    lines = [
        "def gather(params, states):",
        "present, arrays = [], []",
        "for p in params:",
        "    grad = p._grad",
        "    if grad is not None:",
        "        present.append(p)",
        "        state = states.get(p, NO_STATE)",
        f"        arrays += p._array, grad._array{''.join(f', state[{name!r}]._array' for name in kept)}",
        "return present, tuple(arrays)",
    ]
    return Layout(kept, 2 + len(kept), places, compiled("gather", lines, NO_STATE=NO_STATE))


class GroupStep:
    """The parameters of a group that have a gradient, and all arrays that their step reads and writes.

    arrays    in rows: a parameter, its gradient, its state, and its step count if the optimizer counts
    columns   of a row
    names     of the state; None: not needed with the options of the group
    places    the columns of these names, -1 for None
    scalars   number of the step -> what `update` takes after the arrays
    added     parameter -> state that it hadn't yet; the optimizer gets it in `run`
    size      elements of all parameters if a kernel can take them; -1: `update` must, for some at least
    """

    __slots__ = (
        "added",
        "arrays",
        "columns",
        "counts",
        "group",
        "names",
        "optimizer",
        "params",
        "places",
        "scalars",
        "size",
    )

    def __init__(self, optimizer, group: dict):
        self.optimizer, self.group, self.added = optimizer, group, NO_STATE
        self.counts = optimizer._counts_steps
        self.scalars, self.names = optimizer._numbers(group), optimizer._state_names(group)
        kept, self.columns, self.places, gather = _layout(self.names, self.counts)
        try:
            self.params, self.arrays = gather(group["params"], optimizer.state)
        except (KeyError, AttributeError):  # a state isn't there, or None: mostly in the first step
            self.added = self._new_state(group["params"], kept)
            both = {p: {**optimizer.state.get(p, NO_STATE), **new} for p, new in self.added.items()}
            self.params, self.arrays = gather(group["params"], both)
        self.size = self._flat_size(self.arrays)
        if self.size < 0:
            self._check_shapes()

    def _new_state(self, params: list, kept: list[str]) -> dict:
        """What the states of the parameters lack. "step" comes first, as in torch's."""
        value, added = self.optimizer._first_value, {}
        for p in params:
            if p._grad is not None:
                state = self.optimizer.state.get(p, NO_STATE)
                missing = sorted((n for n in kept if state.get(n) is None), key=lambda name: name != "step")
                added[p] = {n: new_step() if n == "step" else full_like(p, value) for n in missing}
        return added

    # ------------------------------------------------------------------ checks

    def _flat_size(self, rows: tuple) -> int:
        """The elements of all parameters in `rows`; -1 if a kernel can't take the arrays, or isn't to."""
        if not rows:
            return 0
        p, last = rows[0], rows[-1]
        if type(p) is not np.ndarray or not switches.fused:
            return -1
        float_, count = FLOATS.get(p.dtype), FLOATS.get(last.dtype)
        if float_ is None or count is None:
            return -1
        size = _kernels()[0].flat_size
        return size(id(rows), len(rows), self.columns, self.counts, NDARRAY, float_.address, count.address)

    def _check_shapes(self) -> None:
        """RuntimeError if a gradient or a state isn't one of its parameter. Strided gradients become contiguous."""
        arrays, kind = list(self.arrays), type(self.optimizer).__name__
        for i, param in zip(range(0, len(arrays), self.columns), self.params, strict=True):
            p, g, *state = arrays[i : i + self.columns - self.counts]
            if g.shape != p.shape or g.dtype != p.dtype:
                grad = param._grad
                raise RuntimeError(
                    f"{kind}: a parameter of shape {list(param.shape)} and dtype {param.dtype} has a gradient of shape "
                    f"{list(grad.shape)} and dtype {grad.dtype}. Convert it too, or set it to None"
                )
            for array in state:
                if array.shape != p.shape:
                    raise RuntimeError(
                        f"{kind}: the state of a parameter of shape {list(p.shape)} has shape {list(array.shape)}: is it another's?"
                    )
            if type(g) is np.ndarray and not g.flags.c_contiguous:
                arrays[i + 1] = g.copy()
        self.arrays = tuple(arrays)
        self.size = self._flat_size(self.arrays)

    # ------------------------------------------------------------------ the update

    def run(self) -> None:
        """The update of all parameters, on raw arrays: nothing is recorded, unless the group is `differentiable`."""
        if not self.params:
            return
        steps = self._begin()
        if self.group.get("differentiable"):
            self._record(steps)
            return
        for p in self.params:
            p._cell[0] += 1
        if self.size >= 0 and steps.count(steps[0]) == len(steps):  # nearly always
            self._fused(self.arrays, self.size, self.scalars(steps[0]))
        else:
            self._run_by_kind(steps)

    def _run_by_kind(self, steps: list[float]) -> None:
        """One after the other, as they come (a parameter may be here twice): those together that one call can take."""
        n, start = self.columns, 0
        rows = [self.arrays[i : i + n] for i in range(0, len(self.arrays), n)]
        # NOTE: dtypes by letter, as `dtype("float64") == None` is true in NumPy
        kinds = [row[0].dtype.char if self._flat_size(row) >= 0 else None for row in rows]
        for (kind, step), run in groupby(zip(kinds, steps, strict=True)):
            stop, scalars = start + len(list(run)), self.scalars(step)
            if kind is None:
                for row in rows[start:stop]:
                    state = [None if i < 0 else row[i] for i in self.places]
                    self.optimizer.update(row[0], row[1], *state, *scalars)
            else:
                arrays = self.arrays[start * n : stop * n]
                self._fused(arrays, self._flat_size(arrays), scalars)
            start = stop

    def _record(self, steps: list[float]) -> None:
        """The same update on tensors, recorded."""
        with enable_grad():
            for p, step in zip(self.params, steps, strict=True):
                state = self.optimizer.state.get(p, {})
                # Clones: the graph of the last step has saved the present ones.
                new = {name: state[name].clone() for name in self.names if name}
                self.optimizer.update(p, p._grad, *map(new.get, self.names), *self.scalars(step))
                state.update(new)

    def _begin(self) -> list[float]:
        """The number of this step for every parameter, from 1. An optimizer that doesn't count has 1 where the state is new, else 2."""
        for p, new in self.added.items():
            self.optimizer.state[p].update(new)
        if not self.counts:
            return [1.0 if self.added.get(p) else 2.0 for p in self.params]
        if self.size >= 0:
            number = FLOATS[self.arrays[-1].dtype].one
            step = _kernels()[0].count_up(id(self.arrays), len(self.arrays), self.columns, number)
            if step >= 0:
                return [step] * len(self.params)
        return [_add_one(count) for count in self.arrays[self.columns - 1 :: self.columns]]

    def _fused(self, rows: tuple, size: int, scalars: tuple) -> None:
        """The update by a kernel: by several threads if there is much to do and no two arrays share memory."""
        kernels, team = _kernels()
        kernel, one = getattr(kernels, self.optimizer.kernel), FLOATS[rows[0].dtype].one
        cost = 0.1 * (
            self.columns - 1
        )  # ns an element, measured: SGD 0.10, with momentum 0.19, Adagrad 0.30, Adam 0.43
        arguments = (id(rows), len(rows), self.columns, one, *self.places, scalars)
        if size * cost >= team.WORTH and kernels.disjoint(self._written(rows)):
            team.run_range(kernel, size, arguments, cost)
        else:
            kernel(0, size, *arguments)

    def _written(self, rows: tuple) -> tuple:
        columns = [rows[i :: self.columns] for i in range(self.columns - self.counts) if i != 1]
        return tuple(chain.from_iterable(columns))


def _add_one(count) -> float:
    count[...] = count.item() + 1
    return count.item()
