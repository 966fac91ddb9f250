"""The device `torch`: the same rows on torch's tensors as plain arrays; backends with equal names; no mixing."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import convert, floats, leaves
from test_ops import ROWS, call, gradients

import minitorch
from minitorch.ops import OPS


@pytest.mark.parametrize("name", ROWS)
def test_same_as_cpu(name, monkeypatch):
    row = OPS[name]
    for sample in row.samples("float64"):
        try:
            args, out = call(minitorch, row, sample, row.differentiable)
        except RuntimeError:
            continue
        g, h = gradients(minitorch, args, out, "float64")
        with monkeypatch.context() as m:
            m.setattr("test_ops.convert", lambda T, v, r=False: place(convert(T, v), r))
            m.setattr("test_ops.cotangent", lambda T, s, d, seed: place(cotangent(s, d, seed)))
            args2, out2 = call(minitorch, row, sample, row.differentiable)
            g2, h2 = gradients(minitorch, args2, out2, "float64")
        assert all(x.device.type == "torch" for x in leaves(args2))
        for a, b in zip([*floats(out), *g, *h], [*floats(out2), *g2, *h2], strict=True):
            if a is not None and b is not None:
                assert a.dtype is b.dtype
                assert b.device.type == "torch"
                np.testing.assert_allclose(a.detach().numpy(), b.detach().cpu().numpy(), rtol=1e-9, atol=1e-9)
            else:
                assert a is b


def cotangent(shape, dtype, seed):
    return minitorch.tensor(np.random.default_rng(seed).uniform(-1, 1, tuple(shape)).astype(dtype))


def place(value, requires_grad=False):
    if isinstance(value, list):
        return [place(v, requires_grad) for v in value]
    if not isinstance(value, minitorch.Tensor):
        return value
    t = value.detach().to("torch")
    return t.requires_grad_() if requires_grad and t.is_floating_point() else t


def functions(module):
    """name -> parameters of a backend's functions, read from the source where there is one."""
    return {n: f for n, f in vars(module).items() if callable(f) and not n.startswith("_")}


def test_backends_have_the_same_names():
    from minitorch.backends import numpy as np_backend
    from minitorch.backends import torch as torch_backend

    ours, theirs = functions(np_backend), functions(torch_backend)
    helpers = {"dtypes", "np", "torch", "builtins", "math", "annotations", "keep_freed_memory", "strided", "running", "copied"}
    assert set(ours) - set(theirs) - helpers == set()
    assert set(theirs) - set(ours) - helpers == set()
    for name in sorted(set(ours) & set(theirs)):
        if (
            inspect.isfunction(ours[name])
            and inspect.isfunction(theirs[name])
            and theirs[name].__name__ == name
        ):
            a, b = (list(inspect.signature(f[name]).parameters) for f in (ours, theirs))
            assert a == b or b == ["args"], name


def test_ops_use_only_the_namespace():
    """Every `xp.name` in the op table exists in both backends and in `ops`."""
    from minitorch import ops
    from minitorch.backends import numpy as np_backend

    for file in Path(ops.__file__).parent.glob("*.py"):
        if file.name in ("table.py", "coerce.py"):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "xp":
                assert hasattr(np_backend, node.attr) or hasattr(ops, node.attr), (
                    f"{file.name}: xp.{node.attr}"
                )


def test_mixing_devices():
    a, b = minitorch.ones(2), minitorch.ones(2, device="torch")
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        a + b
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        a.add_(b)
    assert a.tolist() == [1, 1]
    assert a._version == 0


def test_gradient_comes_back():
    x = minitorch.ones(2, requires_grad=True)
    (x.to("torch") * 3).sum().backward()
    assert x.grad.device.type == "cpu"
    assert x.grad.tolist() == [3, 3]


def test_unknown_device():
    with pytest.raises(RuntimeError, match="Expected one of"):
        minitorch.ones(2, device="gpu")


def test_what_programs_ask_before_they_choose_a_device():
    assert minitorch.cuda.is_available() == torch.cuda.is_available()
    assert minitorch.cuda.device_count() == torch.cuda.device_count()
    assert minitorch.accelerator.is_available() == torch.cuda.is_available()
    assert str(minitorch.accelerator.current_accelerator()) == ("cuda" if torch.cuda.is_available() else "None")
    assert not minitorch.backends.mps.is_available()
    minitorch.cuda.manual_seed_all(0)
    minitorch.cuda.empty_cache()
    minitorch.backends.cudnn.deterministic = True
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="No CUDA GPUs are available"):
            minitorch.cuda.synchronize()
