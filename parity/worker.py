"""A process of its own for each library, so that neither's idle thread pool slows the other.

Run as `python -m parity.worker LIBRARY DEVICE`. It reads one JSON request a line from stdin and answers each
with one pickle on stdout: ("ok", answer) or ("error", text of the traceback).
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
import traceback
from contextlib import contextmanager


class WorkerError(Exception):
    """A request that failed in the worker; the text is its traceback."""


class Worker:
    """The parent's end: `record` starts a training, `answer` waits for what it recorded; `time` times steps."""

    def __init__(self, library, device):
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, "-m", "parity.worker", library, device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def record(self, training, **choices):
        """Starts a training, so that two workers can train at the same time; `answer` gives the recording."""
        self._send(dict(do="record", training=training, **choices))

    def compilations(self):
        """(number, seconds) of what Numba has compiled in the process."""
        self._send(dict(do="compilations"))
        return self.answer()

    def time(self, training, steps, **choices):
        """Seconds of each of `steps` steps."""
        self._send(dict(do="time", training=training, steps=steps, **choices))
        return self.answer()

    def _send(self, request):
        self.request = request
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the process has ended: `answer` says so

    def answer(self):
        """What the last request gave. WorkerError if it failed, or if the process has ended."""
        try:
            status, answer = pickle.load(self.process.stdout)
        except (EOFError, BrokenPipeError) as error:
            status = f"exit status {self.process.wait()}"
            raise WorkerError(
                f"the process of {self.library} ended ({status}) during {self.request}"
            ) from error
        if status == "error":
            raise WorkerError(answer)
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


@contextmanager
def one_thread(T):
    """Both libraries train at the same time: torch's threads would wait for each other, spinning, at every step."""
    if not hasattr(T, "set_num_threads"):
        yield
        return
    before = T.get_num_threads()
    T.set_num_threads(1)
    yield
    T.set_num_threads(before)


def answer(T, device, compilations, request):
    from .recording import Enough, Stopwatch
    from .trainings import TRAININGS, run_training

    do = request.pop("do")
    if do == "compilations":
        return compilations.totals()
    name = request.pop("training")
    if do == "record":
        with one_thread(T):
            return run_training(T, name, device=device, **request)
    watch = Stopwatch(T, training=name, device=device, **request)
    try:
        TRAININGS[name].function(T, watch)
    except Enough:
        return watch.times
    raise RuntimeError(f"{name} ended after {len(watch.times)} of {watch.steps} steps to be timed")


def counted(library):
    """The count of compilations. Torch's process gets no Numba."""
    if library == "torch":
        return None
    from .compilations import Compilations

    return Compilations()


def main(library, device):
    # Answers go to a copy of stdout; what a library prints goes to stderr.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    T = importlib.import_module(library)
    compilations = counted(library)
    for line in sys.stdin:
        try:
            reply = ("ok", answer(T, device, compilations, json.loads(line)))
        except Exception:
            reply = ("error", traceback.format_exc())
        pickle.dump(reply, answers)
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
