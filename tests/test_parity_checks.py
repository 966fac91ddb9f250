"""Every check of the parity suite finds what is wrong, and says it. (The command line: test_parity.py.)"""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import minitorch
from parity import compare, differences, layers, operations, report, suite, trainings, worker


def test_ulps_across_the_whole_range_does_not_overflow():
    most = np.finfo(np.float64).max
    assert compare.ulps(most, -most) == pytest.approx(2 * float(np.float64(most).view(np.int64)))
    assert compare.largest(compare.ulps(np.zeros((0, 3)), np.zeros((0, 3)))) == 0
    assert compare.ulps(np.float16(1), np.nextafter(np.float16(1), np.float16(2))) == 1


def test_bits_equal_sees_signs_shapes_and_dtypes():
    zero = np.zeros(2)
    assert compare.bits_equal(np.array([np.nan]), np.array([np.nan]))
    assert not compare.bits_equal(zero, -zero)
    assert not compare.bits_equal(zero, zero[None])
    assert not compare.bits_equal(zero, zero.astype(np.float32))


def test_growth_is_the_largest_deviation_so_far():
    assert compare.growth([0.0, 1e-9, 0.0, 1e-8]) == [(1, 0.0), (3, 1e-9), (4, 1e-8)]


# ---------------------------------------------------------------------- trainings


@pytest.fixture(scope="module")
def recorded():
    with worker.one_thread(torch):
        return trainings.run_training(torch, "diabetes", quick=True)


def judged(ours, theirs, nudged=None):
    """The result, and the names of the checks that failed."""
    result = compare.compare_training(trainings.TRAININGS["diabetes"], ours, theirs, nudged or theirs)
    return result, {c.name for c in result.checks if not c.passed}


def test_one_changed_rounding_is_reported_and_allowed(recorded):
    losses = recorded.losses.copy()
    losses[6] = np.nextafter(losses[6], np.float32(9))
    result, failed = judged(replace(recorded, losses=losses), recorded)
    assert not failed
    assert result.parts_at == 7
    assert 0 < result.worst < 1e-6


def test_torch_beside_itself_is_told_and_excuses_nothing(recorded):
    with worker.one_thread(torch):
        nudged = trainings.run_training(torch, "diabetes", quick=True, nudge=True)
    assert compare.ulps(*(next(iter(r.initial.values())) for r in (nudged, recorded))).max() in (1, 2)
    result, failed = judged(recorded, recorded, nudged)
    assert not failed
    assert 0 < result.worst_nudged < 1e-4
    assert result.worst == 0
    stopped_early = replace(nudged, losses=nudged.losses[:5] * np.float32(1.5))
    result, failed = judged(replace(recorded, losses=recorded.losses * 2), recorded, stopped_early)
    assert failed == {"losses"}
    assert "torch deviates from itself by 0.5" in result.checks[2].detail


@pytest.mark.parametrize("factor", [1.01, np.nan, np.inf])
def test_a_wrong_loss_fails(recorded, factor):
    losses = recorded.losses.copy()
    losses[-1] *= factor
    result, failed = judged(replace(recorded, losses=losses), recorded)
    assert failed == {"losses"}
    assert f"at step {len(losses)}" in next(c.detail for c in result.checks if not c.passed)


def test_each_other_difference_fails_its_own_check(recorded):
    name = next(iter(recorded.initial))
    initial = recorded.initial | {name: recorded.initial[name] + np.float32(1e-7)}
    final = recorded.final | {name: recorded.final[name] * np.float32(1.5)}
    assert judged(recorded, recorded)[1] == set()
    assert judged(replace(recorded, initial=initial), recorded)[1] == {"initial weights"}
    assert judged(replace(recorded, order=recorded.order[::-1]), recorded)[1] == {"shuffles"}
    assert judged(replace(recorded, masks=[np.ones(3, bool)]), recorded)[1] == {"dropout masks"}
    assert judged(replace(recorded, predictions=recorded.predictions + 1), recorded)[1] == {"predictions"}
    assert judged(replace(recorded, final=final), recorded)[1] == {"final parameters"}
    assert judged(replace(recorded, losses=recorded.losses[:-1]), recorded)[1] == {"losses"}


# ---------------------------------------------------------------------- operations and optimizers


@dataclass
class Sample:
    args: tuple
    kwargs: dict


class Row:
    """A row of an operation table whose function may be wrong."""

    name, torch, differentiable = "tanh", "tanh", True

    def __init__(self, front):
        self.front = front

    def samples(self, dtype):
        for x in (np.linspace(-2, 2, 12).reshape(3, 4), np.float64(0.3), np.zeros((0, 2)), np.ones((4, 3)).T):
            yield Sample((np.asarray(x, dtype),), {})


class WrongGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx, g):
        return g * (1 - ctx.saved_tensors[0] ** 2)


class Other:
    """torch under another identity, so that the row's own function is called on its side."""

    def __getattr__(self, name):
        return getattr(torch, name)


def refuse(x):
    raise ValueError("no such thing")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_right_operation_passes_with_both_gradients(dtype):
    result = operations.check_operation(Other(), Row(torch.tanh), dtype)
    assert result.passed, result.failures
    assert result.samples == 4
    assert all(result.compared[o] for o in operations.ORDERS)
    assert result.ulps["value"] == 0


@pytest.mark.parametrize(
    ("front", "words"),
    [
        (lambda x: x.tanh() * 1.001, "value 0: largest difference"),
        (lambda x: x.tanh().to(torch.float16), "float16"),
        (lambda x: x.tanh().reshape(-1), "for torch's"),
        (WrongGradient.apply, "gradient 0: largest difference"),
        (lambda x: x.detach().tanh(), "only torch has one"),
        (lambda x: x.detach().tanh_().requires_grad_(), "changed its input"),
        (refuse, "ValueError: no such thing"),
    ],
    ids=["value", "dtype", "shape", "gradient", "no gradient", "input changed", "raises"],
)
def test_a_wrong_operation_is_found(front, words):
    result = operations.check_operation(Other(), Row(front), "float64")
    assert not result.passed
    assert any(words in f for f in result.failures), result.failures


def test_a_wrong_optimizer_is_found():
    class SGD(torch.optim.SGD):
        def __init__(self, parameters, lr):
            super().__init__(parameters, lr=lr * 1.01)

    wrong = Other()
    wrong.optim = type("optim", (), {"SGD": SGD})
    row = ("SGD", {"lr": 0.1})
    assert layers.check_optimizer(Other(), row, "float64").passed
    assert "relative (allowed" in layers.check_optimizer(wrong, row, "float64").error


# ---------------------------------------------------------------------- reports


def test_differences_are_the_sentences_of_the_source(tmp_path):
    (tmp_path / "__init__.py").write_text(
        '"""Unlike torch: one."""\n\n# Unlike torch: two (1e-7\n# of it), "b.c" too. More.'
    )
    package = SimpleNamespace(__file__=str(tmp_path / "__init__.py"))
    where = f"{tmp_path.name}/__init__.py"
    assert differences.stated(package) == [
        (f"{where}:1", "one"),
        (f"{where}:3", 'two (1e-7 of it), "b.c" too'),
    ]
    ours = differences.stated(minitorch)
    assert any("plateau.py" in where and "NaN metric raises ValueError" in what for where, what in ours)
    found = suite.Report(
        suite.Choices(), versions=dict.fromkeys(("torch", "numpy", "python"), ""), differences=ours
    )
    report.write(found, tmp_path)
    assert "NaN metric raises ValueError" in (tmp_path / "parity.html").read_text()
    assert len(json.loads((tmp_path / "parity.json").read_text())["differences"]) == len(ours)


def test_reports_hold_what_json_and_xml_cannot(tmp_path):
    found = suite.Report(suite.Choices(device="torch"), versions={"torch": "2.11.0+cu130", "numpy": "", "python": ""})
    found.layers = [layers.RowResult("module", "Odd()", "float32", math.inf, math.nan, 1, "not \x00 <equal>")]
    report.write(found, tmp_path)
    written = json.loads((tmp_path / "parity.json").read_text())
    assert written["layers"][0]["ulps"] == "inf"
    assert written["arithmetic"] == "torch"
    assert "torch does the arithmetic" in (tmp_path / "parity.html").read_text()
    assert "This is torch 2.11.0; minitorch follows 2.13.0" in (tmp_path / "parity.html").read_text()
    assert ET.parse(tmp_path / "parity.xml").getroot().find(".//failure") is not None
