"""What was found: a `Row` a workload, thread count and size; the figures that all reports are made of."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass, field

OURS = "minitorch"
UNSTEADY = 0.25  # spread


@dataclass
class Row:
    """`rounds[library]`: the figure of each round, in seconds (or bytes, see `unit`); smaller is better."""

    group: str
    name: str
    threads: int
    size: int | None = None
    unit: str = "s"
    shares: int = 1
    bound: float | None = None  # seconds that the machine's peaks allow
    alone: dict | None = None  # minitorch's arithmetic without the rest, in the row's unit, see floor.py and obstacles.py
    rounds: dict = field(default_factory=dict)
    errors: dict = field(default_factory=dict)  # library -> last line of its error
    note: str = ""

    @property
    def key(self):
        return self.group, self.name, self.size, self.threads

    @property
    def title(self):
        return self.name if self.size is None else f"{self.name}, {self.size:,}"

    def median(self, library=OURS):
        rounds = self.rounds.get(library)
        return statistics.median(rounds) if rounds else None

    def spread(self, library=OURS):
        """Half of the distance between the quartiles, relative to the median: how unsteady the rounds were."""
        rounds = self.rounds.get(library)
        if not rounds or len(rounds) < 3:
            return None
        low, middle, high = statistics.quantiles(rounds, n=4)
        return (high - low) / 2 / middle if middle else None

    @property
    def widest(self):
        """The largest of the libraries' spreads."""
        return max((s for s in map(self.spread, self.rounds) if s is not None), default=None)

    @property
    def unsteady(self):
        """Whether the rounds vary so much that the figures say little."""
        return (self.widest or 0.0) > UNSTEADY

    def ratios(self, library="torch"):
        """Round by round, how many times as much the library needs as minitorch."""
        return [
            t / o for t, o in zip(self.rounds.get(library, ()), self.rounds.get(OURS, ()), strict=False) if o
        ]

    def ratio(self, library="torch"):
        """Median of `ratios`; None if one of the two was not measured."""
        found = self.ratios(library)
        return statistics.median(found) if found else None


def grouped(rows):
    """`{(group, threads): rows}` in the order they were measured."""
    found = {}
    for row in rows:
        found.setdefault((row.group, row.threads), []).append(row)
    return found


def measured(rows):
    """The libraries of the rows."""
    return list(dict.fromkeys(name for row in rows for name in row.rounds))


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


def to_json(rows):
    return [asdict(row) for row in rows]


def from_json(found):
    return [Row(**row) for row in found]
