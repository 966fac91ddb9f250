"""`detect_anomaly`: a failing or NaN backward names the forward line that recorded the call.

A tracer (`ops/table.py`) keeps the stack of every call with its node, a watcher (`engine.py`) looks at every gradient.
The setting is one for all threads, as torch's.
"""

from __future__ import annotations

import os
import traceback
import warnings

from .graph import extras

enabled = check_nan = False
PACKAGE = os.path.dirname(os.path.dirname(__file__))


def remember(node):
    """The user's stack goes where torch keeps it, `node.metadata["traceback_"]`."""
    stack = traceback.extract_stack()
    while len(stack) > 1 and stack[-1].filename.startswith((PACKAGE, "<minitorch")):
        stack.pop()
    extras(node).metadata.setdefault("traceback_", "".join(traceback.format_list(stack)))


def trace(op, inputs, metadata, call):
    result = call()
    for t in result if isinstance(result, tuple) else (result,):
        if t.grad_fn is not None:
            remember(t.grad_fn)
    return result


def watch(node, g, call):
    try:
        results = call()
    except Exception:
        warn(node)
        raise
    for i, r in enumerate(results if check_nan else ()):
        array = getattr(r, "_array", r)
        if array is not None and bool((array != array).any()):
            warn(node)
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")
    return results


def warn(node):
    where = extras(node).metadata.get("traceback_")
    said = (
        f"Traceback of forward call that caused the error:\n{where}"
        if where
        else "No forward pass information available. Enable detect anomaly during forward pass for more information."
    )
    warnings.warn(f"Error detected in {node.name()}. {said}", stacklevel=6)


def switch(mode, nan):
    global enabled, check_nan
    from ..ops.table import tracers
    from .engine import watchers

    if mode and not enabled:
        tracers.append(trace)
        watchers.append(watch)
    elif enabled and not mode:
        tracers.remove(trace)
        watchers.remove(watch)
    enabled, check_nan = mode, nan


class set_detect_anomaly:
    """Switches it on or off at once; as a context manager also restores it."""

    def __init__(self, mode: bool, check_nan: bool = True):
        self.before = enabled, globals()["check_nan"]
        switch(bool(mode), check_nan)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        switch(*self.before)


class detect_anomaly:
    """Within it every recorded call keeps its stack (slow), and a NaN in a gradient (check_nan) raises RuntimeError."""

    def __init__(self, check_nan: bool = True):
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )
        self.check_nan = check_nan

    def __enter__(self):
        self.inside = set_detect_anomaly(True, self.check_nan)
        return self

    def __exit__(self, *exc):
        self.inside.__exit__()
