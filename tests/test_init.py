"""nn.init against torch: the same numbers bit for bit, the generator left in the same state, the same errors."""

import warnings

import numpy as np
import pytest
import torch

import minitorch

CALLS = [
    ("uniform_", {"a": -1, "b": 2}),
    ("normal_", {"mean": 1, "std": 3}),
    ("normal_", {"std": -1}),
    ("constant_", {"val": 3.5}),
    ("ones_", {}),
    ("zeros_", {}),
    ("eye_", {}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {"a": 0.3, "mode": "fan_out"}),
    ("kaiming_uniform_", {"mode": "fan"}),
    ("kaiming_normal_", {"nonlinearity": "relu"}),
    ("kaiming_normal_", {"nonlinearity": "tanh"}),
    ("kaiming_normal_", {"nonlinearity": "nothing"}),
    ("orthogonal_", {"gain": 2}),
    ("trunc_normal_", {}),
    ("trunc_normal_", {"mean": 5.0}),
    ("trunc_normal_", {"a": 3.0, "b": 4.0}),
    ("dirac_", {}),
    ("dirac_", {"groups": 2}),
    ("sparse_", {"sparsity": 0.3}),
    ("xavier_normal", {}),
    ("eye", {}),
]
SHAPES = [(3, 4), (40, 30), (5,), (0, 3), (6, 2, 3), (2, 3, 4, 5)]


def outcome(T, name, options, shape, dtype, turned):
    T.manual_seed(0)
    w = T.nn.Parameter(T.empty(*shape, dtype=getattr(T, dtype)))
    x = w.detach().transpose(0, 1) if turned else w
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            assert getattr(T.nn.init, name)(x, **options) is x
        except (ValueError, RuntimeError) as error:
            return type(error)
    assert w.requires_grad
    return [x.detach().numpy(), T.rand(2).numpy()], [(m.category, str(m.message)) for m in said]


@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CALLS, ids=[f"{n}-{'-'.join(o)}" for n, o in CALLS])
def test_like_torch(name, options, dtype, turned):
    for shape in SHAPES:
        if turned and (len(shape) == 1 or (name == "orthogonal_" and len(shape) > 2)):
            continue  # NOTE: torch refuses to make the views that its orthogonal_ needs
        ours, theirs = (outcome(T, name, options, shape, dtype, turned) for T in (minitorch, torch))
        if isinstance(theirs, type):
            assert ours is theirs
            continue
        assert ours[1] == theirs[1]
        for a, b in zip(ours[0], theirs[0], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6 if name == "orthogonal_" else 0)


@pytest.mark.parametrize(
    "nonlinearity", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "conv2d", "no"]
)
@pytest.mark.parametrize("parameter", [None, 0.2, 1, True, "a"])
def test_gains(nonlinearity, parameter):
    def gain(T):
        try:
            return T.nn.init.calculate_gain(nonlinearity, parameter)
        except ValueError as error:
            return str(error)

    assert gain(minitorch) == gain(torch)
