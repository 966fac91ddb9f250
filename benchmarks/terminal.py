"""What the command lines of `benchmarks` and `parity` share: one-line errors, lists of names, progress bars."""

from __future__ import annotations

import argparse
import difflib
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Parser(argparse.ArgumentParser):
    """argparse, with errors of one line that begin with the module's name, `prog` being "python -m <module> ..."."""

    def error(self, message):
        self.exit(2, f"{self.prog.split()[2]}: error: {message}\n")


def words(text: str) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def one_of(parser, option: str, name: str, known, expected: str = "") -> None:
    """Exits with one line, which may guess at what was meant, if `name` is not known. `expected`: words for `known`."""
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        parser.error(f"{option}: unknown name '{name}': {hint}expected {expected or ', '.join(known)}")


def check_device(parser, device: str) -> None:
    """Exits with one line if the device isn't here."""
    import minitorch

    if device == "cuda" and not minitorch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU here; --device torch runs the same code in main memory")


def terminal(width: int) -> Console:
    """The terminal. A pipe or a CI log has no width of its own: it gets one that the tables fit into."""
    return Console() if Console().is_terminal else Console(width=width)


@contextmanager
def bars(console: Console):
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
