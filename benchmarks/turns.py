"""Turns: in each round every process runs its block once, while the others sleep."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from . import peers
from .process import Process, ProcessError
from .rows import OURS, Row

#: seconds of a round, all libraries together, from which on so few rounds do
FEWER = ((2.0, 1), (0.1, 3))

#: times as many rounds as usual, at most, where those so far leave open whether a target is reached
MOST = 5


@dataclass(frozen=True)
class Budget:
    """How long a workload is measured: seconds of warm-up and of a block, rounds."""

    warm_up: float
    block: float
    rounds: int


def open_workers(names, threads, device="cpu"):
    """A process for each library, opened for a device: (workers by name, what each says about itself, errors by name)."""
    workers, about, errors = {}, {}, {}
    for name in names:
        worker = Process(name, peers.environment(threads))
        try:
            about[name] = worker.ask("benchmarks.worker:open_library", name, threads, device)
        except ProcessError as error:
            errors[name] = last_line(error)
            worker.close()
        else:
            workers[name] = worker
    return workers, about, errors


def take_turns(names, rounds, ask):
    """`{one: [ask(one) of each round]}`. The order is reversed every round, so that none is always the first."""
    found = {name: [] for name in names}
    for number in range(rounds):
        take_turn(found, names, number, ask)
    return found


def take_turn(found, names, number, ask):
    for name in names if number % 2 == 0 else reversed(names):
        found[name].append(ask(name))


def measure(workload, workers, budget, threads, bound=None, undecided=lambda row: False) -> Row:
    """One workload in every library that has it. A library that fails is reported, the others go on.

    undecided   whether a row needs more rounds, of minitorch and torch
    """
    row = Row(workload.group, workload.name, threads, workload.size, shares=workload.shares, bound=bound)
    first, took = {}, 0.0
    for name, worker in list(workers.items()):
        try:
            prepared = worker.ask("benchmarks.worker:prepare", workload, budget.warm_up)
        except ProcessError as error:
            drop(name, workers, row, error)
            continue
        if prepared is not None:
            first[name] = prepared[0]
            took += prepared[1]
        worker.rest()

    def ask(name, turn):
        try:
            return workers[name].ask("benchmarks.worker:block", budget.block, turn)
        except ProcessError as error:
            drop(name, workers, row, error)
            raise
        finally:
            if name in workers:
                workers[name].rest()

    try:
        rounds = min(next((few for seconds, few in FEWER if took > seconds), budget.rounds), budget.rounds)
        row.rounds = {name: [] for name in first}
        for number in range(MOST * rounds):
            if number >= rounds and not undecided(row):
                break
            names = [name for name in first if number < rounds or name in (OURS, "torch")]
            take_turn(row.rounds, names, number, partial(ask, turn=number))
    except ProcessError:
        pass  # noted by `drop`: the row has an error and no figures
    for name in first:
        if name in workers:
            workers[name].ask("benchmarks.worker:forget")
    row.note = disagreement(first)
    return row


def drop(name, workers, row, error):
    """Notes the failure; a process that has ended takes no further part."""
    row.errors[name] = last_line(error)
    if workers[name].child.poll() is not None:
        workers.pop(name).close()


def disagreement(first):
    """What the first step returned must be the same in torch and minitorch, or they were not given the same work."""
    ours, theirs = first.get(OURS), first.get("torch")
    if ours is None or theirs is None or abs(ours - theirs) <= 1e-3 * max(abs(theirs), 1e-3):
        return ""
    return f"the first step gives {ours:.6g}, torch {theirs:.6g}"


def last_line(error):
    return str(error).strip().splitlines()[-1][:300]
