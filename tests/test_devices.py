"""The devices `torch` and `cuda`: the same rows on torch's tensors as plain arrays; backends with equal names; no mixing."""

import ast
import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import convert, floats, leaves
from test_ops import ROWS, call, gradients

import minitorch
from minitorch.ops import OPS


@pytest.mark.parametrize("name", ROWS)
def test_same_as_cpu(name, device, monkeypatch):
    row = OPS[name]

    def place(value, requires_grad=False):
        if isinstance(value, list):
            return [place(v, requires_grad) for v in value]
        if not isinstance(value, minitorch.Tensor):
            return value
        t = value.detach().to(device)
        return t.requires_grad_() if requires_grad and t.is_floating_point() else t

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
        assert all(x.device.type == device for x in leaves(args2))
        for a, b in zip([*floats(out), *g, *h], [*floats(out2), *g2, *h2], strict=True):
            if a is not None and b is not None:
                assert a.dtype is b.dtype
                assert b.device.type == device
                np.testing.assert_allclose(a.detach().numpy(), b.detach().cpu().numpy(), rtol=1e-9, atol=1e-9)
            else:
                assert a is b


def cotangent(shape, dtype, seed):
    return minitorch.tensor(np.random.default_rng(seed).uniform(-1, 1, tuple(shape)).astype(dtype))


def functions(module):
    """name -> parameters of a backend's functions, read from the source where there is one."""
    return {n: f for n, f in vars(module).items() if callable(f) and not n.startswith("_")}


def test_backends_have_the_same_names():
    from minitorch.backends import numpy as np_backend
    from minitorch.backends import torch as torch_backend
    from minitorch.backends.elementary import UFUNCS

    assert all(getattr(np_backend, name) for name in UFUNCS)  # each is there when it was asked for
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


def test_what_a_backend_makes_is_where_its_arguments_are():
    """On torch's device `meta`, which stands for a GPU: nothing may be made in main memory."""
    from minitorch.backends import torch as backend

    x = torch.ones(3, 4, device="meta")
    made = [
        backend.zeros_beside(x, (2,), torch.float64),
        backend.zeros_of(x, (2,)),
        backend.index_range(x, 1, 2),
        backend.diagonal_placed(x, shape=(3, 4, 4), offset=0, dim1=1, dim2=2),
        backend.unfold_placed(x.unfold(1, 2, 1), shape=(3, 4), dimension=1, size=2, step=1),
        backend.add(x, 1.5),
        backend.where(x > 0, x, 1.5),
        backend.full_like(x, 2),
    ]
    assert [m.device.type for m in made] == ["meta"] * len(made)


def test_missing_gradients_are_zeros_on_the_device(device):
    """Of several results of an operation, and of a user's function, raw and recorded."""

    class Both(minitorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x.double() * 3

        @staticmethod
        def backward(ctx, g, h):
            return g * 2 + h.float() * 3

    for create_graph in (False, True):
        x = minitorch.tensor([[2.0, 1.0], [0.0, 3.0]], device=device, requires_grad=True)
        (g,) = minitorch.autograd.grad(minitorch.linalg.svdvals(x).sum(), x, create_graph=create_graph)
        (h,) = minitorch.autograd.grad(Both.apply(x)[0].sum(), x, create_graph=create_graph)
        assert g.device.type == h.device.type == device
        assert h.tolist() == [[2, 2], [2, 2]]


def test_a_wrong_index_in_a_loader_is_an_error_of_this_process(device):
    """On a GPU torch would stop all further work of the process."""
    x = minitorch.arange(3.0, device=device)
    for wrong in (3, -4):
        loader = minitorch.utils.data.DataLoader(minitorch.utils.data.TensorDataset(x), sampler=[0, wrong], batch_size=2)
        with pytest.raises(IndexError):
            list(loader)
    assert (x + 1).tolist() == [1, 2, 3]


def test_filling_expanded(device):
    """One memory location for several elements: in place as on the CPU."""
    results = []
    for where in ("cpu", device):
        with minitorch.device(where), warnings.catch_warnings(action="ignore"):  # it is deprecated
            x = minitorch.ones(1, 3).expand(2, 3)
            x.fill_(2)
            x.masked_fill_(minitorch.tensor([[True, False, False], [False, False, False]]), 7)
            results.append(x.tolist())
            x.index_put_((x == 7,), minitorch.tensor(3.0))
            x[minitorch.tensor([1, 0]), minitorch.tensor([1, 1])] = minitorch.tensor([6.0, 6.0])
            results.append(x.tolist())
            assert x.zero_().sum() == 0
    assert results == [[[7, 2, 2]] * 2, [[3, 6, 2]] * 2] * 2


def test_mixing_devices(device):
    a, b = minitorch.ones(2), minitorch.ones(2, device=device)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        a + b
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        a.add_(b)
    assert a.tolist() == [1, 1]
    assert a._version == 0


def test_gradient_comes_back(device):
    x = minitorch.ones(2, requires_grad=True)
    (x.to(device) * 3).sum().backward()
    assert x.grad.device.type == "cpu"
    assert x.grad.tolist() == [3, 3]


def test_weights_of_a_sampler_on_another_device(device):
    """The random numbers are drawn in main memory, from torch's stream."""
    drawn = []
    for T, where in ((torch, "cpu"), (minitorch, device)):
        T.manual_seed(0)
        weights = T.tensor([0.1, 5.0, 0.0, 3.0], device=where)
        drawn.append(list(T.utils.data.WeightedRandomSampler(weights, 6)))
    assert drawn[0] == drawn[1]


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


# ---------------------------------------------------------------------- the default device

FACTORIES = {
    "tensor": lambda T: T.tensor([1.0]),
    "tensor of an array": lambda T: T.tensor(np.ones(2)),
    "as_tensor": lambda T: T.as_tensor(np.ones(2)),
    "as_tensor of a tensor": lambda T: T.as_tensor(T.ones(2, device="cpu")),
    "from_numpy": lambda T: T.from_numpy(np.ones(2)),
    "zeros": lambda T: T.zeros(2),
    "ones": lambda T: T.ones(2),
    "ones on another": lambda T: T.ones(2, device="cpu"),
    "empty": lambda T: T.empty(2),
    "full": lambda T: T.full((2,), 1.0),
    "full_like": lambda T: T.full_like(T.ones(2, device="cpu"), 2),
    "new_ones": lambda T: T.ones(2, device="cpu").new_ones(2),
    "arange": lambda T: T.arange(3),
    "linspace": lambda T: T.linspace(0, 1, 3),
    "logspace": lambda T: T.logspace(0, 1, 3),
    "eye": lambda T: T.eye(2),
    "tril_indices": lambda T: T.tril_indices(2, 2),
    "rand": lambda T: T.rand(2),
    "randn": lambda T: T.randn(2),
    "randn_like": lambda T: T.randn_like(T.ones(2, device="cpu")),
    "randint": lambda T: T.randint(0, 3, (2,)),
    "randperm": lambda T: T.randperm(3),
    "normal": lambda T: T.normal(0.0, 1.0, (2,)),
    "Tensor": lambda T: T.Tensor(2, 3),
    "Tensor of a list": lambda T: T.Tensor([1.0]),
    "Linear": lambda T: T.nn.Linear(2, 3).weight,
    "BatchNorm1d": lambda T: T.nn.BatchNorm1d(2).running_var,
    "Embedding": lambda T: T.nn.Embedding(2, 3).weight,
}


@pytest.mark.parametrize("name", FACTORIES)
def test_default_device(name, device):
    """What torch makes on the default device (`meta`, since it needs no GPU), we make there; what it doesn't, we don't."""
    with torch.device("meta"):
        expected = device if FACTORIES[name](torch).device.type == "meta" else "cpu"
    with minitorch.device(device):
        assert FACTORIES[name](minitorch).device.type == expected
    assert FACTORIES[name](minitorch).device.type == "cpu"


def test_default_devices_nest():
    torch_too = minitorch.device("torch")
    minitorch.set_default_device("torch")
    try:
        assert minitorch.get_default_device() == torch_too
        with minitorch.device("cpu"), torch_too, torch_too:
            assert minitorch.ones(1).device == torch_too
        with pytest.raises(RuntimeError, match="negative dimension"), minitorch.device("cpu"):
            minitorch.ones(-1)
        assert minitorch.ones(1).device == torch_too
        with pytest.raises(RuntimeError, match="Expected one of"):
            minitorch.set_default_device("gpu")
        assert minitorch.ones(1).device == torch_too
    finally:
        minitorch.set_default_device(None)
    assert str(minitorch.get_default_device()) == "cpu"
