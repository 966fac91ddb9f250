"""Step speed as a ratio: each library in its own process, taking turns, warm-up left out, medians.

Of the turns the fastest counts: whatever else the machine does only makes a step slower, and torch's spinning threads
suffer most from it.
"""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass, field

from benchmarks.process import ProcessError
from benchmarks.turns import take_turns

WARM_UP = 15
SECONDS = 1  # of a turn at most, on a machine that is too busy to be timed


@dataclass
class SpeedResult:
    """The time of one whole training step (batch, forward, backward, update) in microseconds, best turn."""

    training: str
    dtype: str
    ours: float = 0.0
    theirs: float = 0.0
    turns: list = field(default_factory=list)  # torch / minitorch of each turn
    steps: int = 0
    load: float = 0.0  # processes that wanted a core, of all programs, over the number of cores
    error: str | None = None

    @property
    def ratio(self):
        """How many times faster than torch a step is."""
        return self.theirs / self.ours if self.ours else float("nan")

    @property
    def steady(self):
        """Whether the turns agree within a half and the cores were free: if not, the ratio says little."""
        return not self.turns or (max(self.turns) < 1.5 * min(self.turns) and self.load < 1.5)

    @property
    def passed(self):
        return self.error is None


def compare_speed(ours, theirs, name, dtype, seed, steps, turns) -> SpeedResult:
    """`ours` and `theirs` are workers; in each turn each times `steps` steps while the other waits."""
    result = SpeedResult(name, dtype)

    def turn(worker):
        times = worker.time(name, steps + WARM_UP, seed=seed, dtype=dtype, seconds=SECONDS)
        times = times[WARM_UP:] or times[-1:]
        result.steps += len(times)
        return statistics.median(times)

    try:
        medians = take_turns((ours, theirs), turns, turn)
    except ProcessError as error:  # it has been reported as a failure of the training, with its traceback
        result.error = str(error).strip().splitlines()[-1]
        return result
    result.load = os.getloadavg()[0] / (os.cpu_count() or 1)
    result.turns = [t / o for o, t in zip(medians[ours], medians[theirs], strict=True)]
    result.ours, result.theirs = (min(medians[w]) * 1e6 for w in (ours, theirs))
    return result
