"""The pictures of the report: for each group of rows what is drawn, and how it is read."""

from __future__ import annotations

from . import charts
from .rows import OURS, geometric_mean, grouped, measured
from .words import bytes_of, ratio_of, seconds_of


def plots(report):
    """[(title, explanation, SVG)] of what was measured, for the largest number of threads."""
    threads = max(report.choices.threads)
    rows = {group: found for (group, t), found in grouped(report.rows).items() if t == threads}
    found = [*of_steps(rows.get("steps", [])), *of_operations(rows.get("ops", [])), *of_others(rows)]
    return [plot for plot in found if plot[2]]


def of_steps(steps):
    dots = [(r.title, ratios(r)) for r in steps if ratios(r)]
    yield (
        "Steps: time over minitorch's",
        "Right of the dashed line a library needs more time than minitorch, left of it less.",
        charts.strip("ratios of steps", dots, ratio_of, mark=1),
    )
    yield (
        "Steps: time over what this machine's peaks allow",
        "Products at the largest measured rate plus the update's memory traffic at the measured bandwidth: "
        "the dashed line. Small models are far from it, since calls dominate.",
        charts.strip("times over the roofline", [(r.title, over_bound(r)) for r in steps if r.bound], ratio_of, mark=1),
    )


def of_operations(ops):
    yield (
        "Ops: torch's time over minitorch's, by elements",
        "A pale line is an operation, forward and backward; the bold one is the geometric mean.",
        by_size("ratios of operations", "elements", ops),
    )
    yield (
        "Ops: overhead",
        "Forward and backward on 10 elements, where there is nothing to compute; a dot is an operation, below the "
        "dashed line minitorch is quicker.",
        charts.scatter("overhead of operations", overhead(ops), "torch", "minitorch", seconds_of),
    )


def of_others(rows):
    yield (
        "Optimizers: torch's time over minitorch's, by parameters",
        "A pale line is an optimizer; the bold one is the geometric mean. torch's fused forms where it has them.",
        by_size("ratios of optimizers", "parameters", rows.get("optim", [])),
    )
    yield (
        "Memory",
        "Peak of a training step above what the library holds once it has been warmed up, and of the whole process.",
        charts.strip("peak memory", dots(rows, "memory"), bytes_of, left=300),
    )
    yield "Start", "A fresh process, files and kernels cached.", charts.strip("start", dots(rows, "startup"), seconds_of)
    yield "DataLoader epochs", "10,000 rows of 20 in batches of 32.", charts.strip("epochs", dots(rows, "data"), seconds_of)
    yield (
        "A training epoch, by samples",
        "20-64-10 with Adam, batches of 64 from a shuffled DataLoader.",
        charts.lines("epochs", by_library(rows.get("scale", [])), "samples", seconds_of),
    )


def by_size(title, xlabel, rows):
    return charts.lines(title, {"geometric mean": mean_by_size(rows)}, xlabel, ratio_of, 1, curves(rows))


def dots(rows, group):
    return [(r.title, medians(r)) for r in rows.get(group, []) if medians(r)]


def medians(row):
    return {name: row.median(name) for name in row.rounds if row.median(name)}


def ratios(row):
    return {name: row.ratio(name) for name in row.rounds if name != OURS and row.ratio(name)}


def over_bound(row):
    return {name: value / row.bound for name, value in medians(row).items()}


def mean_by_size(rows):
    sizes = sorted({row.size for row in rows if row.ratio()})
    return [(s, geometric_mean([r.ratio() for r in rows if r.size == s and r.ratio()])) for s in sizes]


def curves(rows):
    """A list of (size, ratio) for each name."""
    found = {}
    for row in rows:
        if row.ratio():
            found.setdefault(row.name, []).append((row.size, row.ratio()))
    return list(found.values())


def overhead(ops):
    """[(torch's seconds, minitorch's, name)] at the smallest size."""
    smallest = min((row.size for row in ops), default=0)
    rows = [row for row in ops if row.size == smallest and row.ratio()]
    return [(row.median("torch"), row.median(), row.name) for row in rows]


def by_library(rows):
    return {name: [(r.size, r.median(name)) for r in rows if r.median(name)] for name in measured(rows)}
