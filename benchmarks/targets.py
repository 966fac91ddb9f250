"""What minitorch has promised, as data, and what a run says about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .rows import OURS, Row, geometric_mean
from .words import ratio_of, seconds_of

NOT_TRAINING = ("inference", "attention", "chain")


@dataclass(frozen=True)
class Target:
    """`figure` of the rows that `wanted` picks, at least (ratios to torch) or at most (`most`) the `limit`.

    `worst` of several rows counts, or their geometric mean if `mean`.
    """

    title: str
    wanted: Callable[[Row], bool]
    limit: float
    figure: str = "ratio"  # or "bound": times what the machine's peaks allow; or "seconds"
    mean: bool = False

    @property
    def most(self) -> bool:
        return self.figure != "ratio"


def step(name):
    return lambda row: row.group == "steps" and row.name == name


def of(group, *names):
    return lambda row: row.group == group and (not names or row.name in names)


def training(row):
    return row.group == "steps" and not row.name.startswith(NOT_TRAINING)


def ops(low, high):
    return lambda row: row.group == "ops" and low <= row.size <= high


LARGE, HUGE = "784-256-128-10 batch 128", "1024x3 batch 256"

TARGETS = [
    Target("2-16-2 step", step("2-16-2 batch 32"), 5),
    Target("BCE step", step("BCE, Adagrad"), 5),
    Target("inference at batch 1", step("inference 64-64-10, batch 1"), 5),
    Target("64-64-10 step", step("64-64-10 batch 64"), 4),
    Target("16-layer tanh step", step("16 layers of 64, tanh"), 3),
    Target("BatchNorm, Dropout, clip step", step("BatchNorm, Dropout, clip"), 3),
    Target("784-256-128-10 step", step(LARGE), 1.3),
    Target("784-256-128-10 step, of the roofline", step(LARGE), 1.7, "bound"),
    Target("1024x3 step", step(HUGE), 1.2),
    Target("1024x3 step, of the roofline", step(HUGE), 1.25, "bound"),
    Target("chain of scalar ops", step("chain of 400 scalar ops"), 2),
    Target(
        "DataLoader epoch of a TensorDataset",
        of("data", "TensorDataset, shuffled", "TensorDataset, in order"),
        10,
    ),
    Target("attention, forward and backward", step("attention"), 1),
    Target("GPT block", step("GPT block"), 1),
    Target("any op, 10 to 10^4 elements", ops(10, 10**4), 1.3),
    Target("any op, 10^5 to 10^7 elements", ops(10**5, 10**7), 0.8),
    Target("ops, geometric mean", of("ops"), 1.5, mean=True),
    Target("any optimizer, 10^3 to 10^7 parameters", of("optim"), 1.2),
    Target("training steps, geometric mean", training, 2.5, mean=True),
    Target("training steps, worst", training, 1),
    Target("peak memory of a training step", lambda r: r.group == "memory" and "whole" not in r.name, 1),
    Target("import", of("startup", "import"), 0.2, "seconds"),
    Target("import and first training step", of("startup", "import and first step"), 0.6, "seconds"),
]


@dataclass(frozen=True)
class Verdict:
    """What a run with some number of threads says about a target; `detail` names the row that decides."""

    target: Target
    threads: int
    figure: float
    detail: str
    missed: tuple[Row, ...] = ()  # the rows that are why it is not reached

    @property
    def reached(self) -> bool:
        return self.figure <= self.target.limit if self.target.most else self.figure >= self.target.limit

    @property
    def words(self):
        return said(self.target, self.figure)

    @property
    def limit(self):
        return ("at most " if self.target.most else "at least ") + said(self.target, self.target.limit)


def said(target, value):
    return seconds_of(value) if target.figure == "seconds" else ratio_of(value)


def allowed(target, row) -> float | None:
    """What of the row's unit minitorch may need to reach the target."""
    if target.figure == "seconds":
        return target.limit
    if target.figure == "bound":
        return target.limit * row.bound
    theirs = row.median("torch")
    return theirs / target.limit if theirs else None


def judge(report) -> list[Verdict]:
    """A verdict for every target and thread count of which the run measured something. The targets are about the CPU."""
    if report.choices.device != "cpu":
        return []
    found = []
    for threads in report.choices.threads:
        for target in TARGETS:
            rows = [row for row in report.rows if row.threads == threads and target.wanted(row)]
            figures = [(value, row) for row in rows if (value := figure_of(target, row)) is not None]
            if figures:
                found.append(verdict(target, threads, figures))
    return found


def figure_of(target, row):
    if target.figure == "ratio":
        return row.ratio("torch")
    ours = row.median(OURS)
    if target.figure == "seconds" or ours is None:
        return ours
    return ours / row.bound if row.bound else None


def verdict(target, threads, figures):
    if target.mean:
        return Verdict(target, threads, geometric_mean([v for v, _ in figures]), f"{len(figures)} rows")
    value, row = (max if target.most else min)(figures, key=lambda pair: pair[0])
    detail = []
    missed = [(v, r) for v, r in figures if (v > target.limit if target.most else v < target.limit)]
    if len(figures) > 1:
        detail += [f"worst: {row.title}", f"{len(missed)} of {len(figures)} rows miss"]
    if row.unsteady:
        detail.append(f"unsteady: rounds vary by {row.widest:.0%}")
    missed.sort(key=lambda pair: pair[0], reverse=target.most)
    return Verdict(target, threads, value, "; ".join(detail), tuple(r for _, r in missed))


def misses(row) -> bool:
    """Whether the row alone is a reason that a ratio to torch is missed."""
    ratio = row.ratio("torch")
    return ratio is not None and any(ratio < t.limit for t in alone(row) if t.figure == "ratio")


def alone(row):
    """The targets that the row alone can miss."""
    return [t for t in TARGETS if not t.mean and t.wanted(row)]


def undecided(row) -> bool:
    """Whether the rounds leave open on which side of a target the row is: a sign test, two standard deviations of a fair coin."""
    for target in alone(row):
        ours = row.rounds.get(OURS, [])
        figures = [o / row.bound for o in ours] if target.figure == "bound" else row.ratios("torch")
        above = sum(f > target.limit for f in figures)
        if abs(2 * above - len(figures)) < 2 * math.sqrt(len(figures)):
            return True
    return False
