"""A Sequential where nothing is recorded is one call of a kernel, with the bits of its modules' own calls; and only where nobody would
notice."""

import itertools

import numpy as np
import pytest

import minitorch as torch
from minitorch import kernels, nn


def network(sizes, activation=None, bias=True, dtype=torch.float32):
    torch.manual_seed(0)
    parts = []
    for inputs, outputs in itertools.pairwise(sizes):
        parts += [nn.Linear(inputs, outputs, bias=bias, dtype=dtype), *([activation()] if activation else [])]
    return nn.Sequential(*parts)


def silently(model, x):
    with torch.no_grad():
        return model(x)


@pytest.fixture
def calls(monkeypatch):
    """The chains that a kernel computed: how many layers each."""
    found, chain = [], kernels.layer.chain

    def counted(table, modules, *given):
        result = chain(table, modules, *given)
        if result is not NotImplemented:
            found.append(sum(type(module) is nn.Linear for module in modules.values()))
        return result

    monkeypatch.setattr(kernels.layer, "chain", counted)
    return found


pytestmark = pytest.mark.skipif(not kernels.layer.available, reason="there is no kernel here")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", [None, nn.ReLU, nn.Tanh, nn.Sigmoid])
@pytest.mark.parametrize("sizes", [(1, 1), (2, 16, 2), (64,) * 5, (784, 256, 128, 10)])
def test_its_bits_are_those_of_the_modules(sizes, activation, dtype):
    for bias, rows in itertools.product((True, False), (1, 3, 32, 200)):
        model = network(sizes, activation, bias, dtype)
        x = torch.randn(rows, sizes[0], dtype=dtype)
        x[0, 0] = float("nan") if rows == 3 else -0.0
        recorded, silent = model(x), silently(model, x)
        assert recorded.requires_grad
        assert not silent.requires_grad
        assert (silent.dtype, silent.shape) == (recorded.dtype, recorded.shape)
        np.testing.assert_array_equal(silent.numpy(), recorded.detach().numpy())


def test_all_layers_are_one_call(calls):
    model = network((8, 8, 8, 4), nn.ReLU)
    silently(model, torch.randn(5, 8))
    model(torch.randn(5, 8))
    assert calls == [3, 3]


def test_in_inference_mode_the_result_is_an_inference_tensor():
    with torch.inference_mode():
        assert network((3, 2), nn.ReLU)(torch.randn(1, 3)).is_inference()
    assert not silently(network((3, 2)), torch.randn(1, 3)).is_inference()


class Doubled(nn.Linear):
    def forward(self, input):
        return 2 * super().forward(input)


class Counted(nn.Linear):
    def __call__(self, input):
        self.seen = input
        return super().__call__(input)


@pytest.mark.parametrize("kind", [Doubled, Counted])
def test_methods_of_ones_own_are_called(kind):
    model = nn.Sequential(nn.Linear(3, 3), kind(3, 3))
    x = torch.randn(2, 3)
    np.testing.assert_array_equal(silently(model, x).numpy(), model(x).detach().numpy())
    assert kind is Doubled or model[1].seen is not None


def test_every_call_of_a_module_may_be_watched(monkeypatch):
    seen, call = [], nn.Module.__call__
    monkeypatch.setattr(nn.Module, "__call__", lambda self, *args: seen.append(type(self)) or call(self, *args))
    silently(network((3, 2), nn.ReLU), torch.randn(1, 3))
    assert seen == [nn.Sequential, nn.Linear, nn.ReLU]


def test_hooks_and_replaced_methods_see_their_call(monkeypatch):
    model, seen = network((3, 3), nn.ReLU), []
    handle = model[1].register_forward_hook(lambda module, args, out: seen.append("hook"))
    silently(model, torch.randn(2, 3))
    handle.remove()
    model[0].forward = lambda x: seen.append("instance") or x
    silently(model, torch.randn(2, 3))
    del model[0].forward
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: seen.append("class") or x)
    silently(model, torch.randn(2, 3))
    assert seen == ["hook", "instance", "class"]


def test_tracers_see_every_operation(traced):
    silently(network((3, 3), nn.ReLU), torch.randn(2, 3))
    assert traced == ["linear", "relu"]


def test_without_kernels_the_modules_are_called(calls, monkeypatch):
    model, x = network((3, 3, 2), nn.Tanh), torch.randn(2, 3)
    want = silently(model, x)
    monkeypatch.setattr("minitorch.ops.table.switches.fused", False)
    np.testing.assert_allclose(silently(model, x).numpy(), want.numpy(), rtol=1e-6)
    assert calls == [2]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.insert(1, nn.Softplus()),
        lambda m: m.insert(0, nn.ReLU()),
        lambda m: m.insert(1, nn.Flatten()),
        lambda m: m.append(nn.Sequential(nn.Linear(2, 2), nn.ReLU())),
        lambda m: setattr(m[0], "weight", nn.Parameter(torch.randn(3, 6)[:, ::2])),  # not contiguous
        lambda m: setattr(m[0], "bias", None),
        lambda m: m.insert(1, nn.Sigmoid()) and m.insert(1, nn.Tanh()),
    ],
)
def test_other_modules_and_layouts_give_what_they_give(change):
    model, x = network((3, 3, 2), nn.ReLU), torch.randn(4, 3)
    change(model)
    np.testing.assert_array_equal(silently(model, x).numpy(), model(x).detach().numpy())


@pytest.mark.parametrize("x", [torch.randn(0, 3), torch.randn(3), torch.randn(2, 2, 3), torch.randn(4, 6)[:, ::2]])
def test_other_inputs(x):
    model = network((3, 3, 2), nn.ReLU)
    np.testing.assert_array_equal(silently(model, x).numpy(), model(x).detach().numpy())


@pytest.mark.parametrize("x", [torch.randn(2, 4), torch.randn(2, 3, dtype=torch.float64), torch.ones(2, 3, dtype=torch.int64)])
def test_wrong_inputs_raise_what_the_modules_raise(x):
    model = network((3, 3, 2), nn.ReLU)
    with pytest.raises(RuntimeError) as recorded:
        model(x)
    with pytest.raises(RuntimeError) as silent:
        silently(model, x)
    assert str(silent.value) == str(recorded.value)


def test_a_parameter_that_is_no_matrix():
    model = network((3, 3))
    model[0].weight = nn.Parameter(torch.tensor(1.0))
    with pytest.raises(RuntimeError, match="at least 1D, but they are 2D and 0D"):
        silently(model, torch.randn(2, 3))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda m: m._modules.update({"1": None}), TypeError),
        (lambda m: m._modules.update({"1": object()}), TypeError),
        (lambda m: m[0]._parameters.pop("weight"), AttributeError),
        (lambda m: m[0]._parameters.pop("bias"), AttributeError),
        (lambda m: m[0]._parameters.update(weight=3), TypeError),
        (lambda m: m[0].__dict__.update(_parameters=None), (AttributeError, TypeError)),
    ],
)
def test_what_is_no_model(change, error):
    model = network((3, 3, 2), nn.ReLU)
    change(model)
    for call in (silently, lambda model, x: model(x)):
        with pytest.raises(error):
            call(model, torch.randn(2, 3))
    with pytest.raises((TypeError, AttributeError)):
        model([1.0, 2.0])


def test_nothing_but_activations(calls):
    x = torch.randn(2, 3)
    np.testing.assert_array_equal(silently(nn.Sequential(nn.ReLU()), x).numpy(), x.relu().numpy())
    assert calls == []
    assert silently(nn.Sequential(), x) is x
