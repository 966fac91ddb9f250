"""The step of one parameter group: all is gathered and checked first, so that a step that fails changes nothing."""

from __future__ import annotations

from functools import cache
from itertools import chain, groupby
from typing import NamedTuple

import numpy as np

from .. import kernels
from ..autograd.mode import enable_grad
from ..kernels.layout import FLOATS, slot
from ..ops.generated import switches
from ..tensor import Tensor
from .state import full_like, new_step

NO_STATE: dict = {}


class Layout(NamedTuple):
    """A row of `GroupStep.arrays`: a parameter, its gradient, its state, its step count.

    kept     the names of its state
    columns  how many arrays it has
    places   the columns of the state that `update` takes, -1 for one that these options don't need
    table    the same for kernels
    """

    kept: tuple
    columns: int
    places: list
    table: np.ndarray


@cache
def _layout(names: tuple, counts: bool, kernel: str) -> Layout:
    """Of the state `names` (None: not needed), and a step count if the optimizer counts; `kernel`: its loop (a table for each)."""
    kept = [name for name in names if name]
    places = [2 + kept.index(name) if name else -1 for name in names]
    kept += ["step"] * counts
    return Layout(tuple(kept), 2 + len(kept), places, table(2 + len(kept), counts, places))


def table(columns: int, counts: bool = False, places: list | tuple = ()) -> np.ndarray:
    """What the functions of kernels/rows.py know of rows of arrays."""
    things = [id(thing) for thing in (Tensor, np.ndarray, list, 1)]
    slots = [slot(each) for each in (Tensor._array, Tensor._grad, Tensor._cell)]
    cost = 100 * (columns - 1)  # ps an element, measured: SGD 100, with momentum 190, Adagrad 300, Adam 430
    return np.array([*things, *slots, columns, counts, cost, *(*places, -1, -1, -1)[:3], 0, 0])


class GroupStep:
    """The parameters of a group that have a gradient, and all arrays that their step reads and writes.

    fused     whether kernels take all of it
    arrays    in rows, see `Layout`
    params    those of the rows (and, if fused, maybe others, without gradient)
    names     of the state; None: not needed with the options of the group
    scalars   number of the step -> what `update` takes after the arrays
    added     parameter -> state that it hadn't yet; the optimizer gets it in `run`
    """

    __slots__ = ("added", "arrays", "fused", "group", "layout", "names", "optimizer", "params", "scalars")

    def __init__(self, optimizer, group: dict):
        self.optimizer, self.group, self.added, self.params = optimizer, group, NO_STATE, group["params"]
        self.scalars, self.names = optimizer._numbers(group), optimizer._state_names(group)
        self.layout = layout = _layout(self.names, optimizer._counts_steps, optimizer.kernel)
        self.arrays = NotImplemented
        if switches.fused and FLOATS and not group.get("differentiable"):
            self.arrays = kernels.rows.gathered(layout.table, self.params, optimizer.state, layout.kept)
        self.fused = self.arrays is not NotImplemented
        if not self.fused:
            self._gather()

    def _gather(self) -> None:
        """Where something is missing (in the first step), or isn't as kernels take it."""
        kept, self.params, arrays = self.layout.kept, [p for p in self.params if p._grad is not None], []
        for p in self.params:
            state = self.optimizer.state.get(p, NO_STATE)
            if any(state.get(name) is None for name in kept):
                if not self.added:
                    self.added = {}
                self.added[p] = self._new_state(p, state)
                state = {**state, **self.added[p]}
            arrays += p._array, p._grad._array, *[state[name]._array for name in kept]
        self.arrays = tuple(arrays)
        self.fused = self._fits(self.arrays)
        if not self.fused:
            self._check_shapes()

    def _new_state(self, p: Tensor, state: dict) -> dict:
        """What the state of a parameter lacks. "step" comes first, as in torch's."""
        missing = sorted((n for n in self.layout.kept if state.get(n) is None), key=lambda name: name != "step")
        return {n: new_step() if n == "step" else full_like(p, self.optimizer._first_value) for n in missing}

    # ------------------------------------------------------------------ checks

    def _fits(self, rows: tuple) -> bool:
        """Whether kernels take these arrays, and are to."""
        if not switches.fused or not FLOATS or self.group.get("differentiable"):
            return False
        return kernels.rows.fits(self.layout.table, rows) is True

    def _check_shapes(self) -> None:
        """RuntimeError if a gradient or a state isn't one of its parameter. Strided gradients become contiguous."""
        arrays, kind, n = list(self.arrays), type(self.optimizer).__name__, self.layout.columns
        for i, param in zip(range(0, len(arrays), n), self.params, strict=True):
            p, g, *state = arrays[i : i + n - self.optimizer._counts_steps]
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
        self.fused = self._fits(self.arrays)

    # ------------------------------------------------------------------ the update

    def run(self) -> None:
        """The update of all parameters, on raw arrays: nothing is recorded, unless the group is `differentiable`."""
        if not self.arrays:
            return
        if self.fused and not self.added:  # nearly always
            step = kernels.rows.count_up(self.layout.table, self.arrays) if self.optimizer._counts_steps else 2.0
            if step >= 0:
                self._update(self.arrays, self.scalars(step), self.params)
                return
        self._run_by_kind()

    def _run_by_kind(self) -> None:
        """One after the other, as they come (a parameter may be here twice): those together that one call can take."""
        if self.fused:
            self.params = [p for p in self.params if p._grad is not None]
        steps = self._begin()
        if self.group.get("differentiable"):
            self._record(steps)
            return
        for p in self.params:
            p._cell[0] += 1
        n, start = self.layout.columns, 0
        rows = [self.arrays[i : i + n] for i in range(0, len(self.arrays), n)]
        # NOTE: dtypes by letter, as `dtype("float64") == None` is true in NumPy
        kinds = [row[0].dtype.char if self.fused or self._fits(row) else None for row in rows]
        for (kind, step), run in groupby(zip(kinds, steps, strict=True)):
            stop, scalars = start + len(list(run)), self.scalars(step)
            if kind is None:
                for row in rows[start:stop]:
                    state = [None if i < 0 else row[i] for i in self.layout.places]
                    self.optimizer.update(row[0], row[1], *state, *scalars)
            else:
                self._update(self.arrays[start * n : stop * n], scalars, [])
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
        if not self.optimizer._counts_steps:
            return [1.0 if self.added.get(p) else 2.0 for p in self.params]
        return [_add_one(count) for count in self.arrays[self.layout.columns - 1 :: self.layout.columns]]

    def _update(self, rows: tuple, scalars: tuple, params: list) -> None:
        """The update by a kernel: by several threads if there is much to do and no two arrays share memory."""
        update, table = kernels.rows.update, self.layout.table
        if update(table, rows, scalars, params) is NotImplemented:
            kernels.optim.compile_loop(self.optimizer.kernel, table, rows[0].itemsize)
            update(table, rows, scalars, params, kernels.rows.disjoint(self._written(rows)))

    def _written(self, rows: tuple) -> tuple:
        n = self.layout.columns
        columns = [rows[i::n] for i in range(n - self.optimizer._counts_steps) if i != 1]
        return tuple(chain.from_iterable(columns))


def _add_one(count) -> float:
    count[...] = count.item() + 1
    return count.item()
