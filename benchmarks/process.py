"""A process of its own that answers calls one at a time, and sleeps between them.

Two libraries in one process slow each other: the idle threads of one spin beside the other's. So each lives in a
`Process`, started as `python -m benchmarks.process`. A request is a pickle on its stdin, `("module:function",
arguments, keywords)`; the answer is a pickle on its stdout, `("ok", result)` or `("error", traceback)`.
"""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

#: seconds after which threads without work sleep: OpenBLAS's spin for 26 ms, libgomp's (torch's) for 10
LONGEST = 0.03


class ProcessError(Exception):
    """A call that raised in the process (the text is its traceback), or a process that has ended."""


class Process:
    """The parent's end. `environment` is added to this process's own."""

    def __init__(self, name: str, environment: dict | None = None):
        self.name = name
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - what the library prints; `close` closes it
        self.child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            # Installed libraries have their bytecode cached: so must a checkout, or its import would be compared with compilation.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
            start_new_session=True,  # Ctrl-C goes to the parent alone, which then ends its processes
        )

    def send(self, function: str, *arguments, **keywords):
        """Starts a call; `answer` waits for it."""
        self.called = function
        try:
            pickle.dump((function, arguments, keywords), self.child.stdin)
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # the process has ended: `answer` says so

    def answer(self):
        """The result of the call that was sent last. Raises ProcessError."""
        try:
            status, answer = pickle.load(self.child.stdout)
        except EOFError:
            code = self.child.wait()
            self.said.seek(0)
            said = self.said.read().decode(errors="replace").strip().splitlines()[-5:]
            raise ProcessError(
                "\n".join([f"the process of {self.name} ended (exit status {code}) in {self.called}", *said])
            ) from None
        if status == "error":
            raise ProcessError(answer)
        return answer

    def ask(self, function: str, *arguments, **keywords):
        """The result of `module:function` called in the process."""
        self.send(function, *arguments, **keywords)
        return self.answer()

    def rest(self):
        """Waits until its threads, which look for more work for a while, have gone to sleep: on the cores that others need."""
        end = time.perf_counter() + LONGEST
        while time.perf_counter() < end and self.runs():
            time.sleep(2e-4)

    def runs(self) -> bool:
        """Whether one of its threads runs or could; where the system does not say, True."""
        if not sys.platform.startswith("linux"):
            return True
        states = [read(task) for task in Path(f"/proc/{self.child.pid}/task").glob("*/stat")]
        return "R" in [state.rpartition(")")[2].strip()[:1] for state in states]

    def close(self):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()
        self.said.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:  # it may be in the middle of a call
            self.child.kill()
        self.close()


def read(path):
    """The text of a file; none of one that is gone."""
    try:
        return path.read_text()
    except OSError:
        return ""


def main():
    # Answers go to a copy of stdout; what a library prints goes to stderr.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            path, arguments, keywords = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            module, _, name = path.partition(":")
            function = getattr(importlib.import_module(module), name)
            reply = ("ok", function(*arguments, **keywords))
        except Exception:
            reply = ("error", traceback.format_exc())
        pickle.dump(reply, answers)
        answers.flush()


if __name__ == "__main__":
    main()
