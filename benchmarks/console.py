"""Progress bars and tables of the terminal, by rich."""

from __future__ import annotations

from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .rows import OURS
from .words import bytes_of, ratio_of, seconds_of

# A pipe or a CI log has no width of its own: take one that the tables fit into.
console = Console() if Console().is_terminal else Console(width=140)


@contextmanager
def bars():
    """Yields `progress(part, total)`, which adds a bar and returns `advance(what, by)`."""
    columns = [
        TextColumn("[bold]{task.description:20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[what]}"),
    ]
    with Progress(*columns, console=console) as display:

        def progress(part, total):
            task = display.add_task(part, total=total, what="")

            def advance(what, by):
                display.update(task, advance=by, what=what if by == 0 else "")

            return advance

        yield progress


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
            console.print(group_table(group, threads, rows))


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
            *(figure(row, name) for name in timed),
            *(ratio_of(row.ratio(name)) for name in peers),
            f"{row.median() / row.bound:.2f}" if row.bound and row.median() else "",
            spread(row),
        )
    return table


def figure(row, library):
    if library in row.errors:
        return Text("failed", "red")
    value = row.median(library)
    if value is None:
        return ""
    return bytes_of(value) if row.unit == "B" else seconds_of(value)


def spread(row):
    """The largest of the libraries' spreads, in percent."""
    found = [s for s in map(row.spread, row.rounds) if s is not None]
    return f"{max(found):.0%}" if found else ""


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
