"""The time until something happens: import, and import with the first training step, each in a fresh process."""

from __future__ import annotations

import importlib
import time

from . import peers, turns
from .process import Process, ProcessError
from .rows import Row
from .steps import perceptron

ROUNDS = 7
FIRST = perceptron((64, 64, 10), 64)


def first_step(library: str) -> tuple[float, float]:
    """Seconds of `import library`, and from there to the end of the first training step of 64-64-10."""
    begin = time.perf_counter()
    T = importlib.import_module(library)
    imported = time.perf_counter()
    FIRST.build(T)().item()
    return imported - begin, time.perf_counter() - begin


def measure(choices, names, threads, progress):
    """Rows `import` and `import, first step`. A run before the first round fills caches of files and kernels."""
    libraries = [name for name in names if name in ("minitorch", "torch")]
    rounds = 3 if choices.quick else ROUNDS
    advance = progress(f"startup, {threads} thread{'s' * (threads > 1)}", (rounds + 1) * len(libraries))

    def ask(name):
        advance(name, 0)
        with Process(name, peers.environment(threads)) as process:
            seconds = process.ask(f"{__name__}:first_step", name)
        advance(name, 1)
        return seconds

    rows = [Row("startup", "import", threads), Row("startup", "import and first step", threads)]
    try:
        turns.take_turns(libraries, 1, ask)
        found = turns.take_turns(libraries, rounds, ask)
    except ProcessError as error:
        rows[0].errors["all"] = turns.last_line(error)
        return rows
    for i, row in enumerate(rows):
        row.rounds = {name: [seconds[i] for seconds in values] for name, values in found.items()}
    return rows
