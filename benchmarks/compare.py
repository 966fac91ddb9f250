"""`python -m benchmarks compare a.json b.json`: what became faster or slower between two runs, beyond the noise.

Compared is minitorch's time as a multiple of torch's in the same round, where torch was measured: a machine that is
slower today slows both. A row has changed if its rounds of the two runs do not overlap, and the medians differ by more
than the spread of the rounds and by more than `SMALLEST`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from .rows import OURS, Row, from_json, geometric_mean

SMALLEST = 0.05


@dataclass(frozen=True)
class Change:
    """A row of both runs. `factor`: b's time over a's; below 1 is faster."""

    row: Row
    before: float
    after: float
    noise: float
    apart: bool

    @property
    def factor(self):
        return self.after / self.before

    @property
    def verdict(self):
        """`faster`, `slower`, or `same` where the difference may be noise."""
        far = abs(self.factor - 1) > max(SMALLEST, self.noise)
        if not (self.apart and far):
            return "same"
        return "faster" if self.factor < 1 else "slower"


def figures(row, with_torch):
    """minitorch's rounds, relative to torch's of the same round if both runs have torch."""
    ours = row.rounds[OURS]
    if not with_torch:
        return ours
    return [o / t for o, t in zip(ours, row.rounds["torch"], strict=False)]


def change(a: Row, b: Row) -> Change:
    """From row `a` to row `b` of the same workload."""
    with_torch = all(row.rounds.get("torch") for row in (a, b))
    before, after = figures(a, with_torch), figures(b, with_torch)
    middles = statistics.median(before), statistics.median(after)
    noise = sum(
        (max(rounds) - min(rounds)) / 2 / m for rounds, m in zip((before, after), middles, strict=True)
    )
    apart = max(before) < min(after) or max(after) < min(before)
    return Change(b, *middles, noise, apart)


def changes(a: list[Row], b: list[Row]) -> list[Change]:
    """Of the rows that both runs measured, largest change first."""
    before = {row.key: row for row in a if row.rounds.get(OURS)}
    found = [change(before[row.key], row) for row in b if row.rounds.get(OURS) and row.key in before]
    return sorted(found, key=lambda c: (c.verdict == "same", -max(c.factor, 1 / c.factor)))


def summary(found):
    """`{group: (rows, geometric mean of the factors)}`."""
    groups = {}
    for c in found:
        groups.setdefault(c.row.group, []).append(c.factor)
    return {group: (len(factors), geometric_mean(factors)) for group, factors in groups.items()}


def load(p, path):
    """The JSON of a run; exits with one line and status 2 if it is none."""
    try:
        found = json.loads(Path(path).read_text("utf-8"))
        return found, from_json(found["rows"])
    except OSError as error:
        p.error(f"{path}: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        p.error(f"{path}: not a bench.json of this program")


def main(argv) -> int:
    """Prints the comparison. 1 if anything became slower."""
    from .__main__ import Parser
    from .console import compared

    p = Parser(
        prog="python -m benchmarks compare",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    p.add_argument("before", help="bench.json of the first run")
    p.add_argument("after", help="bench.json of the second run")
    arguments = p.parse_args(argv)
    (first, a), (second, b) = load(p, arguments.before), load(p, arguments.after)
    found = changes(a, b)
    if not found:
        p.error("the two runs have no row in common (the number of threads must be the same, too)")
    compared(first["machine"], second["machine"], found, summary(found))
    return 1 if any(c.verdict == "slower" for c in found) else 0
