"""What stands in the way of a missed target: for every row the bound of the machine, the arithmetic alone, and the dearest operations."""

from __future__ import annotations

from dataclasses import dataclass

from . import roofline
from .rows import Row
from .targets import allowed
from .words import figure_in, ratio_of

TITLE = "What stands in the way of missed targets"
HEADS = ("missed", "threads", "is", "allowed", "bound", "alone", "torch", "torch x alone", "in the way", "dearest parts")
#: how the columns are read
EXPLAINED = {
    "allowed": "what the target leaves for the row.",
    "bound": "what the machine needs if nothing else takes time: bytes at the measured bandwidth (of an optimizer: of a kernel with as many "
    "streams as its update has), products at the measured rate; of an import, NumPy's own; of memory, the arrays that must be kept.",
    "alone": "the same calls of NumPy and kernels on raw arrays, without tensors, graph, modules and optimizer; "
    "`torch x alone` is the ratio to torch if those were all.",
    "in the way": "the larger part of the bound, if the bound is more than is allowed (torch's gradient may then be a view where ours is a "
    "copy, or its arrays fit the cache); else the calls, if alone they take more: there would have to be fewer or faster ones; else the "
    "overhead of Python around them.",
}


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
        dearest = ", ".join(part(row.unit, *operation) for operation in row.alone["operations"][:5])
        yield row.title, str(row.threads), *figures, ratio_of(o.ratio), o.what, dearest


def part(unit, name, calls, forward, backward):
    """`3 x linear 400 us`: forward and backward together."""
    return f"{calls} x " * (calls > 1) + f"{name} {figure_in(unit, forward + backward)}"


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
