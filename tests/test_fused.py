"""A fused pair of kernels gives what the readable body gives: value, gradient, and the gradient of that."""

import numpy as np
import pytest

import minitorch as T
from minitorch.ops.table import OPS, switches

F = T.nn.functional


def labels(x):
    return T.tensor(np.arange(x.shape[0]) % x.shape[1])


#: fused op -> calls of it: function(x, w, b) of x (N, C) and w, b (C)
CALLS = {
    "nll_loss": [lambda x, w, b: F.nll_loss(x, labels(x)), lambda x, w, b: F.nll_loss(x, labels(x), ignore_index=0)],
    "tanh": [lambda x, w, b: T.tanh(x), lambda x, w, b: T.tanh(x.T)],
    "sigmoid": [lambda x, w, b: T.sigmoid(x), lambda x, w, b: T.sigmoid(x * w)],
    "gelu": [lambda x, w, b: F.gelu(x), lambda x, w, b: F.gelu(x * w), lambda x, w, b: F.gelu(x.T)],
    "relu": [lambda x, w, b: T.relu(x), lambda x, w, b: T.relu(x * w)],
    **{
        name: [lambda x, w, b, f=getattr(F, name): f(x), lambda x, w, b, f=getattr(F, name): f(x * w)]
        for name in ("elu", "celu", "silu", "softplus", "logsigmoid", "hardswish")
    },
    "hardshrink": [lambda x, w, b: F.hardshrink(x), lambda x, w, b: F.hardshrink(x * w, 0.2)],
    "softshrink": [lambda x, w, b: F.softshrink(x), lambda x, w, b: F.softshrink(x.T, 0.2)],
    "softmax": [lambda x, w, b: T.softmax(x, 1), lambda x, w, b: T.softmax(x + w, -1)],
    "log_softmax": [lambda x, w, b: T.log_softmax(x, 1)],
    "logsumexp": [lambda x, w, b: T.logsumexp(x, 1), lambda x, w, b: T.logsumexp(x + w, -1, keepdim=True)],
    "mean_cross_entropy": [
        lambda x, w, b: F.cross_entropy(x, labels(x)),
        lambda x, w, b: F.cross_entropy(x, labels(x), ignore_index=0),
    ],
    "mse_loss": [
        lambda x, w, b: F.mse_loss(x, x.flip(0).detach()),
        lambda x, w, b: F.mse_loss(x, w.expand(x.shape), reduction="sum"),
    ],
    "l1_loss": [lambda x, w, b: F.l1_loss(x, w.expand(x.shape))],
    "huber_loss": [lambda x, w, b: F.huber_loss(x, w.expand(x.shape), delta=0.7)],
    "smooth_l1_loss": [lambda x, w, b: F.smooth_l1_loss(x, w.expand(x.shape), beta=0.3)],
    "binary_cross_entropy": [
        lambda x, w, b: F.binary_cross_entropy(T.sigmoid(x), T.sigmoid(b.expand(x.shape))),
        lambda x, w, b: F.binary_cross_entropy((x.detach() > 0).to(x.dtype), T.sigmoid(x), reduction="sum"),
    ],
    "binary_cross_entropy_with_logits": [
        lambda x, w, b: F.binary_cross_entropy_with_logits(x, T.sigmoid(b.expand(x.shape)))
    ],
    "embedding": [
        lambda x, w, b: F.embedding(T.tensor([[0, 1], [1, 1]]), x),
        lambda x, w, b: F.embedding(T.tensor([[0, 1], [1, 1]]), x, padding_idx=-1),
    ],
    "linear": [
        lambda x, w, b: F.linear(x, T.stack([w, b])),
        lambda x, w, b: F.linear(x, T.stack([w, b]), T.stack([w.sum(), b.sum()])),
    ],
    "matmul": [
        lambda x, w, b: x.repeat(40, 1) @ x.T,
        lambda x, w, b: x.repeat(40, 2, 1).transpose(1, 2) @ x.repeat(40, 2, 1),
        lambda x, w, b: x.repeat(6, 7, 1) @ x.T,
    ],
    "normalized_rows": [
        lambda x, w, b: F.layer_norm(x, x.shape[1:]),
        lambda x, w, b: F.layer_norm(x, x.shape[1:], w, b, 1e-3),
        lambda x, w, b: F.layer_norm(x, x.shape[1:], None, b),
    ],
    "normalized_channels": [
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        lambda x, w, b: F.batch_norm(x, None, None, training=True, eps=1e-3),
        lambda x, w, b: F.batch_norm(x, w.detach() * 0 + 0.5, w.detach() ** 2 + 0.1, w, b),
        lambda x, w, b: F.batch_norm(x, w.detach() * 0 + 0.5, w.detach() ** 2 + 0.1),
    ],
}


def matrix(x, n=64):
    """A regular one with x in it, which is for kernels."""
    return T.nn.functional.pad(x[:9, :9], (0, n - min(x.shape[1], 9), 0, n - min(x.shape[0], 9))) + 5 * T.eye(n, dtype=x.dtype)


def many(x):
    """x in an array of more elements."""
    return T.nn.functional.pad(x, (0, 4096))


CALLS |= {
    "factored_solve": [lambda x, w, b: T.linalg.solve(matrix(x), matrix(x)[:, :3] * 2), lambda x, w, b: T.linalg.solve(matrix(x[:2, :2], 4), matrix(x, 4))],
    "factored_det": [lambda x, w, b: T.linalg.det(matrix(x) / 5), lambda x, w, b: T.linalg.det(matrix(x, 9))],
    "kron": [
        lambda x, w, b: T.kron(many(x), w[:3]),
        lambda x, w, b: T.kron(many(x), x.T[:2, :5]),
        lambda x, w, b: T.kron(many(x)[None].transpose(1, 2), b[:2] + w.sum()),
        lambda x, w, b: T.kron(many(x)[0], x[:2, :3]),
    ],
    **{
        name: [
            lambda x, w, b, f=f: f(x),
            lambda x, w, b, f=f: f(x.T, correction=0, keepdim=True) * w.sum(),
            lambda x, w, b, f=f: f(x.repeat(60, 50)) + f(x, 0).sum(),
            lambda x, w, b, f=f: f(x, correction=2.5),
        ]
        for name, f in (("var", T.var), ("std", T.std))
    },
    "cholesky_lower": [lambda x, w, b, n=n: T.linalg.cholesky(matrix(x, n) @ matrix(x, n).mT) for n in (9, 100)],
    "addmm": [lambda x, w, b: T.addmm(b, x.T, x, alpha=0.3), lambda x, w, b: T.addmm(x, x @ x.T, x + w, beta=0.7)],
    "addmv": [lambda x, w, b: T.addmv(x[:, 0], x, w, beta=0), lambda x, w, b: T.addmv(x.sum(), x, b, alpha=2, beta=3)],
    "baddbmm": [lambda x, w, b: T.baddbmm(b, x.repeat(3, 1, 1).mT, x.repeat(3, 2, 1)[:, : len(x)], beta=2)],
    "addbmm": [lambda x, w, b: T.addbmm(b, x.repeat(3, 1, 1).mT, x.repeat(3, 2, 1)[:, : len(x)], beta=2, alpha=0.3)],
    "factored_svdvals": [lambda x, w, b: T.linalg.svdvals(x), lambda x, w, b: T.linalg.svdvals(x.T.repeat(2, 1, 1))],
    "factored_slogdet": [lambda x, w, b: T.slogdet(matrix(x)).logabsdet, lambda x, w, b: T.slogdet(matrix(x.T, 9)).logabsdet],
}
TOLERANCE = {"float32": dict(rtol=1e-4, atol=2e-5), "float64": dict(rtol=1e-10, atol=1e-12)}
TINY = {"float32": 1e-41, "float64": 1e-310}


def array(shape, dtype, seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def run(call, arrays, fused, monkeypatch, second=True):
    """Value, gradients and second gradients."""
    monkeypatch.setattr(switches, "fused", fused)
    xs = [T.from_numpy(a).requires_grad_() for a in arrays]
    try:
        out = call(*xs)
    except RuntimeError as error:
        return str(error)
    g = T.from_numpy(array(out.shape, arrays[0].dtype, 1))
    first = T.autograd.grad(out, xs, g, retain_graph=True, allow_unused=True)
    results = [out, *first]
    if second:
        with_graph = T.autograd.grad(out, xs, g, create_graph=True, allow_unused=True)
        results += with_graph
        parts = [
            (d * T.from_numpy(array(d.shape, arrays[0].dtype, 2))).sum() for d in with_graph if d is not None
        ]
        total = sum(parts)
        if total.requires_grad:
            results += T.autograd.grad(total, xs, allow_unused=True)
    return [None if r is None else r.detach().numpy().copy() for r in results]


def check(call, arrays, dtype, monkeypatch, second=True):
    with np.errstate(all="ignore"):
        try:
            ours = run(call, arrays, True, monkeypatch, second)
        except np.linalg.LinAlgError:  # of a gradient
            with pytest.raises(np.linalg.LinAlgError):
                run(call, arrays, False, monkeypatch, second)
            return
        formula = run(call, arrays, False, monkeypatch, second)
    if isinstance(ours, str):
        assert ours == formula
        return
    for a, b in zip(ours, formula, strict=True):
        if a is None or b is None:  # a gradient that is zero may be missing on one side
            assert a is b or not np.any(b if a is None else a)
        else:
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, **TOLERANCE[dtype])


def each(function):
    function = pytest.mark.parametrize("dtype", ["float32", "float64"])(function)
    cases = [(name, i) for name, calls in CALLS.items() for i in range(len(calls))]
    return pytest.mark.parametrize(("name", "i"), cases)(function)


def test_every_pair_is_here():
    assert {name for name, row in OPS.items() if row.fused} == set(CALLS)


@each
def test_sizes(name, i, dtype, monkeypatch):
    for n, c in [
        (2, 1),
        (3, 2),
        (2, 3),
        (5, 4),
        (3, 5),
        (4, 8),
        (2, 9),
        (7, 16),
        (3, 17),
        (33, 31),
        (2, 300),
    ]:
        check(
            CALLS[name][i], [array((n, c), dtype), array(c, dtype, 3), array(c, dtype, 4)], dtype, monkeypatch
        )


@each
def test_layouts(name, i, dtype, monkeypatch):
    x = array((12, 10), dtype)
    w = array((5, 2), dtype, 3)[:, 0]
    for layout in (
        array((5, 6), dtype).T,
        x[::2, ::2],
        x[::-1, 4::-1],
        np.broadcast_to(x[:, :1], (12, 5)).copy(),
        np.asfortranarray(x[:, :5]),
    ):
        check(CALLS[name][i], [layout, w, w[::-1]], dtype, monkeypatch)


SPECIAL = {
    "nan": [np.nan],
    "nan first": [np.nan, 1.0],
    "inf": [np.inf],
    "-inf": [-np.inf],
    "both": [np.inf, -np.inf],
    "-0.0": [-0.0, -0.0, 0.0],
    "denormal": ["tiny", "-tiny"],
    "large": [1e30, -1e30],
}


@each
@pytest.mark.parametrize("special", SPECIAL)
def test_special_values(name, i, special, dtype, monkeypatch):
    if name.startswith(("factored", "cholesky")) or (name in ("var", "std") and special == "large"):
        return  # what is left of an inverse (tests/test_lapack.py), or of a mean of 1e30 and -1e30, depends on the order of steps
    values = [
        {"tiny": TINY[dtype], "-tiny": -TINY[dtype]}.get(v, v) if isinstance(v, str) else v
        for v in SPECIAL[special]
    ]
    for at in (0, 3):
        x = array((4, 9), dtype)
        x[1, at : at + len(values)] = values
        check(CALLS[name][i], [x, array(9, dtype, 3), array(9, dtype, 4)], dtype, monkeypatch, second=False)
    filled = np.full((4, 9), values[0], dtype)
    check(CALLS[name][i], [filled, array(9, dtype, 3), array(9, dtype, 4)], dtype, monkeypatch, second=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_shapes(dtype, monkeypatch):
    """0-d, empty, one and three dimensions, other dimensions than the last."""
    for shape, call in [
        ((), lambda x: T.softmax(x, 0)),
        ((), lambda x: T.log_softmax(x, -1)),
        ((5,), lambda x: T.softmax(x, 0)),
        ((5,), lambda x: T.logsumexp(x, 0)),
        ((2, 3, 4), lambda x: T.logsumexp(x, (0, 2))),
        ((500, 10), lambda x: T.logsumexp(x, 1)),
        ((3, 5000), lambda x: T.logsumexp(x, 1)),
        ((70, 33, 40), lambda x: T.logsumexp(x, -1, keepdim=True)),
        ((0, 3), lambda x: T.softmax(x, 1)),
        ((3, 0), lambda x: T.log_softmax(x, 1)),
        ((2, 3, 4), lambda x: T.softmax(x, 1)),
        ((2, 3, 4), lambda x: T.softmax(x, 2, dtype=T.float64)),
        ((4,), lambda x: F.cross_entropy(x, T.tensor(2))),
        ((), lambda x: F.mse_loss(x, x.detach() + 1)),
        ((), lambda x: F.mse_loss(x.detach() + 1, x)),
        ((), lambda x: F.smooth_l1_loss(x, x.detach() + 1, beta=2.0)),
        ((), lambda x: F.binary_cross_entropy_with_logits(x, x.detach() * 0)),
        ((), lambda x: F.binary_cross_entropy_with_logits(x.detach(), x)),
        ((0, 2), lambda x: F.l1_loss(x, x.detach() + 1)),
        ((2, 3), lambda x: F.mse_loss(x, x.detach() + 1, reduction="none")),
        ((2, 4, 3), lambda x: F.cross_entropy(x, T.tensor([[0, 1, 2], [3, 0, 1]]))),
        ((2, 3, 4), lambda x: F.layer_norm(x, (3, 4), x[0], x[1])),
        ((0, 4), lambda x: F.layer_norm(x, (4,))),
        ((5,), lambda x: F.layer_norm(x, (5,))),
        ((4, 3, 5), lambda x: F.batch_norm(x, None, None, x[0, :, 0], x[1, :, 0], True)),
        ((4, 3, 2, 2), lambda x: F.batch_norm(x, None, None, training=True)),
        ((0, 3), lambda x: F.batch_norm(x, T.zeros(3, dtype=x.dtype), T.ones(3, dtype=x.dtype))),
    ]:
        check(call, [array(shape, dtype)], dtype, monkeypatch)


@pytest.mark.parametrize("fused", [True, False])
def test_running_statistics(fused, monkeypatch):
    """They follow once a call, also if the gradient is taken twice."""
    monkeypatch.setattr(switches, "fused", fused)
    layer = T.nn.BatchNorm1d(3).double()
    x = T.from_numpy(array((6, 3), "float64")).requires_grad_()
    (g,) = T.autograd.grad((layer(x) ** 3).sum(), x, create_graph=True)
    g.sum().backward()
    mean, var = x.detach().mean(0), x.detach().var(0)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.9 + 0.1 * var.numpy(), rtol=1e-12)


def test_half_precision_takes_the_formula():
    x = T.from_numpy(array((3, 4), "float32")).half().requires_grad_()
    assert T.softmax(x, 1).dtype is T.float16
    assert F.layer_norm(x, (4,)).dtype is T.float16


def test_labels_are_checked_in_the_kernel():
    with pytest.raises(IndexError, match="Target 4 is out of bounds"):
        F.cross_entropy(T.zeros(3, 4), T.tensor([0, 4, 1]))
    with pytest.raises(IndexError, match="Target -1 is out of bounds"):
        F.cross_entropy(T.zeros(3, 4), T.tensor([0, -1, 1]))
    assert F.cross_entropy(T.zeros(2, 4), T.tensor([-100, -100])).isnan()


def test_indices_are_checked_in_the_kernel():
    with pytest.raises(IndexError, match="index out of range in self"):
        F.embedding(T.tensor([0, 3]), T.zeros(3, 4))
    with pytest.raises(IndexError, match="index out of range in self"):
        F.embedding(T.tensor([0, -1]), T.zeros(3, 4))


MASKS = {
    "none": lambda T: {},
    "causal": lambda T: dict(is_causal=True),
    "scale": lambda T: dict(scale=0.2),
    "bool": lambda T: dict(attn_mask=T.tensor(np.arange(30).reshape(5, 6) % 4 > 0)),
    "numbers": lambda T: dict(attn_mask=T.tensor(array((5, 6), "float32", 7))),
    "nobody": lambda T: dict(attn_mask=T.tensor(np.arange(5).reshape(5, 1) > 0)),
}


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("mask", MASKS)
def test_attention_is_torchs(mask, fused, monkeypatch):
    import torch

    monkeypatch.setattr(switches, "fused", fused)
    results = []
    for library in (T, torch):
        xs = [
            library.tensor(array(shape, "float32", i), requires_grad=True)
            for i, shape in enumerate(((2, 4, 5, 8), (2, 4, 6, 8), (2, 4, 6, 3)))
        ]
        out = library.nn.functional.scaled_dot_product_attention(*xs, **MASKS[mask](library))
        out.backward(library.tensor(array((2, 4, 5, 3), "float32", 5)))
        results.append([out.detach().numpy(), *[x.grad.numpy() for x in xs]])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrong", [-1e-3, 1.001, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_probabilities_are_checked(wrong, target):
    x = T.tensor([0.5, wrong, 0.5])
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(x, T.full((3,), target))
