"""The reports on disk: bench.json, bench.html (self-contained), bench.md."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from . import obstacles, pictures
from .rows import OURS, geometric_mean, grouped, measured
from .targets import judge
from .words import bytes_of, figure_of, ratio_of


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
    """Machine, targets, what stands in their way, and the rows of every group; operations by size."""
    machine = report.machine
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, device {report.choices.device}; {machine['date']}; commit `{machine['commit']}`. "
        + " ".join(f"{name} {about['version']} ({about['blas']})." for name, about in report.about.items())
        + " Times are medians; `x` is how many times minitorch's time the library needs."
    ]
    if found := judge(report):
        parts.append(table(VERDICTS, map(verdict_cells, found)))
        if blocked := list(obstacles.cells(found)):
            words = "\n".join(f"* *{head}*: {text}" for head, text in obstacles.EXPLAINED.items())
            parts += [f"**{obstacles.TITLE}**", words, table(obstacles.HEADS, blocked)]
    if report.left_out:
        parts.append("Left out: " + "; ".join(f"{name} ({reason})" for name, reason in report.left_out.items()) + ".")
    parts += [group_table(*key, rows) for key, rows in grouped(report.rows).items()]
    return "\n\n".join(parts) + "\n"


VERDICTS = ("target", "threads", "must be", "is", "", "decided by")


def verdict_cells(v):
    return v.target.title, str(v.threads), v.limit, v.words, "reached" if v.reached else "**missed**", v.detail


def group_table(group, threads, rows):
    if group == "ops":
        heads = ("ops: elements", "threads", "ops", "geometric mean", "worst", "")
        return table(heads, [(size, str(threads), *cells) for size, *cells in by_size(rows)])
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
    return table(heads, cells)


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
        plots=pictures.plots(report),
        groups=grouped(report.rows),
        measured=measured,
        by_size=by_size,
        bytes_of=bytes_of,
        ours=OURS,
    )
