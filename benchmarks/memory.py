"""Peak memory of a training step, in a fresh process for each library: Linux with glibc only."""

from __future__ import annotations

import ctypes
import gc
import re
from pathlib import Path

from . import peers, turns
from .process import Process, ProcessError
from .rows import OURS, Row
from .steps import perceptron, row
from .targets import misses
from .workload import Workload

ROUNDS, STEPS = 3, 5

WORKLOADS = [
    perceptron((784, 256, 128, 10), 128),
    perceptron((1024, 1024, 1024, 10), 256),
    row("16 layers of 64, tanh", "deep_tanh", 64, 16, 64),
    row("16 layers of 64, tanh, batch 1024", "deep_tanh", 64, 16, 1024),
    row("GPT block", "gpt_block", 16, 128, 128, 4),
    row("attention", "attention", 8, 8, 256, 32),
]


def peak(peer: str, threads: int, workload: Workload) -> tuple[int, int]:
    """(bytes that training adds to the library, bytes of the whole process) at the peak of a few steps.

    The training runs twice. The first time loads all code; then it is freed, and what is held counts as the library's.
    """
    from .worker import current, open_library

    open_library(peer, threads)
    build = current["build"]
    run(build(workload))
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # freed memory that the C library keeps would hide the second training
    before = status("VmRSS")
    step = build(workload)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    run(step)
    whole = status("VmHWM")
    return whole - before, whole


def held(workload: Workload) -> dict:
    """Bytes that minitorch must hold at the end of a step's forward, `{"seconds": all of them, "operations": [(what, arrays, bytes, 0)]}`:
    parameters, states and data, and what the nodes of the graph have saved."""
    import minitorch as T
    from minitorch.autograd.engine import watchers

    step = workload.build(T)
    run(step)
    seen, rows = {}, {}

    def count(name, arrays):
        row = rows.setdefault(name, [0, 0])
        for array in arrays:
            while getattr(array, "base", None) is not None and hasattr(array.base, "nbytes"):
                array = array.base
            if hasattr(array, "nbytes") and id(array) not in seen:
                seen[id(array)] = array  # kept, so that no other one gets its number
                row[0] += 1
                row[1] += array.nbytes

    def watch(node, g, call):
        if hasattr(node.plan, "op"):
            count(f"array saved by {node.plan.op.name},", node.saved)
        return call()

    tensors = [t for t in gc.get_objects() if issubclass(type(t), T.Tensor)]  # (`isinstance` would ask what a weak proxy stands for)
    gradients = {id(t._grad) for t in tensors}
    count("array of parameters, states and data,", [t._array for t in tensors if id(t) not in gradients])
    del tensors
    watchers.append(watch)
    try:
        step()
    finally:
        watchers.remove(watch)
    operations = sorted(((name, *row, 0) for name, row in rows.items() if row[1]), key=lambda row: -row[2])
    total = sum(size for _, _, size, _ in operations)
    return {"seconds": total, "bounds": {"arrays that are kept": total}, "operations": operations}


def measurable():
    """Whether the peak can be reset (Linux) and freed memory given back (glibc)."""
    return Path("/proc/self/clear_refs").exists() and hasattr(ctypes.CDLL(None), "malloc_trim")


def run(step):
    for _ in range(STEPS):
        step()


def status(name):
    """A line of /proc/self/status, in bytes."""
    return 1024 * int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


def measure(choices, names, threads, progress):
    """Two rows a workload: the step's own peak, and that of the process."""
    workloads = [w for w in WORKLOADS if choices.wants(w.name) and measurable()]
    libraries = [name for name in names if name in ("minitorch", "torch")]
    advance = progress(f"memory, {threads} thread{'s' * (threads > 1)}", len(workloads))
    found = []
    for workload in workloads:
        advance(workload.name, 0)
        own = Row("memory", workload.name, threads, unit="B")
        whole = Row("memory", f"{workload.name}, whole process", threads, unit="B")

        def ask(name, workload=workload):
            with Process(name, peers.environment(threads)) as process:
                return process.ask(f"{__name__}:peak", name, threads, workload)

        try:
            rounds = turns.take_turns(libraries, ROUNDS, ask)
        except ProcessError as error:
            own.errors["all"] = turns.last_line(error)
        else:
            own.rounds = {name: [a for a, _ in values] for name, values in rounds.items()}
            whole.rounds = {name: [b for _, b in values] for name, values in rounds.items()}
            if misses(own):
                with Process(OURS, peers.environment(threads)) as process:
                    own.alone = process.ask(f"{__name__}:held", workload)
                own.bound = own.alone["seconds"]
        found += [own, whole] if whole.rounds else [own]
        advance(workload.name, 1)
    return found
