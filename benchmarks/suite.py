"""What is run, in which order: the choices of the command line in, one `Report` out."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from . import (
    data,
    memory,
    obstacles,
    ops,
    optim,
    peers,
    roofline,
    scale,
    startup,
    steps,
    targets,
    thresholds,
    turns,
)
from .process import Process
from .rows import OURS
from .turns import Budget
from .workload import Workload

#: groups whose workloads take turns in long-lived processes: (rows, budget of each)
TIMED = {
    "steps": (steps.workloads, Budget(0.3, 0.12, 7)),
    "ops": (ops.workloads, Budget(0.03, 0.006, 5)),  # until the loops of large arrays are compiled
    "optim": (optim.workloads, Budget(0.02, 0.03, 5)),
    "data": (data.workloads, Budget(0.2, 0.2, 5)),
    "scale": (scale.workloads, Budget(0.2, 0.2, 5)),
}

#: groups that need a fresh process for every figure: function of (choices, names, threads, progress) -> rows
FRESH = {"memory": memory.measure, "startup": startup.measure, "thresholds": thresholds.measure}

#: groups that can be asked for on another device than the CPU: in the others no device takes part
ON_DEVICES = ("steps", "ops", "optim")

#: groups of whose workloads the arithmetic alone is measured too, and those where it is of the rows that miss their target
FLOORS, MISSED = ("steps", "own"), ("ops", "optim")

GROUPS = ("steps", "ops", "optim", "data", "memory", "startup", "scale", "thresholds")
PEER_NAMES = tuple(name for name in peers.PEERS if name != OURS)


@dataclass
class Choices:
    """The options of a run. Empty `only`: every row."""

    groups: tuple = GROUPS
    peers: tuple = PEER_NAMES
    threads: tuple = (1,)
    device: str = "cpu"
    quick: bool = False
    only: tuple = ()
    workloads: tuple = ()  # "file.py:function" of the user

    @property
    def brief(self):
        """Whether the groups that go over many sizes leave some out."""
        return self.quick or len(self.groups) > 1

    def wants(self, name):
        return not self.only or any(word in name for word in self.only)


@dataclass
class Report:
    """Everything that was found."""

    choices: Choices
    machine: dict
    rows: list = field(default_factory=list)
    about: dict = field(default_factory=dict)  # library -> version, BLAS
    left_out: dict = field(default_factory=dict)  # peer or row -> reason
    roofs: dict = field(default_factory=dict)  # threads -> roofline.measure
    seconds: float = 0.0

    @property
    def busy(self):
        """Whether others used more than a fifth of the machine before the first measurement."""
        return self.machine["load_before"] > 0.2 * self.machine["cores"]

    @property
    def failed(self):
        """Whether minitorch, or a workload in any library, failed, or the run was interrupted."""
        return bool({OURS, "the rest"} & self.left_out.keys()) or any(row.errors for row in self.rows)


def matches(choices):
    """Whether any row of the chosen groups is wanted."""
    return any(choices.wants(name) for group in choices.groups for name in names_of(group, choices))


def names_of(group, choices):
    if group in TIMED:
        return [w.name for w in TIMED[group][0](choices)]
    if group == "thresholds":
        return [t.title for t in thresholds.THRESHOLDS]
    return ["import", "import and first step"] if group == "startup" else [w.name for w in memory.WORKLOADS]


def run(choices: Choices, progress) -> Report:
    """Runs what the choices ask for. `progress(part, total)` returns a function `advance(what, by)`."""
    begin = time.perf_counter()
    report = Report(choices, machine())
    names = [OURS]
    for peer in choices.peers:
        if reason := peers.missing(peer, choices.device):
            report.left_out[peer] = reason
        else:
            names.append(peer)
    try:
        for threads in choices.threads:
            run_threads(report, names, threads, progress)
    except KeyboardInterrupt:  # what has been measured is worth a report
        report.left_out["the rest"] = "interrupted"
    report.machine["load_after"] = os.getloadavg()[0]
    report.seconds = time.perf_counter() - begin
    return report


def run_threads(report, names, threads, progress):
    choices = report.choices
    environment = peers.environment(threads)
    report.roofs[threads] = roof = roofline.measure(
        threads, choices.device, "torch" in names, lambda name: Process(name, environment)
    )
    timed = timed_workloads(report)
    undecided = targets.undecided if choices.device == "cpu" and not choices.quick else lambda row: False
    if timed:
        workers, about, errors = turns.open_workers(names, threads, choices.device)
        report.about |= about
        report.left_out |= errors
        with ExitStack() as opened:
            for worker in workers.values():
                opened.enter_context(worker)
            for group, (rows, budget) in timed.items():
                advance = progress(f"{group}, {threads} thread{'s' * (threads > 1)}", len(rows))
                for workload in rows:
                    advance(workload.name, 0)
                    bound = sum(roofline.bounds(workload.flops, workload.traffic, roof).values()) or None
                    row = turns.measure(workload, workers, budget, threads, bound, undecided)
                    wanted = group in FLOORS or (group in MISSED and targets.misses(row))
                    if wanted and choices.device == "cpu" and OURS in workers and row.rounds.get(OURS):
                        obstacles.explain(row, workload, workers[OURS], roof)
                    report.rows.append(row)
                    advance(workload.name, 1)
    for group in choices.groups:
        if group in FRESH and any(choices.wants(name) for name in names_of(group, choices)):
            report.rows += FRESH[group](choices, names, threads, progress)


def timed_workloads(report):
    """`{group: (workloads, budget)}` of the chosen groups, and the user's own."""
    choices = report.choices
    found = {}
    for group, (rows, budget) in TIMED.items():
        if group in choices.groups:
            rows = [w for w in rows(choices) if choices.wants(w.name)]
            if choices.quick:
                budget = Budget(budget.warm_up / 3, budget.block / 3, min(3, budget.rounds))
            if rows:
                found[group] = (rows, budget)
    if "ops" in choices.groups:
        report.left_out |= ops.left_out()
    if choices.workloads:
        own = [Workload("own", path.rpartition(":")[2], path, peers=True) for path in choices.workloads]
        found["own"] = (own, TIMED["steps"][1])
    return found


def machine():
    """Processor, cores, system, commit, and how busy the machine is before anything has been started."""
    return {
        "processor": processor(),
        "cores": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "load_before": os.getloadavg()[0],
    }


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit():
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
