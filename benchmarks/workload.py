"""A workload: what is timed, as data that travels to the processes."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workload:
    """One row of a group.

    function   "module:name" or "file.py:name": a function of `(T, *arguments)` that returns the step to be timed
    peers      whether libraries other than torch's API are asked for it: they have a function of the same name
    size       elements, parameters or rows, where the group varies them
    flops      floating-point operations in matrix products
    traffic    bytes that must be read and written beside those
    shares     units of work in a step (batches, ops), so that the report can say the time of one
    """

    group: str
    name: str
    function: str
    arguments: tuple = ()
    peers: bool = False
    size: int | None = None
    flops: float = 0.0
    traffic: float = 0.0
    shares: int = 1

    @property
    def kind(self) -> str:
        """The name of the function, by which the files in peers/ know it."""
        return self.function.rpartition(":")[2]

    def build(self, T):
        """The step of the library `T`, set up and ready to be called."""
        step = function_at(self.function)(T, *self.arguments)
        if not callable(step):
            raise TypeError(
                f"{self.function} returned {type(step).__name__}: a workload is a function of T that returns the "
                "function to be timed"
            )
        return step


def function_at(path: str):
    """The function at "module:name" or "file.py:name"."""
    where, _, name = path.rpartition(":")
    if not where.endswith(".py"):
        return getattr(importlib.import_module(where), name)
    key = f"benchmarks_workload_{Path(where).stem}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, where)
        sys.modules[key] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[key])
    return getattr(sys.modules[key], name)
