"""`python -m benchmarks compare a.json b.json`: what became faster or slower between two runs, beyond the noise.

For runs of one machine. A row has changed if its rounds of the two runs do not overlap, and the medians differ by more
than the rounds scatter and by more than `SMALLEST`: so it must be in minitorch's time, and, where both runs measured
torch, in its multiple of torch's time in the same round, too. A machine that is slower today slows both libraries; what
disturbs torch alone leaves minitorch's own time as it was.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from dataclasses import dataclass, replace
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


def change(a: Row, b: Row) -> Change:
    """From row `a` to row `b` of the same workload: in minitorch's time or relative to torch's, whichever is less."""
    found = [between(b, a.rounds[OURS], b.rounds[OURS])]
    if a.ratios() and b.ratios():
        found.append(between(b, *([1 / ratio for ratio in row.ratios()] for row in (a, b))))
    least = min(found, key=lambda c: abs(math.log(c.factor)))
    agree = len({c.verdict for c in found}) == 1
    return replace(least, apart=least.apart and agree)


def between(row, before, after) -> Change:
    """Of the rounds of two runs."""
    middles = statistics.median(before), statistics.median(after)
    noise = sum(
        (max(rounds) - min(rounds)) / 2 / m for rounds, m in zip((before, after), middles, strict=True)
    )
    apart = max(before) < min(after) or max(after) < min(before)
    return Change(row, *middles, noise, apart)


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
    from .console import compared
    from .terminal import Parser

    p = Parser(
        prog="python -m benchmarks compare",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    p.add_argument("before", help="bench.json of the first run")
    p.add_argument("after", help="bench.json of the second run")
    arguments = p.parse_args(argv)
    (first, a), (second, b) = load(p, arguments.before), load(p, arguments.after)
    devices = [run["choices"].get("device", "cpu") for run in (first, second)]
    if devices[0] != devices[1]:
        p.error(f"the runs are of different devices, {devices[0]} and {devices[1]}")
    found = changes(a, b)
    if not found:
        p.error("the two runs have no row in common (the number of threads must be the same, too)")
    compared(first["machine"], second["machine"], found, summary(found))
    return 1 if any(c.verdict == "slower" for c in found) else 0
