"""The benchmarks: processes and turns, the arithmetic of reports, targets and comparisons. No test looks at a time."""

import json
import re
import sys

import numpy as np
import pytest

from benchmarks import console, floor, ops, optim, roofline, startup, steps, streams, suite, thresholds, turns
from benchmarks.__main__ import main
from benchmarks.compare import change, changes, summary
from benchmarks.obstacles import explain, obstacles
from benchmarks.process import Process, ProcessError
from benchmarks.report import as_html, as_markdown, write
from benchmarks.rows import Row, from_json, to_json
from benchmarks.suite import Choices, Report
from benchmarks.targets import HUGE, TARGETS, judge, misses, undecided
from benchmarks.words import bytes_of, ratio_of, seconds_of
from benchmarks.workload import Workload

OWN = """
def count(T, sums=3):
    x = T.arange(sums).float().requires_grad_()
    def step():
        x.grad = None
        loss = (x * x).sum()
        loss.backward()
        return loss
    return step

def nothing(T):
    T.zeros(1)

def broken(T):
    def step():
        raise ValueError("broken on purpose")
    return step
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return str(path)


# ---------------------------------------------------------------------- processes, turns


def test_process_answers_fails_and_ends():
    with Process("json") as process:
        assert process.ask("json:dumps", [1]) == "[1]"
        with pytest.raises(ProcessError, match=r"json.decoder.JSONDecodeError"):
            process.ask("json:loads", "[")
        assert process.ask("json:loads", "[2]") == [2]
        with pytest.raises(ProcessError, match=r"the process of json ended \(exit status 3\)"):
            process.ask("os:_exit", 3)


def test_what_a_library_prints_is_no_answer():
    with Process("print") as process:
        assert process.ask("builtins:print", "said") is None
        assert process.ask("math:sqrt", 4) == 2


def test_a_process_rests():
    with Process("sum") as process:
        process.send("builtins:sum", range(10**7))
        if sys.platform.startswith("linux"):
            assert any(process.runs() for _ in range(100_000))
        assert process.answer() == 49999995000000
        process.rest()
        assert not (sys.platform.startswith("linux") and process.runs())


def test_turns_are_taken_in_both_orders():
    asked = []
    found = turns.take_turns(["a", "b"], 3, lambda name: asked.append(name) or len(asked))
    assert "".join(asked) == "abbaab"
    assert found == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_same_work_is_checked():
    assert turns.disagreement({"minitorch": 2.0, "torch": 2.0001}) == ""
    assert turns.disagreement({"minitorch": 2.0, "torch": None}) == ""
    assert "gives 2, torch 3" in turns.disagreement({"minitorch": 2.0, "torch": 3.0})


def test_a_workload_in_both_libraries(own):
    workers, about, errors = turns.open_workers(["minitorch", "torch"], 1)
    try:
        assert not errors
        assert "blas" in about["torch"]
        budget = turns.Budget(0.0, 0.0, 3)
        row = turns.measure(Workload("own", "count", f"{own}:count"), workers, budget, 1)
        assert {name: len(rounds) for name, rounds in row.rounds.items()} == {"minitorch": 3, "torch": 3}
        assert row.note == ""
        assert row.ratio() > 0
        row = turns.measure(Workload("own", "count", f"{own}:count"), workers, budget, 1, undecided=lambda row: len(row.ratios()) < 5)
        assert {name: len(rounds) for name, rounds in row.rounds.items()} == {"minitorch": 5, "torch": 5}
        row = turns.measure(Workload("own", "broken", f"{own}:broken"), workers, budget, 1)
        assert set(row.errors) == {"minitorch", "torch"}
        assert row.errors["torch"] == "ValueError: broken on purpose"
        row = turns.measure(Workload("own", "nothing", f"{own}:nothing"), workers, budget, 1)
        assert (
            "a workload is a function of T that returns the function to be timed" in row.errors["minitorch"]
        )
    finally:
        for worker in workers.values():
            worker.close()


# ---------------------------------------------------------------------- workloads

#: operations whose result is larger than their arguments, or that take a list
SMALLER = {"cat", "expand", "outer", "kron", "baddbmm", "stack"}


@pytest.mark.parametrize("workload", steps.workloads(Choices()), ids=lambda w: w.name)
def test_steps_give_the_same_in_both_libraries(workload):
    import torch

    import minitorch

    if workload.name.startswith("1024"):
        pytest.skip("the same function as the smaller perceptrons")
    ours, theirs = workload.build(minitorch), workload.build(torch)
    for _ in range(2):
        assert ours().item() == pytest.approx(theirs().item(), rel=1e-4)


def test_operations_have_inputs_by_size():
    import minitorch

    assert ops.left_out() == {}
    assert len(ops.table()) > 180
    for op in ops.table():
        arguments, _ = ops.specification(op, 1000)
        elements = [int(np.prod(a[2])) if a[0] == "array" else a[2] ** 2 for a in arguments if a[0] in ("array", "definite")]
        assert op.name in SMALLER or 500 <= max(elements) <= 1000, op.name
    tanh = next(op for op in ops.table() if op.name == "tanh")
    step = ops.call(minitorch, tanh.torch, *ops.specification(tanh, 10))
    assert step() is None


def test_optimizers_come_from_the_library():
    assert {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad"} <= set(optim.names())
    assert set(optim.VARIANTS) <= set(optim.names())


def test_work_of_a_perceptron():
    flops, traffic = steps.work((3, 4, 2), 10)
    assert flops == 2 * 10 * ((12 + 8) * 2 + 8)  # forward and weights of both layers, the input of the second
    assert traffic == 28 * 20


def test_bound_adds_products_and_traffic():
    roof = {"gemm": 1e9, "bandwidth": [(1e3, 1e9), (1e5, 3e9)]}
    assert roofline.bounds(0, 0, roof) == {"products": 0, "memory": 0}
    assert roofline.bounds(2e9, 1e3, roof) == pytest.approx({"products": 2, "memory": 1e-6})
    assert roofline.rate_at(1e4, roof["bandwidth"]) == pytest.approx(2e9)
    assert roofline.rate_at(1e9, roof["bandwidth"]) == pytest.approx(3e9)


# ---------------------------------------------------------------------- figures, targets, comparison


def row(ours, theirs=None, group="steps", name="2-16-2 batch 32", **options):
    rounds = {"minitorch": list(ours)} | ({"torch": list(theirs)} if theirs else {})
    return Row(group, name, 1, rounds=rounds, **options)


def test_figures_of_a_row():
    r = row([1, 2, 3], [10, 10, 60])
    assert r.median() == 2
    assert r.ratio() == 10  # 10, 5, 20: in the same round
    assert r.spread() == 0.5
    assert r.ratio("jax") is None
    assert row([1, 2]).spread() is None
    assert from_json(json.loads(json.dumps(to_json([r])))) == [r]


def test_comparison_takes_noise_into_account():
    assert change(row([1, 1.01, 1.02]), row([1.2, 1.21, 1.22])).verdict == "slower"
    assert change(row([1.2, 1.21, 1.22]), row([1, 1.01, 1.02])).verdict == "faster"
    assert change(row([1, 1.01, 1.02]), row([1.03, 1.04, 1.05])).verdict == "same"  # too little
    assert change(row([1, 1.01, 1.5]), row([1.2, 1.21, 1.22])).verdict == "same"  # rounds overlap
    assert change(row([1, 1.1, 1.2]), row([1.21, 1.25, 1.45])).verdict == "same"  # less than the spread


def test_comparison_is_relative_to_torch():
    before, after = row([1, 1.01, 1.02], [2, 2.02, 2.04]), row([2, 2.02, 2.04], [4, 4.04, 4.08])
    assert change(before, after).factor == pytest.approx(1)
    assert change(before, row([2, 2.02, 2.04])).verdict == "slower"  # torch was not measured
    assert change(before, row([2, 2.02, 2.04], [2, 2.02, 2.04])).verdict == "slower"
    assert change(before, row([1, 1.01, 1.02], [1, 1.01, 1.02])).verdict == "same"  # only torch has changed
    assert change(before, row([0.8, 0.81, 0.82], [1, 1.01, 1.02])).verdict == "same"  # the two disagree
    # a machine that is faster today hides what became slower in part: neither says more than it knows
    assert change(before, row([1, 1.01, 1.02], [1.5, 1.515, 1.53])).verdict == "same"


def test_changes_of_two_runs():
    a = [row([1, 1, 1]), row([1, 1, 1], name="x"), row([1, 1, 1], name="gone")]
    b = [row([4, 4, 4]), row([1, 1, 1], name="x"), row([1, 1, 1], name="new")]
    found = changes(a, b)
    assert [c.verdict for c in found] == ["slower", "same"]
    assert summary(found) == {"steps": (2, pytest.approx(2))}


def fixture_report():
    machine = dict(
        processor="a processor", cores=2, system="s", python="3", commit="abc", date="today", load_before=0.0
    )
    rows = [
        row([1e-4] * 3, [6e-4] * 3, bound=5e-5),
        row([1e-3] * 3, [1.5e-3] * 3, name="784-256-128-10 batch 128", bound=5e-4),
        row([1e-6] * 3, [2e-6] * 3, "ops", "tanh", size=10),
        row([1e-3] * 3, [0.5e-3] * 3, "ops", "tanh", size=100_000),
        row([4e6] * 2, [8e6] * 2, "memory", "attention", unit="B"),
        row([0.1] * 3, [1.5] * 3, "startup", "import"),
        Row("data", "own", 1, errors={"torch": "ValueError: no"}),
    ]
    roofs = {1: {"gemm": 1e11, "bandwidth": [(100_000, 9e10)]}}
    about = {"minitorch": {"version": "1", "blas": "b"}}
    return Report(Choices(), machine, rows, about, {"jax": "jax is not installed"}, roofs, 1.0)


def test_targets_are_judged():
    found = {v.target.title: v for v in judge(fixture_report())}
    assert found["2-16-2 step"].reached
    assert found["2-16-2 step"].words == "6.00x"
    assert not found["784-256-128-10 step, of the roofline"].reached
    assert found["784-256-128-10 step, of the roofline"].words == "2.00x"
    assert found["any op, 10 to 10^4 elements"].reached
    assert not found["any op, 10^5 to 10^7 elements"].reached
    assert found["ops, geometric mean"].figure == pytest.approx(1)
    assert found["training steps, geometric mean"].figure == pytest.approx(3)
    assert "784" in found["training steps, worst"].detail
    assert found["import"].reached
    assert found["peak memory of a training step"].words == "2.00x"
    assert "chain of scalar ops" not in found  # not measured
    assert found["2-16-2 step"].detail == ""
    report = fixture_report()
    report.rows = [row([1, 2, 3], [6, 7, 20])]
    assert judge(report)[0].detail == "unsteady: rounds vary by 100%"
    assert len({t.title for t in TARGETS}) == len(TARGETS)


@pytest.mark.parametrize(("above", "rounds", "open"), [(5, 5, False), (4, 5, True), (0, 5, False), (3, 3, True), (16, 25, True), (18, 25, False)])
def test_rounds_that_leave_a_target_open(above, rounds, open):
    figures = [0.5] * above + [2.0] * (rounds - above)
    row = Row("ops", "lt", 1, 10, rounds={"minitorch": figures, "torch": [1.0] * rounds})
    assert undecided(row) == open
    row = Row("steps", HUGE, 1, bound=0.8, rounds={"minitorch": figures})
    assert undecided(row) == open
    assert not undecided(Row("own", "x", 1, rounds=row.rounds))


def test_reports(tmp_path):
    report = fixture_report()
    paths = write(report, tmp_path)
    assert [p.name for p in paths] == ["bench.html", "bench.json", "bench.md"]
    found = json.loads(paths[1].read_text())
    assert from_json(found["rows"]) == report.rows
    assert found["targets"][0]["reached"] is True
    html = as_html(report)
    assert not re.search(r"(src|href)=", html)  # self-contained
    assert html.count("<svg") == 6
    assert "ValueError: no" in html
    markdown = as_markdown(report)
    assert "| 2-16-2 step | 1 | at least 5.00x | 6.00x | reached |" in markdown
    assert "| 2-16-2 batch 32 | 1 | 100 us | 600 us | 6.00x |" in markdown
    assert all(line.count("|") == 7 for line in markdown.splitlines() if line.startswith("| ops"))


def test_what_stands_in_the_way():
    report = fixture_report()
    report.rows[1].alone = {"seconds": 5e-4, "operations": [["linear", 3, 2e-4, 2e-4], ["relu", 2, 5e-5, 5e-5]]}
    (found,) = obstacles(judge(report))
    assert (found.allowed, found.alone, found.what) == (pytest.approx(1.7 * 5e-4), 5e-4, "overhead")
    assert found.ratio == pytest.approx(3)
    figures = "| 784-256-128-10 batch 128 | 1 | 1 ms | 850 us | 500 us | 500 us | 1.5 ms | 3.00x |"
    assert f"{figures} overhead | 3 x linear 400 us, 2 x relu 100 us |" in as_markdown(report)
    assert "3 x linear 400 us" in as_html(report)


@pytest.mark.parametrize(
    ("alone", "products", "memory", "what"),
    [
        (6e-4, 1e-5, 1e-4, "overhead"),
        (8e-4, 1e-5, 1e-4, "calls"),
        (8e-4, 1e-5, 7e-4, "memory"),
        (8e-4, 6e-4, 1e-4, "products"),
    ],
)
def test_every_missed_operation_is_explained(alone, products, memory, what, capsys):
    report = fixture_report()
    missed = report.rows[3]
    assert [row for row in report.rows if misses(row)] == [missed]
    bounds = {"products": products, "memory": memory}
    missed.alone = {"seconds": alone, "bytes": 8, "bounds": bounds, "operations": [["tanh", 1, alone, 0.0]]}
    missed.bound = sum(bounds.values())
    (found,) = obstacles(judge(report))
    assert (found.row, found.allowed, found.what) == (missed, 0.5e-3 / 0.8, what)
    assert f"{what} | tanh" in as_markdown(report)
    console.show(report)
    assert what in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "options", "arrays"),
    [("SGD", {}, 3), ("SGD", {"momentum": 0.9}, 5), ("Adam", {}, 7), ("Adam", {"amsgrad": True}, 9), ("Adagrad", {}, 5)],
)
def test_streams_of_an_update_come_from_its_state(name, options, arrays):
    found = streams.update(Workload("optim", name, "benchmarks.optim:update", (name, 80_000, options), size=80_000))
    assert found["bytes"] == arrays * 4 * 80_000
    assert found["seconds"] > 0
    assert found["memory"] > 0
    assert found["operations"][0][0] == f"{name}'s kernel"


def test_a_missed_update_is_explained():
    report = fixture_report()
    missed = row([2e-3] * 3, [2e-3] * 3, "optim", "SGD", size=1000)
    report.rows.append(missed)

    class Here:
        def ask(self, function, workload):
            assert function == "benchmarks.streams:update"
            return {"seconds": 1.9e-3, "bytes": 10, "memory": 1.8e-3, "operations": [("SGD's kernel", 1, 1.9e-3, 0.0)]}

    explain(missed, None, Here(), None)
    (found,) = obstacles(judge(report))
    assert (found.row, found.row.bound, found.what) == (missed, 1.8e-3, "memory")
    assert "| SGD, 1,000 | 1 | 2 ms | 1.67 ms | 1.8 ms | 1.9 ms | 2 ms | 1.05x | memory | SGD's kernel 1.9 ms |" in as_markdown(report)


@pytest.mark.parametrize(("numpy", "what"), [(0.1, "overhead"), (0.3, "import numpy")])
def test_a_slow_import_is_explained(numpy, what):
    report = fixture_report()
    report.rows[5:6] = rows = [row([0.4] * 3, [1.5] * 3, "startup", name) for name in ("import", "import and first step")]
    startup.explain(rows, numpy, 0.0, 0.02)
    (found,) = obstacles(judge(report))
    assert (found.row, found.allowed, found.what) == (rows[0], 0.2, what)
    assert f"import minitorch after it {seconds_of(0.4 - numpy)}, Python's own start" in as_markdown(report)


def test_memory_that_a_step_must_hold():
    workload = Workload("memory", "small", "benchmarks.steps:mlp", ((40, 30, 20), 50))
    with Process("minitorch") as process:
        found = process.ask("benchmarks.memory:held", workload)
    rows = {name: size for name, _, size, _ in found["operations"]}
    weights, counts = 40 * 30 + 30 + 30 * 20 + 20, 4
    data = 50 * 40 * 4 + 50 * 8
    assert rows["array of parameters, states and data,"] == pytest.approx(3 * 4 * weights + 4 * counts + data, abs=64)
    assert rows["array saved by linear,"] == 4 * 50 * 30  # the relu's result, which the relu saves too
    assert found["seconds"] == sum(rows.values())


def test_arithmetic_of_an_operation_alone():
    tanh = next(w for w in ops.workloads(Choices()) if (w.name, w.size) == ("tanh", 1000))
    found = floor.measure(tanh)
    assert found["bytes"] == 4 * 1000 * (2 + 3)  # x, out; g, out, dx
    assert found["flops"] == 0
    view = next(w for w in ops.workloads(Choices()) if (w.name, w.size) == ("view", 1000))
    assert floor.measure(view)["bytes"] == 0


@pytest.mark.parametrize(
    ("name", "size", "products"),
    [("mm", 100, 3 * 10**3), ("linear", 100, 3 * 10**3), ("bmm", 160, 3 * 4 * 2 * 2 * 16), ("mv", 100, 3 * 100), ("add", 100, 0)],
)
def test_products_of_an_operation(name, size, products):
    """One forward, and one for the gradient of each factor."""
    r, c = ops.rows_and_columns(size)
    op = next(op for op in ops.table() if op.name == name)
    found = floor.measure(Workload("ops", name, "benchmarks.ops:call", (op.torch, *ops.specification(op, size)), size=size))
    assert (r * c, found["flops"]) == (size, 2 * products)


def test_arithmetic_of_a_step_alone():
    """Every operation once, with the calls and both directions; composites by what is inside, unless fused."""
    found = floor.measure(Workload("steps", "small", "benchmarks.steps:mlp", ((4, 3, 2), 5)))
    calls = {name: count for name, count, _, _ in found["operations"]}
    assert calls == {"linear": 2, "relu": 1, "mean_cross_entropy": 1}
    assert all(f > 0 and b > 0 for _, _, f, b in found["operations"])
    assert found["seconds"] == pytest.approx(sum(f + b for _, _, f, b in found["operations"]))
    inner = floor.measure(Workload("steps", "attention", "benchmarks.steps:attention", (1, 1, 4, 2)))
    assert {"matmul", "softmax", "mean"} <= {name for name, *_ in inner["operations"]}


def test_words():
    assert [seconds_of(s) for s in (1.234e-6, 5.67e-5, 1.5e-3, 0.4567, 12.0)] == [
        "1.23 us", "56.7 us", "1.5 ms", "457 ms", "12 s",
    ]  # fmt: skip
    assert [bytes_of(b) for b in (512, 4e6, 2.5e9)] == ["0.512 kB", "4 MB", "2.5 GB"]
    assert ratio_of(2) == "2.00x"
    assert ratio_of(None) == ""


# ---------------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stesp"], "unknown name 'stesp': did you mean 'steps'"),
        (["--peers", "torhc"], "unknown name 'torhc': did you mean 'torch'"),
        (["--threads", "0"], "expected numbers from 1 to"),
        (["--threads", "many"], "expected numbers from 1 to"),
        (["--workload", "nothing"], "expected FILE.py:FUNCTION, got 'nothing'"),
        (["--workload", "nowhere.py:f"], "no file nowhere.py"),
        (["steps", "--only", "xyzzy"], "no row of steps contains 'xyzzy'"),
        (["--out", __file__], "is a file, expected a folder"),
        (["data", "--device", "torch"], "group data: no device takes part in it"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["compare", "a.json"], "the following arguments are required: after"),
        (["compare", "nowhere.json", "nowhere.json"], "nowhere.json: No such file or directory"),
        (["compare", __file__, __file__], "not a bench.json of this program"),
    ],
)
def test_wrong_option_is_one_line_and_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_command_line(own, tmp_path, monkeypatch, capsys):
    budget = turns.Budget(0.0, 0.0, 2)
    monkeypatch.setitem(suite.TIMED, "steps", (steps.workloads, budget))
    roof = {"gemm": 1e11, "bandwidth": [(1e5, 1e11), (1e6, 1e11)]}
    monkeypatch.setattr(roofline, "measure", lambda *_: roof)
    out = tmp_path / "out"
    options = ["--peers", "torch", "--threads", "1", "--out", str(out)]
    assert main(["steps", "--only", "2-16-2", "--workload", f"{own}:count", *options]) == 0
    found = json.loads((out / "bench.json").read_text())
    assert [r["name"] for r in found["rows"]] == ["2-16-2 batch 32", "count"]
    assert found["rows"][1]["rounds"].keys() == {"minitorch", "torch"}
    assert all(len(taken) == 2 for taken in found["rows"][1]["rounds"].values())
    assert "missed" in capsys.readouterr().out or found["targets"][0]["reached"]
    assert main(["compare", str(out / "bench.json"), str(out / "bench.json")]) == 0
    assert "0 of 2 rows changed beyond noise" in capsys.readouterr().out
    assert main(["--workload", f"{own}:broken", *options]) == 1
    assert "broken on purpose" in capsys.readouterr().out


def test_random_weights_are_drawn_in_main_memory():
    """Drawn there and copied, for every initialisation: on a GPU the same seed would give other numbers."""
    import torch
    from torch.overrides import TorchFunctionMode

    from benchmarks.peers.torch import DrawnInMainMemory

    class Copies(TorchFunctionMode):
        seen = ()

        def __torch_function__(self, function, types, arguments=(), keywords=None):
            if function in (torch.Tensor.copy_, torch.Tensor.to):
                self.seen = (*self.seen, function.__name__)
            return function(*arguments, **(keywords or {}))

    def build():
        torch.manual_seed(0)
        linear, embedding = torch.nn.Linear(3, 2), torch.nn.Embedding(2, 3)
        return [*linear.parameters(), *embedding.parameters(), torch.randn(2), torch.randint(0, 9, (2,))]

    with Copies() as copies, DrawnInMainMemory():
        made = build()
    assert copies.seen == ("copy_", "copy_", "copy_", "to", "to")
    for a, b in zip(made, build(), strict=True):
        assert torch.equal(a, b)


def test_on_another_device(tmp_path, monkeypatch, capsys):
    """The same rows, with torch's arithmetic; the CPU's targets are not judged, libraries of the CPU are left out by name."""
    monkeypatch.setitem(suite.TIMED, "steps", (steps.workloads, turns.Budget(0.0, 0.0, 2)))
    monkeypatch.setattr(roofline, "TRAFFIC", (100_000, 200_000))
    monkeypatch.setattr(roofline, "GEMM", (16,))
    options = ["--threads", "1", "--out", str(tmp_path)]
    assert main(["steps", "--only", "BatchNorm,GPT", "--device", "torch", "--peers", "torch,mygrad", *options]) == 0
    found = json.loads((tmp_path / "bench.json").read_text())
    assert found["targets"] == []
    assert "torch" in found["about"]["minitorch"]["blas"]
    assert "CPU only" in found["left_out"]["mygrad"]
    for row in found["rows"]:
        assert row["note"] == ""  # the first loss is the same as torch's
        assert {name: len(rounds) for name, rounds in row["rounds"].items()} == {"minitorch": 2, "torch": 2}
    found["choices"]["device"] = "cpu"
    (tmp_path / "other.json").write_text(json.dumps(found))
    with pytest.raises(SystemExit):
        main(["compare", str(tmp_path / "bench.json"), str(tmp_path / "other.json")])
    assert "different devices, torch and cpu" in capsys.readouterr().err


@pytest.mark.parametrize("number", range(len(thresholds.THRESHOLDS)), ids=lambda i: thresholds.THRESHOLDS[i].title)
def test_both_ways_of_a_threshold(number):
    """The number is where the table says, a call of half and of twice its size goes either way, and the number is put back."""
    before, threshold = thresholds.value(number), thresholds.THRESHOLDS[number]
    for size in (before // 2, before * 2):
        call = threshold.call(size)
        for above in (False, True):
            with thresholds.way(threshold, above):
                assert threshold.compiled or thresholds.value(number) == (0 if above else sys.maxsize)
                call()
    assert thresholds.value(number) == before


def test_thresholds_are_measured_around_their_value(tmp_path, monkeypatch):
    monkeypatch.setattr(roofline, "measure", lambda *_: {"gemm": 1e11, "bandwidth": [(1e5, 1e11), (1e6, 1e11)]})
    assert main(["thresholds", "--only", "cross-entropy,SHARED", "--quick", "--threads", "1", "--out", str(tmp_path)]) == 0
    rows = [r for r in from_json(json.loads((tmp_path / "bench.json").read_text())["rows"]) if r.group == "thresholds"]
    for row, factor in zip(rows, (0.5, 1, 2) * 2, strict=True):
        number = next(i for i, t in enumerate(thresholds.THRESHOLDS) if t.title == row.name)
        assert row.size == thresholds.value(number) * factor
        compiled = thresholds.THRESHOLDS[number].compiled
        assert len(row.rounds) == (1 if compiled and factor < 1 else 2)
        assert all(len(seconds) == 3 for seconds in row.rounds.values())


# ---------------------------------------------------------------------- python -m minitorch.profile


def test_profile_adds_up():
    import minitorch as torch
    from minitorch.autograd.engine import watchers
    from minitorch.ops.table import tracers
    from minitorch.profile import profile

    x, w = torch.ones(4, 3, requires_grad=True), torch.ones(3, 2, requires_grad=True)
    with profile() as p:
        for _ in range(2):
            y = (x @ w).tanh().t()
            y.sum().backward()
    assert (p.lines["matmul"].calls, p.lines["tanh"].calls, p.lines["sum"].calls) == (2, 2, 2)
    assert p.lines["tanh"].bytes == 2 * 4 * 2 * 4
    assert p.lines["transpose"].bytes == 0  # a view
    for name in ("matmul", "tanh", "sum"):
        assert p.lines[name].forward > 0
        assert p.lines[name].backward > 0
    assert sum(line.total for line in p.lines.values()) <= p.seconds
    assert tracers == watchers == []
    lines = p.table("calls", top=2).splitlines()
    assert "more operations" in lines[3]
    shares = [float(s) for s in re.findall(r"([\d.]+)%", p.table())]
    assert sum(shares) == pytest.approx(100, abs=0.1 * len(shares))
    with pytest.raises(ValueError, match="expected one of total, forward"):
        p.table("name")


def test_profile_counts_a_body_once():
    import minitorch as torch
    from minitorch.profile import profile

    with profile() as p:
        torch.nn.functional.softmin(torch.ones(2, 3), dim=1)
    made = sum(line.bytes for line in p.lines.values())
    assert p.lines["softmin"].bytes == 0  # softmax made it
    assert made == 2 * 24  # -x and its softmax


def test_profile_of_a_function_of_the_user():
    import minitorch as torch
    from minitorch.profile import profile

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    with profile() as p:
        Double.apply(torch.ones(3, requires_grad=True)).sum().backward()
    assert p.lines["DoubleBackward"].backward > 0


def test_profile_of_gradients_of_gradients():
    import minitorch as torch
    from minitorch.profile import profile

    x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with profile() as p:
        (g,) = torch.autograd.grad((x * y).exp().sum(), [x], create_graph=True)
        torch.autograd.grad(g.sum(), [x])
    assert torch.equal(g, y * (x * y).exp())
    assert p.lines["exp"].calls == 1  # what the rules call belongs to their backward
    assert p.lines["mul"].backward > 0
    assert p.lines["exp"].backward > 0


def test_profile_of_a_script(tmp_path, capsys):
    from minitorch import profile

    script = tmp_path / "script.py"
    script.write_text(
        "import sys, minitorch as torch\n"
        "x = torch.ones(3, requires_grad=True)\n"
        "(x * int(sys.argv[1])).sum().backward()\n"
        "print(__name__, x.grad.tolist())\n"
        "sys.exit(5)\n"
    )
    with pytest.raises(SystemExit) as stop:
        profile.main([str(script), "4"])
    assert stop.value.code == 5
    said = capsys.readouterr().out
    assert "__main__ [4.0, 4.0, 4.0]" in said
    assert re.search(r"mul +1 .*12 B", said)
    with pytest.raises(SystemExit) as stop:
        profile.main(["nowhere.py"])
    assert stop.value.code == 2
