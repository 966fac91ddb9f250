"""`tensor.pyi` is what the table says, and an editor that reads it finds the attached methods."""

import ast

import minitorch
from minitorch.ops import OPS, stub


def test_stub_is_up_to_date():
    assert stub.FILE.read_text() == stub.generate(), "run `python -m minitorch.ops.stub`"


def test_stub_has_every_method():
    tree = ast.parse(stub.FILE.read_text())
    cls = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Tensor")
    names = {n.name for n in cls.body if isinstance(n, ast.FunctionDef)} | {
        n.target.id for n in cls.body if isinstance(n, ast.AnnAssign)
    }
    methods = {name for name, row in OPS.items() if row.method} | {
        n + "_" for n, row in OPS.items() if row.inplace
    }
    assert methods <= names
    assert {"backward", "grad", "shape", "uniform_", "to", "__add__", "__getitem__"} <= names
    assert all(hasattr(minitorch.Tensor, n) for n in names - {"__init__"})


def test_stub_type_checks(tmp_path):
    """mypy accepts a program that uses attached methods, and refuses one that does not exist."""
    import mypy.api

    good = tmp_path / "good.py"
    good.write_text(
        "from minitorch.tensor import Tensor\ndef f(x: Tensor) -> Tensor:\n    return x.tanh().sum(dim=0).add_(1) @ x.T + 1\n"
    )
    bad = tmp_path / "bad.py"
    bad.write_text("from minitorch.tensor import Tensor\ndef f(x: Tensor) -> Tensor:\n    return x.tahn()\n")
    options = ["--follow-imports=silent", "--cache-dir", str(tmp_path / "cache")]
    out, err, status = mypy.api.run([*options, str(good)])
    assert status == 0, out + err
    out, err, status = mypy.api.run([*options, str(bad)])
    assert status == 1
    assert "tahn" in out
