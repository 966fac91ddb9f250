"""The time until something happens: import, and import with the first training step, each in a fresh process.

`import numpy` alone, in a process of its own in the same rounds, is the bound of both; Python's own start comes before all of them.
"""

from __future__ import annotations

import importlib
import statistics
import subprocess
import sys
import time

from . import peers, turns
from .process import Process, ProcessError
from .rows import OURS, Row
from .steps import perceptron

ROUNDS = 7
FIRST = perceptron((64, 64, 10), 64)


def first_step(library: str) -> tuple[float, float, float]:
    """Seconds of `import library`, from its begin to the end of the first training step of 64-64-10, and in that of importing Numba."""
    begin = time.perf_counter()
    T = importlib.import_module(library)
    imported = time.perf_counter()
    if library == OURS:
        importlib.import_module("minitorch.kernels.jit")
    numba = time.perf_counter()
    if library != "numpy":
        FIRST.build(T)().item()
    return imported - begin, time.perf_counter() - begin, numba - imported


def python_alone() -> float:
    """Seconds of a fresh Python that does nothing."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begin


def measure(choices, names, threads, progress):
    """Rows `import` and `import, first step`. A run before the first round fills caches of files and kernels."""
    libraries = [name for name in names if name in ("minitorch", "torch")]
    rounds = 3 if choices.quick else ROUNDS
    advance = progress(f"startup, {threads} thread{'s' * (threads > 1)}", (rounds + 1) * (len(libraries) + 2))

    def ask(name):
        advance(name, 0)
        if name == "python":
            seconds = (python_alone(),)
        else:
            with Process(name, peers.environment(threads)) as process:
                seconds = process.ask(f"{__name__}:first_step", name)
        advance(name, 1)
        return seconds

    rows = [Row("startup", "import", threads), Row("startup", "import and first step", threads)]
    try:
        turns.take_turns([*libraries, "numpy", "python"], 1, ask)
        found = turns.take_turns([*libraries, "numpy", "python"], rounds, ask)
    except ProcessError as error:
        rows[0].errors["all"] = turns.last_line(error)
        return rows
    for i, row in enumerate(rows):
        row.rounds = {name: [seconds[i] for seconds in found[name]] for name in libraries}
    middle = lambda name, i: statistics.median(seconds[i] for seconds in found[name])
    explain(rows, middle("numpy", 0), middle(OURS, 2), middle("python", 0))
    return rows


def explain(rows, numpy, numba, python):
    """The parts of minitorch's start, and what of them isn't minitorch's."""
    if not rows[0].rounds.get(OURS):
        return
    imported, stepped = rows[0].median() - numpy, rows[1].median() - rows[0].median()
    parts = [("import numpy", 1, numpy, 0.0), ("import minitorch after it", 1, imported, 0.0)]
    before = ("Python's own start, before all that and not counted,", 1, python, 0.0)
    step = [("import Numba", 1, numba, 0.0), ("first step", 1, stepped - numba, 0.0)]
    for row, more in zip(rows, ([], step), strict=True):
        row.bound = numpy
        row.alone = {"seconds": numpy, "bounds": {"import numpy": numpy}, "operations": [*parts, *more, before]}
