"""What stands in the way of a missed target: for every row the bound of the machine, the arithmetic alone, and the dearest operations."""

from __future__ import annotations

from dataclasses import dataclass

from . import roofline
from .rows import Row
from .targets import allowed
from .words import figure_in, ratio_of

TITLE = "What stands in the way of missed targets."
EXPLAINED = (
    "Allowed: what the target leaves. Bound: what the machine needs for the row if nothing else took time: bytes at the measured bandwidth "
    "(of an optimizer: of as many streams as its update has), products at the measured rate, `import numpy` of an import, arrays that must be "
    "kept of a step's memory. Alone: the same calls of NumPy and kernels on raw arrays, without tensors, graph, modules and optimizer. In the "
    "way is the machine, by the larger part of the bound, if even the bound is more than is allowed (torch's gradient may then be a view where "
    "ours is a copy, or its arrays fit the cache); else the calls, of which there would have to be fewer or faster ones, if they alone take "
    "more; else the overhead of Python around them."
)
HEADS = ("missed", "threads", "is", "allowed", "bound", "alone", "torch", "torch x alone", "in the way", "dearest parts")


@dataclass(frozen=True)
class Obstacle:
    """Why a row misses a target, in the row's unit."""

    row: Row
    allowed: float  # for the target to be reached

    @property
    def alone(self) -> float:
        return self.row.alone["seconds"]

    @property
    def ratio(self) -> float | None:
        """What torch needs over the arithmetic alone: the row's ratio if everything else took no time."""
        theirs = self.row.median("torch")
        return theirs / self.alone if theirs else None

    @property
    def what(self) -> str:
        if self.row.bound and self.row.bound > self.allowed:
            parts = self.row.alone["bounds"]
            return max(parts, key=parts.get)
        return "calls" if self.alone > self.allowed else "overhead"


def obstacles(verdicts) -> list[Obstacle]:
    """Of every row that misses a target and whose arithmetic was measured alone: for the target that leaves least."""
    found = {}
    for v in verdicts:
        for row in v.missed:
            limit = allowed(v.target, row)
            if row.alone and row.alone["seconds"] and limit is not None:
                before = found.get(row.key)
                found[row.key] = before if before and before.allowed <= limit else Obstacle(row, limit)
    return list(found.values())


def cells(verdicts):
    """A line of words for every obstacle, as HEADS says."""
    for o in obstacles(verdicts):
        row = o.row
        values = [row.median(), o.allowed, row.bound, o.alone, row.median("torch")]
        figures = [figure_in(row.unit, value) if value else "" for value in values]
        dearest = ", ".join(f"{calls} {name} {figure_in(row.unit, f + b)}" for name, calls, f, b in row.alone["operations"][:4])
        yield row.title, str(row.threads), *figures, ratio_of(o.ratio), o.what, dearest


def explain(row, workload, worker, roof) -> None:
    """Measures the arithmetic alone, and the machine's bound."""
    row.alone = worker.ask(f"benchmarks.{'streams:update' if row.group == 'optim' else 'floor:measure'}", workload)
    if row.alone is None:
        return
    if row.group == "optim":
        bounds = {"memory": row.alone["memory"]}
    elif row.group == "ops":
        bounds = roofline.bounds(row.alone["flops"], row.alone["bytes"], roof)
    else:
        bounds = roofline.bounds(workload.flops, workload.traffic, roof)
    row.alone["bounds"] = bounds
    row.bound = sum(bounds.values()) or None
