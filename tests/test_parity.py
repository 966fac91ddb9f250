"""The parity suite itself: its arithmetic, and that it finds a torch that was spoilt on purpose."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from parity.__main__ import main
from parity.compare import first_difference, relative, ulps

#: torch with one thing wrong, as a module to import
SPOILT = """
import torch
from types import SimpleNamespace

def __getattr__(name):
    return getattr(torch, name)

def tanh(input):
    return torch.tanh(input) * (1 + 1e-4)

class SGD(torch.optim.SGD):
    def step(self, closure=None):
        super().step(closure)
        for p in self.param_groups[0]["params"]:
            p.data.mul_(1 - 1e-4)

optim = SimpleNamespace(SGD=SGD)
"""


@pytest.fixture
def spoilt(tmp_path, monkeypatch):
    (tmp_path / "spoilt_torch.py").write_text(SPOILT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "spoilt_torch"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ulps(dtype):
    one = dtype(1)
    up, down = np.nextafter(one, dtype(2)), np.nextafter(one, dtype(0))
    tiny = np.nextafter(dtype(0), one)
    a = np.array([1, 1, 1, 0.0, tiny, np.nan, np.inf, np.inf, np.nan], dtype)
    b = np.array([1, up, down, -0.0, -tiny, np.nan, np.inf, -np.inf, 1], dtype)
    assert ulps(a, b).tolist() == [0, 1, 1, 0, 2, 0, 0, np.inf, np.inf]
    assert ulps(b, a).tolist() == ulps(a, b).tolist()
    assert ulps(dtype(1), dtype(2)) == 2 ** np.finfo(dtype).nmant


def test_ulps_of_other_dtypes():
    assert ulps(np.array([3, -1]), np.array([1, -1])).tolist() == [2, 0]
    with pytest.raises(TypeError, match="one dtype, got float32 and float64"):
        ulps(np.float32(1), np.float64(1))


def test_first_difference():
    a = np.array([1.0, 0.0, np.nan, 2.0])
    assert first_difference(a, a.copy()) is None
    assert first_difference(a, np.array([1.0, -0.0, np.nan, 2.0])) == 1  # equal, but not bit for bit
    assert first_difference(a, np.array([1.0, 0.0, np.nan, 2.5])) == 3
    assert first_difference(a, a[:2]) == 2


def test_relative():
    assert relative([1.1, 0, 0, np.nan, np.nan], [1, 0, 1, np.nan, 1]) == pytest.approx(
        [0.1, 0, 1, 0, np.inf]
    )


def test_torch_equals_itself(tmp_path):
    """Every part, over the smallest things; the reports hold what the exit status says."""
    only = "diabetes,tanh,sort,bitwise_and,schedulers"
    picture = tmp_path / "curves.png"
    status = main(
        ["--only", only, "--quick", "--library", "torch", "--out", str(tmp_path), "--picture", str(picture)]
    )
    found = json.loads((tmp_path / "parity.json").read_text())
    suites = ET.parse(tmp_path / "parity.xml").getroot()
    assert status == 0
    assert [t["parts_at"] for t in found["trainings"]] == [None, None]
    assert {(o["name"], o["dtype"]) for o in found["operations"]} >= {
        ("tanh", "float64"),
        ("bitwise_and", "int64"),
    }
    assert not suites.findall(".//failure")
    assert len(suites.findall(".//testcase")) > 20
    assert picture.stat().st_size > 10_000
    page = (tmp_path / "parity.html").read_text()
    assert "everything within tolerance" in page
    assert "src=" not in page  # self-contained
    assert "<link" not in page


def test_the_second_run_compiles_nothing(tmp_path):
    """In processes of their own, with a cache that is empty at first; the report has the figure."""
    command = [
        sys.executable,
        "-m",
        "parity",
        "--only",
        "diabetes,optimizers,softmax",
        "--quick",
        "--out",
        str(tmp_path),
    ]
    counts = []
    for _ in range(2):
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        )
        counts.append(json.loads((tmp_path / "parity.json").read_text())["compiled"])
    (first, seconds), second = counts
    assert first > 10
    assert seconds > 0
    assert second == [0, 0.0]


def test_a_wrong_operation_is_found(tmp_path, spoilt):
    assert main(["--only", "tanh,sin", "--library", spoilt, "--out", str(tmp_path)]) == 1
    rows = json.loads((tmp_path / "parity.json").read_text())["operations"]
    assert {r["name"]: r["passed"] for r in rows} == {"tanh": False, "sin": True}
    failures = ET.parse(tmp_path / "parity.xml").getroot().findall(".//failure")
    assert "largest difference" in failures[0].get("message")
    assert "deviations found" in (tmp_path / "parity.html").read_text()


def test_a_wrong_training_is_found(tmp_path, spoilt):
    options = ["--only", "diabetes", "--dtype", "float64", "--quick"]
    assert main([*options, "--library", spoilt, "--out", str(tmp_path)]) == 1
    (training,) = json.loads((tmp_path / "parity.json").read_text())["trainings"]
    checks = {c["name"]: c["passed"] for c in training["checks"]}
    assert checks["initial weights"]
    assert checks["shuffles"]
    assert not checks["losses"]
    assert training["parts_at"] == 2  # the first step is still the same


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--only", "mnits"], "unknown name 'mnits': did you mean 'mnist'?"),
        (["--only", ","], "expected names separated by commas"),
        (["--dtype", "float16"], "invalid choice: 'float16'"),
        (["--seed", "one"], "invalid int value: 'one'"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--library", "no_such_library"], "No module named 'no_such_library'"),
        (["--only", "tanh", "--picture", "x.png"], "--picture"),
        (["--picture", "x.xyz"], "should end in .png"),
        (["--seed", str(2**64)], "does not fit into 64 bits"),
        (["--out", __file__], "is a file, expected a folder"),
        (["--out", f"{__file__}/reports"], "can't be made: Not a directory"),
    ],
)
def test_a_wrong_option_is_one_line_and_status_2(options, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(options)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
