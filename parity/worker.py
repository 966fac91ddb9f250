"""A process of its own for each library, so that neither's idle thread pool slows the other."""

from __future__ import annotations

import importlib
from contextlib import contextmanager

from benchmarks.process import Process

opened: dict = {}


class Worker(Process):
    """The parent's end: `record` starts a training, `answer` waits for what it recorded; `time` times steps."""

    def __init__(self, library, device):
        super().__init__(library)
        self.ask(f"{__name__}:open_library", library, device)

    def record(self, training, **choices):
        """Starts a training, so that two workers can train at the same time; `answer` gives the recording."""
        self.send(f"{__name__}:record", training, **choices)

    def compilations(self):
        """(number, seconds) of what Numba has compiled in the process."""
        return self.ask(f"{__name__}:compilations")

    def time(self, training, steps, **choices):
        """Seconds of each of `steps` steps."""
        return self.ask(f"{__name__}:time", training, steps=steps, **choices)


# ---------------------------------------------------------------------- in the process


def open_library(library, device):
    """Imports the library and counts what is compiled from then on. Torch's process gets no Numba."""
    opened.update(T=importlib.import_module(library), device=device)
    if library != "torch":
        from .compilations import Compilations

        opened["compilations"] = Compilations()


def record(training, **choices):
    from .trainings import run_training

    with one_thread(opened["T"]):
        return run_training(opened["T"], training, device=opened["device"], **choices)


def compilations():
    return opened["compilations"].totals()


def time(training, **choices):
    from .recording import Enough, Stopwatch
    from .trainings import TRAININGS

    watch = Stopwatch(opened["T"], training=training, device=opened["device"], **choices)
    try:
        TRAININGS[training].function(opened["T"], watch)
    except Enough:
        return watch.times
    raise RuntimeError(f"{training} ended after {len(watch.times)} of {watch.steps} steps to be timed")


@contextmanager
def one_thread(T):
    """Both libraries train at the same time: torch's threads would wait for each other, spinning, at every step."""
    if not hasattr(T, "set_num_threads"):
        yield
        return
    before = T.get_num_threads()
    T.set_num_threads(1)
    try:
        yield
    finally:
        T.set_num_threads(before)
