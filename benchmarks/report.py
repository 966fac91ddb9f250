"""The reports on disk: bench.json, bench.html (self-contained), bench.md."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from . import charts, obstacles
from .rows import OURS, geometric_mean
from .targets import judge
from .words import bytes_of, figure_of, ratio_of, seconds_of


def write(report, folder: Path) -> list[Path]:
    """Writes the three files into the folder, which is made, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "bench.html", folder / "bench.json", folder / "bench.md"]
    paths[0].write_text(as_html(report), "utf-8")
    paths[1].write_text(json.dumps(as_dict(report), indent=1) + "\n", "utf-8")
    paths[2].write_text(as_markdown(report), "utf-8")
    return paths


def as_dict(report):
    """The whole report, with the verdicts on the targets."""
    return dataclasses.asdict(report) | {
        "targets": [
            {
                "target": v.target.title,
                "threads": v.threads,
                "limit": v.target.limit,
                "at": "most" if v.target.most else "least",
                "figure": v.figure,
                "reached": v.reached,
                "detail": v.detail,
            }
            for v in judge(report)
        ]
    }


# ---------------------------------------------------------------------- Markdown


def table(heads, rows, left=1):
    """A Markdown table whose first `left` columns are words, the others figures."""
    marks = [":--" if i < left else "--:" for i in range(len(heads))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, marks, *rows))


def as_markdown(report):
    """Machine, targets, and the rows of every group; operations by size."""
    machine = report.machine
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, device {report.choices.device}; {machine['date']}; commit `{machine['commit']}`. "
        + " ".join(f"{name} {about['version']} ({about['blas']})." for name, about in report.about.items())
        + " Times are medians; `x` is how many times minitorch's time the library needs."
    ]
    if found := judge(report):
        rows = [
            (
                v.target.title,
                str(v.threads),
                v.limit,
                v.words,
                "reached" if v.reached else "**missed**",
                v.detail,
            )
            for v in found
        ]
        parts.append(table(("target", "threads", "must be", "is", "", "decided by"), rows))
        if blocked := list(obstacles.cells(found)):
            parts.append(f"**{obstacles.TITLE}** {obstacles.EXPLAINED}")
            parts.append(table(obstacles.HEADS, blocked))
    if report.left_out:
        parts.append("Left out: " + "; ".join(f"{name} ({reason})" for name, reason in report.left_out.items()) + ".")
    for (group, threads), rows in grouped(report).items():
        if group == "ops":
            heads = ("ops: elements", "threads", "ops", "geometric mean", "worst", "")
            parts.append(table(heads, [(size, str(threads), *cells) for size, *cells in by_size(rows)]))
            continue
        libraries = [name for name in measured(rows) if name != OURS]
        heads = (group, "threads", OURS, *(x for name in libraries for x in (name, "x")))
        cells = [
            (
                row.title,
                str(threads),
                figure_of(row, OURS),
                *(x for name in libraries for x in (figure_of(row, name), ratio_of(row.ratio(name)))),
            )
            for row in rows
        ]
        parts.append(table(heads, cells))
    return "\n\n".join(parts) + "\n"


def grouped(report):
    """`{(group, threads): rows}` in the order they were measured."""
    found = {}
    for row in report.rows:
        found.setdefault((row.group, row.threads), []).append(row)
    return found


def measured(rows):
    return list(dict.fromkeys(name for row in rows for name in row.rounds))


def by_size(rows):
    """Of operations: (elements, how many, geometric mean of the ratios, the worst, its name)."""
    rows = [row for row in rows if row.ratio()]
    for size in sorted({row.size for row in rows}):
        here = [row for row in rows if row.size == size]
        worst = min(here, key=lambda row: row.ratio())
        mean = geometric_mean([row.ratio() for row in here])
        yield f"{size:,}", str(len(here)), ratio_of(mean), ratio_of(worst.ratio()), worst.name


# ---------------------------------------------------------------------- HTML


def as_html(report):
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure_of, "ratio": ratio_of}
    return environment.get_template("report.html.j2").render(
        report=report,
        verdicts=(found := judge(report)),
        obstacles=list(obstacles.cells(found)),
        obstacle_words=(obstacles.TITLE, obstacles.EXPLAINED, obstacles.HEADS),
        plots=plots(report),
        groups=grouped(report),
        measured=measured,
        by_size=by_size,
        bytes_of=bytes_of,
        ours=OURS,
    )


def plots(report):
    """[(title, explanation, SVG)] of what was measured, for the largest number of threads."""
    threads = max(report.choices.threads)
    rows = {group: found for (group, t), found in grouped(report).items() if t == threads}
    steps, ops = rows.get("steps", []), rows.get("ops", [])
    candidates = [
        (
            "Steps: time over minitorch's",
            "Right of the dashed line a library needs more time than minitorch, left of it less.",
            charts.strip(
                "ratios of steps", [(r.title, ratios(r)) for r in steps if ratios(r)], ratio_of, mark=1
            ),
        ),
        (
            "Steps: time over what this machine's peaks allow",
            "Products at the largest measured rate plus the update's memory traffic at the measured bandwidth: "
            "the dashed line. Small models are far from it, since calls dominate.",
            charts.strip(
                "times over the roofline",
                [(r.title, over_bound(r)) for r in steps if r.bound],
                ratio_of,
                mark=1,
            ),
        ),
        (
            "Ops: torch's time over minitorch's, by elements",
            "A pale line is an operation, forward and backward; the bold one is the geometric mean.",
            charts.lines(
                "ratios of operations",
                {"geometric mean": mean_by_size(ops)},
                "elements",
                ratio_of,
                1,
                curves(ops),
            ),
        ),
        (
            "Ops: overhead",
            "Forward and backward on 10 elements, where there is nothing to compute; a dot is an operation, below the "
            "dashed line minitorch is quicker.",
            charts.scatter("overhead of operations", overhead(ops), "torch", "minitorch", seconds_of),
        ),
        (
            "Optimizers: torch's time over minitorch's, by parameters",
            "A pale line is an optimizer; the bold one is the geometric mean. torch's fused forms where it has them.",
            charts.lines(
                "ratios of optimizers",
                {"geometric mean": mean_by_size(rows.get("optim", []))},
                "parameters",
                ratio_of,
                1,
                curves(rows.get("optim", [])),
            ),
        ),
        (
            "Memory",
            "Peak of a training step above what the library holds once it has been warmed up, and of the whole process.",
            charts.strip(
                "peak memory",
                [(r.title, medians(r)) for r in rows.get("memory", []) if medians(r)],
                bytes_of,
                left=300,
            ),
        ),
        (
            "Start",
            "A fresh process, files and kernels cached.",
            charts.strip(
                "start", [(r.title, medians(r)) for r in rows.get("startup", []) if medians(r)], seconds_of
            ),
        ),
        (
            "DataLoader epochs",
            "10,000 rows of 20 in batches of 32.",
            charts.strip(
                "epochs", [(r.title, medians(r)) for r in rows.get("data", []) if medians(r)], seconds_of
            ),
        ),
        (
            "A training epoch, by samples",
            "20-64-10 with Adam, batches of 64 from a shuffled DataLoader.",
            charts.lines("epochs", by_library(rows.get("scale", [])), "samples", seconds_of),
        ),
    ]
    return [plot for plot in candidates if plot[2]]


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
