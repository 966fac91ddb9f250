"""What is run, in which order: the choices of the command line in, one `Report` out."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass, field

from benchmarks.process import ProcessError

from . import differences, layers, operations
from .compare import Check, TrainingResult, compare_training
from .compilations import Compilations
from .speed import compare_speed
from .trainings import TRAININGS
from .worker import Worker

SECTIONS = ("operations", "modules", "optimizers", "schedulers", "speed")


@dataclass
class Choices:
    """The options of a run."""

    only: tuple = ()  # names of trainings, sections or operations; empty: everything
    seed: int = 0
    dtypes: tuple = ("float32", "float64")
    device: str = "cpu"
    quick: bool = False
    library: str = "minitorch"

    def wants(self, name):
        return not self.only or name in self.only


@dataclass
class Report:
    """Everything that was found."""

    choices: Choices
    trainings: list = field(default_factory=list)
    operations: list = field(default_factory=list)
    layers: list = field(default_factory=list)  # modules, optimizers, schedulers
    speed: list = field(default_factory=list)
    compiled: tuple = (
        0,
        0.0,
    )  # kernels that Numba compiled, and the seconds it took; cached ones are not compiled
    seconds: float = 0.0
    versions: dict = field(default_factory=dict)
    differences: list = field(default_factory=list)  # (where, what): minitorch's own, by intent

    @property
    def results(self):
        return [*self.trainings, *self.operations, *self.layers, *self.speed]

    @property
    def passed(self):
        return all(r.passed for r in self.results)

    @property
    def other_release(self):
        """One sentence if this torch isn't the release that minitorch follows, else nothing."""
        given, followed = self.versions["torch"].partition("+")[0], importlib.import_module("minitorch").__version__
        if given == followed:
            return ""
        return f"This is torch {given}; minitorch follows {followed}: a deviation may be a change between the two."


def table_of(library):
    """The rows of minitorch's table with a torch twin and samples; for another library, its functions."""
    from minitorch.ops.table import OPS

    rows = {name: row for name, row in OPS.items() if row.torch and row.samples}
    if library.__name__ == "minitorch":
        return rows
    return {name: OtherLibrary(row, library) for name, row in rows.items() if finds(library, row.torch)}


def finds(library, path):
    try:
        follow(library, path)
    except AttributeError:
        return False
    return True


def follow(library, path):
    for part in path.split("."):
        library = getattr(library, part)
    return library


class OtherLibrary:
    """A row of the table with the functions of another library (`--library`)."""

    def __init__(self, row, library):
        self.name, self.torch, self.samples, self.differentiable = (
            row.name,
            row.torch,
            row.samples,
            row.differentiable,
        )
        self.front = follow(library, row.torch)


def run(choices: Choices, progress) -> Report:
    """Runs what the choices ask for. `progress(part, total)` returns a function `advance(what)`."""
    begin = time.perf_counter()
    compilations = Compilations()
    library = importlib.import_module(choices.library)
    report = Report(
        choices, versions=versions(choices.device), differences=differences.stated(importlib.import_module("minitorch"))
    )
    names = [n for n in TRAININGS if choices.wants(n)]
    timed = [n for n in TRAININGS if n in choices.only] or list(TRAININGS) if choices.wants("speed") else []
    if names or timed:
        with Worker(choices.library, choices.device) as ours, Worker("torch", "cpu") as theirs:
            report.trainings = run_trainings(choices, names, ours, theirs, progress)
            report.speed = run_speed(choices, timed, ours, theirs, progress)
            report.compiled = ours.compilations() if choices.library != "torch" else report.compiled
    report.operations = run_operations(choices, library, progress)
    report.layers = run_layers(choices, library, progress)
    report.compiled = tuple(a + b for a, b in zip(report.compiled, compilations.totals(), strict=True))
    report.seconds = time.perf_counter() - begin
    return report


def versions(device):
    """Of what takes part in the comparison; `gpu`: its name, if there is one."""
    import platform

    import numpy
    import torch

    found = {"torch": torch.__version__, "numpy": numpy.__version__, "python": platform.python_version()}
    return found | ({"gpu": torch.cuda.get_device_name()} if device == "cuda" else {})


def run_trainings(choices, names, ours, theirs, progress):
    advance = progress("trainings", len(names) * len(choices.dtypes))
    results = []
    for name in names:
        for dtype in choices.dtypes:
            advance(f"{name} {dtype}", 0)
            results.append(one_training(choices, name, dtype, ours, theirs))
            advance(f"{name} {dtype}", 1)
    return results


def one_training(choices, name, dtype, ours, theirs):
    row = TRAININGS[name]
    options = dict(seed=choices.seed, dtype=dtype, quick=choices.quick)
    theirs.record(name, **options)
    ours.record(name, **options)
    expected = theirs.answer()
    theirs.record(name, nudge=True, **options)
    nudged = theirs.answer()
    try:
        recorded = ours.answer()
    except ProcessError as error:
        result = TrainingResult(name, row.title, row.ingredients, dtype, error=str(error))
        result.theirs = expected.losses.tolist()
        result.checks = [Check("runs", False, str(error).strip().splitlines()[-1])]
        return result
    return compare_training(row, recorded, expected, nudged)


def run_speed(choices, names, ours, theirs, progress):
    if not names:
        return []
    # Step times of float32, the dtype people train in.
    dtype = "float32" if "float32" in choices.dtypes else choices.dtypes[0]
    steps, turns = (40, 3) if choices.quick else (150, 5)
    advance = progress("speed", len(names))
    results = []
    for name in names:
        advance(name, 0)
        results.append(compare_speed(ours, theirs, name, dtype, choices.seed, steps, turns))
        advance(name, 1)
    return results


def run_operations(choices, library, progress):
    rows = table_of(library)
    if not choices.wants("operations"):
        rows = {name: row for name, row in rows.items() if name in choices.only}
    if not rows:
        return []
    plan = [
        (row, dtype) for _, row in sorted(rows.items()) for dtype in operations.dtypes_of(row, choices.dtypes)
    ]
    advance = progress("operations", len(plan))
    results = []
    for row, dtype in plan:
        advance(row.name, 0)
        results.append(operations.check_operation(library, row, dtype, choices.device))
        advance(row.name, 1)
    return results


def run_layers(choices, library, progress):
    plan = []
    for section, rows, check in (
        ("modules", layers.MODULES, layers.check_module),
        ("optimizers", layers.OPTIMIZERS, layers.check_optimizer),
    ):
        if choices.wants(section):
            plan += [(check, (row, dtype, choices.device)) for row in rows for dtype in choices.dtypes]
    if choices.wants("schedulers"):
        plan += [(layers.check_scheduler, (row,)) for row in layers.SCHEDULERS]
    if not plan:
        return []
    advance = progress("modules, optimizers", len(plan))
    results = []
    for check, arguments in plan:
        results.append(check(library, *arguments))
        advance(results[-1].name, 1)
    return results
