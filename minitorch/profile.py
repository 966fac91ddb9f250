"""Where a program's time goes, per operation: calls, forward and backward time, bytes of results.

    python -m minitorch.profile script.py --epochs 3

runs the script unmodified and prints the table. In a program:

    with minitorch.profile.profile() as p:
        loss = criterion(model(x), y)
        loss.backward()
    print(p.table())

Every second is counted once: the time of an operation leaves out what its body calls, and what a rule calls belongs
to the backward of its node. Watching costs about a microsecond a call, so small operations look slower than they are.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .autograd.engine import watchers
from .ops.table import tracers
from .tensor import Tensor

ORDERS = ("total", "forward", "backward", "calls", "bytes")


@dataclass
class Line:
    """One operation: how often it ran, seconds of its forward and of its rules, bytes that its results took."""

    name: str
    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    bytes: int = 0

    @property
    def total(self) -> float:
        return self.forward + self.backward


class profile:
    """Watches every operation while the block runs; afterwards `lines` (by name), `seconds` and `table()`."""

    def __init__(self):
        self.lines: dict[str, Line] = {}
        self.seconds = 0.0
        self._inner = [0.0]  # seconds of the calls inside the current one, for each one that is open
        self._result = None  # of the last call: a body that ends with it has not made it again
        self._in_rule = False

    def __enter__(self) -> profile:
        tracers.append(self._forward)
        watchers.append(self._backward)
        self._begin = time.perf_counter()
        return self

    def __exit__(self, *exc):
        self.seconds += time.perf_counter() - self._begin
        tracers.remove(self._forward)
        watchers.remove(self._backward)
        self._result = None

    def _line(self, name) -> Line:
        line = self.lines.get(name)
        if line is None:
            line = self.lines[name] = Line(name)
        return line

    def _forward(self, op, inputs, keywords, call):
        if self._in_rule:
            return call()
        self._inner.append(0.0)
        begin = time.perf_counter()
        try:
            result = call()
        finally:
            took = time.perf_counter() - begin
            inside = self._inner.pop()
            self._inner[-1] += took
            line = self._line(op.name)
            line.calls += 1
            line.forward += took - inside
        if result is not self._result:
            line.bytes += 0 if op.view else size_of(result)
            self._result = result
        return result

    def _backward(self, node, g, call):
        outermost, self._in_rule = not self._in_rule, True
        begin = time.perf_counter()
        try:
            return call()
        finally:
            if outermost:
                self._in_rule = False
                self._line(name_of(node)).backward += time.perf_counter() - begin

    def table(self, order: str = "total", top: int | None = None) -> str:
        """The lines as text, largest `order` (`total, forward, backward, calls, bytes`) first, at most `top` of them.

        The last line is the time outside of operations: Python, the engine, optimizers, data. ValueError for
        another order.
        """
        if order not in ORDERS:
            raise ValueError(f"expected one of {', '.join(ORDERS)}, got {order!r}")
        lines = sorted(self.lines.values(), key=lambda line: getattr(line, order), reverse=True)
        rest = self.seconds - sum(line.total for line in lines)
        text = [f"{'operation':26}{'calls':>9}{'forward':>12}{'backward':>12}{'bytes':>11}{'share':>8}"]
        text += [
            f"{line.name:26}{line.calls:9,}{line.forward * 1e3:9.3f} ms{line.backward * 1e3:9.3f} ms"
            f"{bytes_in_words(line.bytes):>11}{self._share(line.total):8.1%}"
            for line in lines[:top]
        ]
        if top is not None and len(lines) > top:
            hidden = sum(line.total for line in lines[top:])
            text.append(f"{f'{len(lines) - top} more operations':70}{self._share(hidden):8.1%}")
        text.append(f"{'outside of operations':70}{self._share(rest):8.1%}")
        text.append(f"{self.seconds * 1e3:.3f} ms in all")
        return "\n".join(text)

    def _share(self, seconds):
        return seconds / self.seconds if self.seconds else 0.0


def size_of(result) -> int:
    """Bytes of a tensor, or of all of several."""
    if isinstance(result, Tensor):
        return result._array.nbytes
    return sum(map(size_of, result)) if isinstance(result, (tuple, list)) else 0


def name_of(node) -> str:
    """The operation that made the node, or the class of a `Function` of the user."""
    op = getattr(node.plan, "op", None)
    return op.name if op is not None else node.name()


def bytes_in_words(n: int) -> str:
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n >= factor:
            return f"{n / factor:.1f} {unit}"
    return f"{n} B"


def main(argv=None) -> None:
    """Runs the script of the command line and prints the table, also if the script fails or exits."""
    p = argparse.ArgumentParser(prog="python -m minitorch.profile", description=__doc__.split("\n")[0])
    p.add_argument("--order", choices=ORDERS, default="total", help="largest first (default total)")
    p.add_argument("--top", type=int, default=25, help="how many operations (default 25)")
    p.add_argument("script", help="a Python file that imports minitorch")
    p.add_argument("arguments", nargs=argparse.REMAINDER, help="of the script")
    chosen = p.parse_args(argv)
    if not Path(chosen.script).is_file():
        p.exit(2, f"profile: error: no file {chosen.script}\n")
    sys.argv = [chosen.script, *chosen.arguments]
    sys.path[0] = str(Path(chosen.script).resolve().parent)
    watched = profile()
    try:
        with watched:
            runpy.run_path(chosen.script, run_name="__main__")
    finally:
        print(watched.table(chosen.order, chosen.top))


if __name__ == "__main__":
    main()
