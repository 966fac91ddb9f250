"""What the generated functions of an op share: how they are compiled, and the switches that they look at."""

from __future__ import annotations

import linecache

from .bytecode import code_of

#: functions `(op, inputs, keywords, call) -> result` around every call: profiler, graph drawing, capture. Innermost last.
tracers: list = []


class Switches:
    """`fused`: whether operations use their fused pair, and formulas on large arrays fused loops. Off for study and bisecting."""

    fused = True


switches = Switches()


def compiled(name, lines, **env):
    """A function of the lines of its source (`source`), which tracebacks and debuggers show."""
    source = "\n    ".join(lines) + "\n"
    file = f"<minitorch op {name}>"
    env = {"__name__": __name__} | env  # by which NumPy's warnings of NaN and the like are known to be ours, and silent
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(code_of(source, file), env)
    env[name].source = source
    return env[name]


def indented(lines):
    return ["    " + line for line in lines]


def is_large(array):
    """Generated code: whether a formula on this array goes through `kernels/fuse.py`."""
    return f"type({array}) is ndarray and {array}.size >= LARGE and switches.fused"
