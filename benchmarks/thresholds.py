"""The sizes from which on minitorch goes another way, with both ways measured around each.

A threshold is a number in a module, which decides what a call of a size does. Here stand where it is and a call to measure; its
value is read when it is measured. Out of reach, it sends every call the way below; 0 sends every call the way above.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from . import peers, turns
from .floor import alone
from .process import Process, ProcessError
from .rows import OURS, Row

#: the sizes that are measured, in thresholds; rounds; what the reports call the other way
AROUND, ROUNDS, BELOW = (0.5, 1, 2), 5, "the way below"


@dataclass(frozen=True)
class Threshold:
    """`call(size)`, of a size in the threshold's `unit`, is the function to be timed.

    `compiled`: the number is part of kernels, so that it can't be set. It says when helpers take part: the way below is that of a process
    without any, and no call of a smaller size goes the way above.
    """

    module: str
    name: str
    decides: str
    unit: str
    call: Callable
    compiled: bool = False

    @property
    def title(self):
        return f"{self.module.removeprefix('minitorch.')}.{self.name}: {self.decides} ({self.unit})"


# ---------------------------------------------------------------------- what is called


def random(*shape):
    import numpy as np

    return np.random.default_rng(0).random(shape, np.float32)


def fused_rule(work):
    """The rule of tanh; work: elements times passes that one kernel saves."""
    from minitorch.kernels.fuse import EARNED, Fused

    rule = Fused(lambda g, out: g * (1 - out * out))
    rule.seen = EARNED
    example = random(1)
    x = random(max(1, work // rule.program((example, example), {}).saves))
    return lambda: rule(x, x)


def product(work):
    """Of two square matrices."""
    import minitorch as T

    n = round(work ** (1 / 3))
    x, y = T.from_numpy(random(n, n)), T.from_numpy(random(n, n))
    return lambda: T.mm(x, y)


def cross_entropy(elements):
    """Of ten classes."""
    import minitorch as T

    x, y = T.from_numpy(random(elements // 10, 10)), T.zeros(elements // 10, dtype=T.int64)
    return lambda: T.nn.functional.cross_entropy(x, y)


def softmax_rows(ns):
    from minitorch.kernels import softmax, team

    x = random(max(1, int(ns / (2 * softmax.COST * 10))), 10)
    out = x.copy()
    return lambda: team.run(softmax.softmax_rows, (x, out), (False,), softmax.COST)


def sorted_rows(ns):
    """Of 100 numbers; three arrays, 2 ns for each of their numbers."""
    import minitorch as T

    x = T.from_numpy(random(max(1, ns // 600), 100))
    return lambda: T.sort(x)


THRESHOLDS = [
    Threshold("minitorch.kernels.fuse", "WORTH", "a formula is one kernel, not NumPy's calls", "elements x passes saved", fused_rule),
    Threshold("minitorch.kernels.blas", "SHARED", "a product is shared with helpers", "multiply-adds", product, True),
    Threshold("minitorch.kernels.team", "WORTH", "a kernel is shared with helpers", "ns", softmax_rows),
    Threshold("minitorch.kernels.threads", "WORTH", "NumPy's sort is shared by threads", "ns", sorted_rows),
    Threshold("minitorch.kernels.softmax", "LARGE", "cross-entropy may be shared with helpers", "elements", cross_entropy, True),
]

# ---------------------------------------------------------------------- in the process

calls: dict = {}  # those that were made, by threshold and size


def value(number):
    """Of the threshold with that number."""
    threshold = THRESHOLDS[number]
    return getattr(importlib.import_module(threshold.module), threshold.name)


@contextmanager
def way(threshold, above):
    """All calls go the way above, or below."""
    module = importlib.import_module(threshold.module)
    before = getattr(module, threshold.name)
    if not threshold.compiled:
        setattr(module, threshold.name, 0 if above else sys.maxsize)
    try:
        yield
    finally:
        setattr(module, threshold.name, before)


def seconds(number, size, above):
    """Of a call of that size that goes the way above, or below. The first time also compiles, and says nothing."""
    threshold = THRESHOLDS[number]
    call = calls.setdefault((number, size), threshold.call(size))
    with way(threshold, above):
        return alone(call)


# ---------------------------------------------------------------------- measuring


def around(number, process, single, rounds):
    """Of one threshold: [(size, {way: seconds of each round})]. Processes: with all threads, with one."""
    threshold, found = THRESHOLDS[number], []
    for factor in AROUND:
        size = int(process.ask(f"{__name__}:value", number) * factor)
        ways = (False, True) if factor >= 1 or not threshold.compiled else (False,)

        def ask(above, size=size):
            of = single if threshold.compiled and not above else process
            taken = of.ask(f"{__name__}:seconds", number, size, above)
            of.rest()
            return taken

        turns.take_turns(ways, 1, ask)
        times = turns.take_turns(ways, rounds, ask)
        found.append((size, {OURS if above else BELOW: taken for above, taken in times.items()}))
    return found


def measure(choices, names, threads, progress):
    """A row for each size around each threshold: as minitorch's the time of the way above, and that of the way below."""
    wanted = [(number, t) for number, t in enumerate(THRESHOLDS) if choices.wants(t.title)]
    advance = progress(f"thresholds, {threads} thread{'s' * (threads > 1)}", len(wanted))
    rows = []
    with ExitStack() as opened:
        process, single = (opened.enter_context(Process(OURS, peers.environment(n))) for n in (threads, 1))
        for worker in (process, single):
            worker.ask("benchmarks.worker:open_library", OURS, threads)
        for number, threshold in wanted:
            advance(threshold.title, 0)
            try:
                found = around(number, process, single, 3 if choices.quick else ROUNDS)
            except ProcessError as error:
                rows.append(Row("thresholds", threshold.title, threads, errors={OURS: turns.last_line(error)}))
            else:
                rows += [Row("thresholds", threshold.title, threads, size, rounds=times) for size, times in found]
            advance(threshold.title, 1)
    return rows
