"""The random numbers are torch's, bit for bit, and so is the state of the generator after each draw."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

import minitorch

FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "bool"]
SHAPES = [(0,), (), (1,), (15,), (16,), (17,), (32,), (5, 7), (3, 33), (2001,)]
FILLS = {
    "uniform_": [(), (-1, 2), (0.3, 0.7), (2, 2)],
    "normal_": [(), (1.5, 0.3), (3, 0)],
    "exponential_": [(), (2.5,)],
    "geometric_": [(0.3,)],
    "log_normal_": [(), (0.1, 0.5)],
    "cauchy_": [(), (1, 0.3)],
    "bernoulli_": [(), (0.3,), (0,), (1,)],
    "random_": [(), (2,), (-5, 20), (3, None), (2**28,), (-(2**63), None)],
}
exact = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
    reason="torch rounds otherwise without fused multiply-adds",
)
pytestmark = exact


@pytest.fixture(autouse=True)
def torch_state():
    before = torch.get_rng_state()
    yield
    torch.set_rng_state(before)


def outcome(T, call, seed):
    T.manual_seed(seed)
    try:
        out = call(T)
    except Exception as error:
        return type(error).__name__, str(error).split("\n")[0].split(" (Triggered")[0]
    out = out.detach()
    return out.numpy(), out.stride(), bytes(T.get_rng_state().numpy())


def same(call, seed=0):
    """`call(T)` gives the same bits, strides and state, or the same error, for both libraries."""
    ours, theirs = outcome(minitorch, call, seed), outcome(torch, call, seed)
    if isinstance(theirs[0], str):
        assert ours == theirs
        return
    assert not isinstance(ours[0], str), ours
    assert ours[0].dtype == theirs[0].dtype
    assert ours[0].shape == theirs[0].shape
    np.testing.assert_array_equal(ours[0], theirs[0])  # -0.0 apart, bits
    assert ours[2] == theirs[2]
    if ours[0].size > 1:
        assert ours[1] == theirs[1]


@pytest.mark.parametrize("layout", ["contiguous", "transposed", "gaps"])
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
@pytest.mark.parametrize("name", FILLS)
def test_fill(name, dtype, layout):
    if name == "geometric_" and dtype in ("int8", "uint8"):
        pytest.skip("a cast of a number that does not fit is undefined")
    for shape in SHAPES:
        if 0 in shape and layout != "contiguous":
            continue
        for args in FILLS[name]:

            def call(T, shape=shape, args=args):
                kind = getattr(T, dtype)
                if layout == "contiguous":
                    x = T.zeros(shape, dtype=kind)
                elif layout == "transposed":
                    x = T.zeros((3, *shape), dtype=kind).permute(tuple(range(len(shape) + 1))[::-1])
                else:
                    x = T.zeros((6, *shape, 3), dtype=kind)[::2, ..., 1]
                return getattr(x, name)(*args)

            same(call)


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_creation(dtype):
    def kind(T):
        return getattr(T, dtype)

    for shape in SHAPES:
        same(lambda T, s=shape: T.rand(s, dtype=kind(T)))
        same(lambda T, s=shape: T.randn(s, dtype=kind(T)))
        same(lambda T, s=shape: T.randint(2, s, dtype=kind(T)))
        same(lambda T, s=shape: T.randperm(int(np.prod(s)), dtype=kind(T)))


def test_interleaved():
    def call(T):
        outs = []
        for n in (3, 17, 1, 2, 16, 15, 4, 7, 33, 312, 624, 5):
            outs += [T.randn(n), T.rand(n), T.randn(n, dtype=T.float64), T.randperm(n), T.randint(9, (n,))]
            outs += [T.randint(2**40, (n,)), T.empty(n).log_normal_(), T.rand(n, dtype=T.float64)]
        return T.cat([o.to(T.float64) for o in outs])

    for seed in (0, 1, -1, 2**40 + 5, -(2**63), 2**64 - 1):
        same(call, seed)


def P(T, dtype="float32", shape=(6, 9)):
    return T.tensor(np.random.default_rng(0).random(shape).astype(dtype))


CALLS = [
    lambda T, d: T.bernoulli(P(T, d)),
    lambda T, d: T.bernoulli(P(T, d).t()),
    lambda T, d: P(T, d).t().bernoulli(0.3),
    lambda T, d: T.zeros(9, 6).t().bernoulli_(P(T, d)),
    lambda T, d: T.zeros(6, 9, dtype=T.int64).bernoulli_(P(T, d)[0]),
    lambda T, d: T.zeros(9, 6).t().bernoulli_(P(T, d)[:, :1]),
    lambda T, d: T.zeros(20).bernoulli_(P(T, d)[0, 0]),
    lambda T, d: T.normal(P(T, d), 0.5),
    lambda T, d: T.normal(0.5, P(T, d)),
    lambda T, d: T.normal(P(T, d).t(), P(T, d).t()),
    lambda T, d: T.normal(P(T, d)[0], P(T, d)),
    lambda T, d: T.normal(P(T, d), T.ones(6, 9, dtype=T.float64)),
    lambda T, d: T.normal(1, 2, (20,), dtype=getattr(T, d)),
    lambda T, d: T.rand_like(P(T, d).t()),
    lambda T, d: T.randn_like(P(T, d).t()),
    lambda T, d: T.randn_like(P(T, d)[:, ::2]),
    lambda T, d: T.randn_like(P(T, d)[:, :1].expand(6, 20)),
    lambda T, d: T.randn_like(P(T, d).t()[:1].expand(20, 6)),
    lambda T, d: T.rand_like(P(T, d, (2, 3, 9)).permute(1, 2, 0)),
    lambda T, d: T.randint_like(P(T, d).t(), -5, 10),
    lambda T, d: T.randint_like(P(T, d), 10, dtype=T.int16),
    lambda T, d: T.multinomial(P(T, d), 1),
    lambda T, d: T.multinomial(P(T, d).t(), 3),
    lambda T, d: T.multinomial(P(T, d), 50, True),
    lambda T, d: P(T, d)[0].multinomial(7, replacement=True),
    lambda T, d: T.randint(low=3, high=9, size=(4,), dtype=getattr(T, d)),
    lambda T, d: T.randint(-(2**63), 2**63 - 1, (9,)),
    lambda T, d: T.randint(0, 2**28, (20,), dtype=getattr(T, d)),
    lambda T, d: T.randint(-(2**50), 2**60, (20,), dtype=getattr(T, d)),
    lambda T, d: T.randint(2**53 + 1, 2**60, (20,), dtype=getattr(T, d)),
    lambda T, d: T.randn(100003, dtype=getattr(T, d)),
    lambda T, d: T.empty(100003, dtype=getattr(T, d)).uniform_(-0.0357, 0.0357),
    lambda T, d: T.empty(100003, dtype=getattr(T, d)).normal_(0.1, 0.0357),
]


@pytest.mark.filterwarnings("ignore:.*out of bounds:UserWarning")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("i", range(len(CALLS)))
def test_functions(i, dtype):
    same(lambda T: CALLS[i](T, dtype))


ERRORS = [
    lambda T: T.empty(3).uniform_(2, 1),
    lambda T: T.empty(3).uniform_(-3e38, 3e38),
    lambda T: T.empty(3).normal_(0, -1),
    lambda T: T.zeros(3).random_(5, 5),
    lambda T: T.zeros(3, dtype=T.uint8).random_(0, 300),
    lambda T: T.zeros(3, dtype=T.uint8).random_(-1, 30),
    lambda T: T.zeros(3, dtype=T.float16).random_(0, 70000),
    lambda T: T.zeros(3).bernoulli_(1.5),
    lambda T: T.bernoulli(T.tensor([1.5])),
    lambda T: T.bernoulli(T.tensor([1])),
    lambda T: T.zeros(3).exponential_(0),
    lambda T: T.zeros(3).geometric_(1),
    lambda T: T.zeros(3).log_normal_(0, 0),
    lambda T: T.zeros(3).cauchy_(0, 0),
    lambda T: T.zeros(3, dtype=T.float64).uniform_(float("nan"), 1),
    lambda T: T.randperm(-1),
    lambda T: T.randperm(300, dtype=T.uint8),
    lambda T: T.randperm(3000, dtype=T.float16),
    lambda T: T.randint(3, 3, (2,)),
    lambda T: T.randint(10, 3),
    lambda T: T.randint(0, 3, (2,), dtype=T.bool),
    lambda T: T.randint(0, 3, (2,), requires_grad=True),
    lambda T: T.multinomial(T.tensor([1, 2]), 1),
    lambda T: T.multinomial(T.zeros(2, 2, 2), 1),
    lambda T: T.multinomial(T.tensor([1.0, 2]), 3),
    lambda T: T.multinomial(T.tensor([1.0, 2]), 0),
    lambda T: T.multinomial(T.tensor([-1.0, 2]), 1),
    lambda T: T.multinomial(T.tensor([0.0, 0]), 3, True),
    lambda T: T.multinomial(T.tensor([-1.0, 2]), 3, True),
    lambda T: T.multinomial(T.tensor([float("nan"), 2]), 3, True),
    lambda T: T.normal(T.zeros(3), T.ones(4)),
    lambda T: T.normal(T.zeros(3), -T.ones(3)),
    lambda T: T.manual_seed("a"),
    lambda T: T.manual_seed(2**64),
    lambda T: T.Generator().manual_seed(1.5),
    lambda T: T.set_rng_state(T.zeros(10, dtype=T.uint8)),
    lambda T: T.set_rng_state(T.zeros(5056, dtype=T.uint8)),
    lambda T: T.set_rng_state(T.zeros(5056)),
    lambda T: T.Generator().set_state(5),
    lambda T: T.rand(-1),
    lambda T: T.zeros(1, 3).expand(4, 3).uniform_(),
    lambda T: T.zeros(3, requires_grad=True).uniform_(),
]


@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(i):
    """The same error, and nothing drawn."""
    minitorch.manual_seed(3)
    before = bytes(minitorch.get_rng_state().numpy())
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        ERRORS[i](torch)
    with pytest.raises(theirs.type) as ours:
        ERRORS[i](minitorch)
    assert str(ours.value).split("\n")[0] == str(theirs.value).split("\n")[0] or theirs.type is TypeError
    assert bytes(minitorch.get_rng_state().numpy()) == before


def test_states_are_exchanged():
    """torch goes on from our state, and we from torch's, also in the middle of a pair of normals."""
    for n in (0, 1, 5, 311, 623, 624, 625):
        minitorch.manual_seed(n)
        minitorch.rand(n), minitorch.randn(3)
        state = minitorch.get_rng_state()
        torch.set_rng_state(torch.from_numpy(state.numpy().copy()))
        np.testing.assert_array_equal(minitorch.randn(5).numpy(), torch.randn(5).numpy())
        minitorch.set_rng_state(minitorch.from_numpy(torch.get_rng_state().numpy()))
        np.testing.assert_array_equal(minitorch.rand(700).numpy(), torch.rand(700).numpy())
        minitorch.set_rng_state(state)
        assert bytes(minitorch.get_rng_state().numpy()) == bytes(state.numpy())


def test_generator():
    g, t = minitorch.Generator(), torch.Generator()
    assert g.initial_seed() == t.initial_seed()
    assert bytes(g.get_state().numpy()) == bytes(t.get_state().numpy())
    assert g.manual_seed(-5) is g
    assert g.initial_seed() == t.manual_seed(-5).initial_seed()
    assert str(g.device) == "cpu"
    default = bytes(minitorch.get_rng_state().numpy())
    np.testing.assert_array_equal(
        minitorch.randn(3, generator=g).numpy(), torch.randn(3, generator=t).numpy()
    )
    assert bytes(minitorch.get_rng_state().numpy()) == default
    for twin in (copy.deepcopy(g), pickle.loads(pickle.dumps(g)), g.clone_state()):
        expected = minitorch.rand(4, generator=minitorch.Generator().set_state(g.get_state())).tolist()
        assert minitorch.rand(4, generator=twin).tolist() == expected
    with pytest.raises(TypeError):
        minitorch.rand(3, generator=5)
    assert 0 <= g.seed() == g.initial_seed() < 2**64
    assert minitorch.manual_seed(1.7).initial_seed() == 1 == minitorch.initial_seed()


def test_forked_stream():
    def draws(T):
        T.manual_seed(1)
        seen = [T.rand(1).item()]
        for enabled in (True, False):
            with T.random.fork_rng(enabled=enabled):
                T.manual_seed(5)
                seen.append(T.rand(1).item())
            seen.append(T.rand(1).item())
        return seen

    assert draws(minitorch) == draws(torch)


def test_in_place_stays_in_the_graph():
    x = minitorch.ones(4, requires_grad=True)
    y = x * 2
    version = y._version
    assert y.uniform_() is y
    assert y._version == version + 1
    assert y.requires_grad  # as in torch: the gradient of the old values is zero
    with minitorch.no_grad():
        x.normal_()
    assert x.requires_grad
    assert x.is_leaf
    assert minitorch.rand(2, requires_grad=True).requires_grad


@pytest.mark.parametrize("dtype", FLOATS)
def test_dropout_mask(dtype):
    from minitorch.random import dropout_mask

    for view in (lambda x: x, lambda x: x.T, lambda x: x[:, ::2]):
        x = np.ones((20, 30), dtype)
        minitorch.manual_seed(4), torch.manual_seed(4)
        t = torch.nn.functional.dropout(torch.from_numpy(view(x)), 0.3)
        np.testing.assert_array_equal(view(x) * dropout_mask(view(x), 0.3), t.numpy())


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x.t(), lambda x: x[:, :3]])
def test_same_numbers_on_every_device(view, device):
    """Whatever the layout."""

    def call(device):
        minitorch.manual_seed(0)
        x = view(minitorch.zeros(20, 5, device=device))
        a = x.normal_(1, 2).cpu().numpy()
        return a, minitorch.randn_like(x).cpu().numpy(), minitorch.randn(20, device=device).cpu().numpy()

    for ours, theirs in zip(call("cpu"), call(device), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_import_needs_no_numba():
    code = "import sys, minitorch; minitorch.manual_seed(0); assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
