"""What a worker process does: opens one library, prepares one workload at a time, times blocks of its step."""

from __future__ import annotations

import gc
import importlib
import os
import statistics
import time
from functools import partial

SAMPLE = 2e-4  # seconds of the shortest thing that is timed: the clock and its two calls cost 1e-7
WAITED = 1e-2  # the same where the end of a sample is waited for: on a GPU steps are queued, and the wait costs 1e-5
LONGEST_WARM_UP = 50  # steps
COMPILED = 5e6  # elements after which minitorch has compiled what it will: the warm-up takes no less, whatever its time

current: dict = {}


def open_library(peer: str, threads: int, device: str = "cpu") -> dict:
    """Imports the library of `peer` and limits it to `threads` threads; its version and BLAS. It is to compute on `device`."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-threads:])
    library = importlib.import_module(f"benchmarks.peers.{peer.replace('-', '_')}")
    library.limit(threads)
    if device == "cpu":
        current.update(build=library.build, wait=nothing, sample=SAMPLE)
        return library.about()
    current.update(build=partial(library.build, device=device), wait=partial(library.wait, device), sample=WAITED)
    return library.about(device)


def prepare(workload, seconds: float):
    """Builds the workload and warms it up: (what its first step returned, as a float or None; seconds of a call).

    None if the library has no such workload.
    """
    current.pop("step", None)
    step, wait = current["build"](workload), current["wait"]
    if step is None:
        return None
    first = step()
    wait()
    now = time.perf_counter()
    took, done = 0.0, now + seconds
    least = COMPILED / workload.size if workload.size else 0
    for number in range(LONGEST_WARM_UP):
        begin = now
        step()
        wait()
        now = time.perf_counter()
        took = now - begin
        if now > done and number >= least:
            break
    current["step"], current["calls"] = step, max(1, int(current["sample"] / max(took, 1e-9)))
    return None if first is None else float(first), took


def block(seconds: float, turn: int = 0) -> float:
    """Runs the step for about `seconds` and at least once: the median time of a call.

    The caller's thread stays on one core, the same in all libraries, another every second turn: on rented machines a core
    may be half as fast as the next one for seconds, as it has neighbours, and each process would have its own.
    """
    if not hasattr(os, "sched_setaffinity"):
        return timed(seconds)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[turn // 2 % len(cores)]})
    try:
        return timed(seconds)
    finally:
        os.sched_setaffinity(0, cores)


def timed(seconds):
    step, calls, wait, clock = current["step"], range(current["calls"]), current["wait"], time.perf_counter
    times = []
    now = clock()
    end = now + seconds
    while not times or now < end:
        before = clock()
        for _ in calls:
            step()
        wait()
        now = clock()
        times.append((now - before) / len(calls))
    return statistics.median(times)


def nothing():
    """A step on the CPU has ended when it returns."""


def forget():
    """Frees the workload; the young generations, since a whole collection takes longer than most workloads."""
    current.pop("step", None)
    gc.collect(1)
