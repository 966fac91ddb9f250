"""Tables of the terminal, by rich."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from . import obstacles
from .rows import OURS, Row, geometric_mean
from .targets import judge
from .terminal import terminal
from .words import bytes_of, figure_of, ratio_of

console = terminal(160)


def show(report):
    """A table a group and thread count; the operations as a summary."""
    for name, about in report.about.items():
        console.print(f"{name:14} {about['version']:18} {about['blas']}", style="dim")
    for threads, roof in report.roofs.items():
        rates = ", ".join(f"{bytes_of(at)}: {rate / 1e9:.0f}" for at, rate in roof["bandwidth"])
        console.print(
            f"{threads} threads: {roof['gemm'] / 1e9:.0f} GFLOP/s; GB/s by bytes of a pass: {rates}",
            style="dim",
        )
    for threads in report.choices.threads:
        for group in dict.fromkeys(row.group for row in report.rows):
            rows = [row for row in report.rows if (row.group, row.threads) == (group, threads)]
            tables = (
                operations_tables(threads, rows) if group == "ops" else [group_table(group, threads, rows)]
            )
            for table in tables:
                console.print(table)
    verdicts(report)


def operations_tables(threads, rows):
    """Over a thousand rows in two tables: by size, and the slowest beside torch."""
    rows = [row for row in rows if row.ratio()]
    sizes = Table(title=f"ops, {threads} threads: torch's time over minitorch's", title_justify="left")
    for name in ("elements", "ops", "geometric mean", "worst", "", "slower than torch"):
        sizes.add_column(name, justify="left" if name == "" else "right")
    for size in sorted({row.size for row in rows}):
        here = sorted((row for row in rows if row.size == size), key=Row.ratio)
        mean = ratio_of(geometric_mean([row.ratio() for row in here]))
        slower = sum(row.ratio() < 1 for row in here)
        sizes.add_row(f"{size:,}", str(len(here)), mean, ratio_of(here[0].ratio()), here[0].name, str(slower))
    yield sizes
    yield group_table("ops, worst", threads, sorted(rows, key=Row.ratio)[:12])


def verdicts(report):
    found = judge(report)
    if not found:
        return
    table = Table(title="Targets", title_justify="left")
    for name in ("target", "threads", "must be", "is", "", "decided by"):
        table.add_column(name, justify="right" if name in ("threads", "must be", "is") else "left")
    for v in found:
        mark = Text("reached", "green") if v.reached else Text("missed", "red")
        table.add_row(v.target.title, str(v.threads), v.limit, v.words, mark, v.detail)
    console.print(table)
    if blocked := list(obstacles.cells(found)):
        console.print(obstacles_table(blocked))


def obstacles_table(blocked, most=20):
    """The first so many lines of it; all are in the files."""
    more = f" ({most} of {len(blocked)})" if len(blocked) > most else ""
    table = Table(title=obstacles.TITLE + more, title_justify="left")
    for i, name in enumerate(obstacles.HEADS):
        table.add_column(name, justify="right" if 0 < i < 8 else "left")
    for cells in blocked[:most]:
        table.add_row(*cells)
    return table


def compared(before, after, found, groups):
    """The changes beyond noise, and the mean of each group."""
    for name, machine in (("before", before), ("after", after)):
        console.print(f"{name:7} {machine['commit']}, {machine['date']}, {machine['processor']}", style="dim")
    real = [c for c in found if c.verdict != "same"]
    table = Table(title=f"{len(real)} of {len(found)} rows changed beyond noise", title_justify="left")
    for name in ("row", "threads", "time", "noise", ""):
        table.add_column(name, justify="right" if name in ("threads", "time", "noise") else "left")
    for c in real:
        color = "green" if c.verdict == "faster" else "red"
        title = f"{c.row.group}: {c.row.title}"
        table.add_row(
            title, str(c.row.threads), f"x {c.factor:.2f}", f"{c.noise:.0%}", Text(c.verdict, color)
        )
    console.print(table)
    for group, (rows, mean) in groups.items():
        console.print(f"{group:8} {rows:5} rows, time x {mean:.3f} (geometric mean)")


def group_table(group, threads, rows):
    measured = dict.fromkeys(name for row in rows for name in (*row.rounds, *row.errors))
    peers = [name for name in measured if name != OURS]
    timed = [name for name in (OURS, "torch") if name in measured]
    table = Table(
        title=f"{group}, {threads} threads: median, and how many times minitorch's", title_justify="left"
    )
    table.add_column(group, no_wrap=True)
    for name in (*timed, *(f"{name} x" for name in peers), "bound x", "spread"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.title,
            *(figure_of(row, name) for name in timed),
            *(ratio_of(row.ratio(name)) for name in peers),
            f"{row.median() / row.bound:.2f}" if row.bound and row.median() else "",
            f"{row.widest:.0%}" if row.widest is not None else "",
        )
    return table


def end(report, paths):
    for name, reason in report.left_out.items():
        console.print(f"left out: {name}: {reason}", style="yellow")
    for row in report.rows:
        for library, error in row.errors.items():
            console.print(Text(f"{row.title}: {library} failed: {error}", "red"))
        if row.note:
            console.print(Text(f"{row.title}: {row.note}", "yellow"))
    if report.busy:
        console.print(
            Text(f"The machine was busy (load {report.machine['load_before']:.1f}): expect noise.", "yellow")
        )
    console.print(Text(f"{report.seconds:.0f} s.  {'  '.join(map(str, paths))}", "bold"), soft_wrap=True)
