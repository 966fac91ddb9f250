"""The generator against torch's: equal bits of every distribution, and equal bytes of the state after it."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch.generator import Generator

# Without AVX2 torch rounds products and sums apart, and takes other logarithms: only the integers are equal there.
pytestmark = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"), reason="torch without FMA"
)

SIZES = (0, 1, 5, 15, 16, 17, 33, 624, 1000)
FLOATS = ("float16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
ALL = (*FLOATS, *INTEGERS, "bool")

#: (method, arguments, dtypes)
FILLS = [
    ("uniform_", (), FLOATS),
    ("uniform_", (-0.1, 0.3), FLOATS),
    ("uniform_", (2.0, 2.0), FLOATS),
    ("normal_", (), FLOATS),
    ("normal_", (0.1, 1.7), FLOATS),
    ("normal_", (-3.0, 0.0), FLOATS),
    ("random_", (), ALL),
    ("random_", (0, 2), ALL),
    ("random_", (3, 100), (*FLOATS, *INTEGERS)),
    ("random_", (1, None), ALL),
    ("random_", (-100, 100), (*FLOATS, "int8", "int32", "int64")),
    ("random_", (0, 2**28 - 1), ("int32", "int64", "float64")),
    ("random_", (0, 2**28), ("int32", "int64", "float64")),
    ("random_", (-(2**31), 2**31 - 1), ("int32", "int64", "float64")),
    ("random_", (-(2**62), 2**62 + 11), ("int64",)),
    ("random_", (-(2**63), None), ("int64", "float32", "float64")),
    ("random_", (-(2**63), 2**63 - 1), ("int64",)),
    ("bernoulli_", (0.3,), ALL),
    ("bernoulli_", (0,), ("float32",)),
    ("bernoulli_", (1.0,), ("float32",)),
    ("exponential_", (), FLOATS),
    ("exponential_", (1.3,), FLOATS),
    ("geometric_", (0.3,), (*FLOATS, *INTEGERS)),
    ("geometric_", (0.001,), (*FLOATS, *INTEGERS)),
    ("log_normal_", (), FLOATS),
    ("log_normal_", (0.3, 0.7), FLOATS),
    ("cauchy_", (), FLOATS),
    ("cauchy_", (-0.3, 1.7), FLOATS),
]


def twins(seed=0):
    return Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def pair(shape, dtype):
    """The same zeros twice: an array, and a tensor of another array's memory."""
    return np.zeros(shape, dtype), torch.from_numpy(np.zeros(shape, dtype))


def assert_same(ours, theirs):
    theirs = theirs.numpy() if isinstance(theirs, torch.Tensor) else theirs
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)
    if ours.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


def assert_same_state(g, t):
    np.testing.assert_array_equal(g.get_state_bytes(), t.get_state().numpy())


@pytest.mark.parametrize(
    ("method", "args", "dtype"), [(m, a, d) for m, a, dtypes in FILLS for d in dtypes], ids=str
)
def test_fill(method, args, dtype):
    g, t = twins()
    for n in SIZES:
        ours, theirs = pair(n, dtype)
        assert getattr(g, method)(ours, *args) is ours
        getattr(theirs, method)(*args, generator=t)
        assert_same(ours, theirs)
        assert_same_state(g, t)


@pytest.mark.parametrize("method", ["uniform_", "normal_", "exponential_", "bernoulli_", "cauchy_"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_many(method, dtype):
    """More than one chunk, and rare roundings: float16's largest uniforms become 0, not 1."""
    g, t = twins(7)
    ours, theirs = pair(100_003, dtype)
    getattr(g, method)(ours)
    getattr(theirs, method)(generator=t)
    assert_same(ours, theirs)
    assert_same_state(g, t)


LAYOUTS = {
    "scalar": lambda a: a.reshape(60)[:1].reshape(()),
    "transposed": lambda a: a.T if isinstance(a, np.ndarray) else a.permute(2, 1, 0),
    "permuted": lambda a: a.transpose(1, 2, 0) if isinstance(a, np.ndarray) else a.permute(1, 2, 0),
    "strided": lambda a: a[:, ::2],
    "column": lambda a: a[:, :, 1],
    "column1": lambda a: a[:, :, 1:2],
    "offset": lambda a: a[1:],
    "contiguous": lambda a: a,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("method", "args", "dtype"),
    [
        ("uniform_", (), "float32"),
        ("normal_", (0.5, 2.0), "float32"),
        ("normal_", (), "float64"),
        ("normal_", (), "float16"),
        ("random_", (0, 9), "int32"),
        ("bernoulli_", (0.5,), "bool"),
        ("log_normal_", (), "float32"),
    ],
    ids=str,
)
def test_layouts(layout, method, args, dtype):
    """Numbers come in the order of the memory, and normals one by one where there are gaps."""
    g, t = twins(3)
    ours, theirs = pair((3, 4, 5), dtype)
    getattr(g, method)(LAYOUTS[layout](ours), *args)
    getattr(LAYOUTS[layout](theirs), method)(*args, generator=t)
    assert_same(ours, theirs)
    assert_same_state(g, t)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("p_dtype", FLOATS)
def test_bernoulli_of_an_array(dtype, p_dtype):
    g, t = twins()
    p = np.linspace(0, 1, 60).astype(p_dtype)
    for layout in ("contiguous", "transposed", "strided"):
        ours, theirs = pair((3, 4, 5), dtype)
        view = LAYOUTS[layout](ours)
        probabilities = np.resize(p, view.shape)
        g.bernoulli_(view, probabilities)
        LAYOUTS[layout](theirs).bernoulli_(torch.from_numpy(probabilities), generator=t)
        assert_same(ours, theirs)
        assert_same_state(g, t)
    ours, theirs = pair((3, 20), dtype)
    g.bernoulli_(ours, p[:20])
    theirs.bernoulli_(torch.from_numpy(p[:20]), generator=t)
    assert_same(ours, theirs)


@pytest.mark.parametrize("dtype", [d for d in ALL if d != "bool"])
def test_randperm(dtype):
    g, t = twins()
    for n in (0, 1, 2, 100, 127):
        ours = g.randperm(n, dtype)
        assert_same(ours, torch.randperm(n, dtype=getattr(torch, dtype), generator=t))
        assert_same_state(g, t)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1,), (7,), (50,), (4, 7), (0, 3)])
@pytest.mark.parametrize(("k", "replacement"), [(1, False), (1, True), (5, True), (40, True), (5, False)])
def test_multinomial(dtype, shape, k, replacement):
    if not replacement:
        k = min(k, shape[-1])
    g, t = twins()
    p = np.random.default_rng(0).random(shape).astype(dtype)
    ours = g.multinomial(p, k, replacement)
    assert_same(ours, torch.multinomial(torch.from_numpy(p), k, replacement, generator=t))
    assert_same_state(g, t)


@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial_of_a_transposed_array(replacement):
    g, t = twins()
    p = np.random.default_rng(0).random((7, 4), np.float32)
    ours = g.multinomial(p.T, 3, replacement)
    assert_same(ours, torch.multinomial(torch.from_numpy(p).t(), 3, replacement, generator=t))
    p[:, 1] = [0, 1, 0, 2, 0, 0, 0]
    drawn = g.multinomial(np.ascontiguousarray(p.T), 2, replacement)
    assert set(drawn[1]) <= {1, 3}


@settings(max_examples=40, deadline=None)
@given(st.integers(-(2**63), 2**64 - 1), st.data())
def test_programs(seed, data):
    """Any sequence of fills: what they share is the stream and the cached normal."""
    g, t = twins(seed)
    assert g.initial_seed() == t.initial_seed()
    for _ in range(data.draw(st.integers(1, 8))):
        method, args, dtypes = data.draw(st.sampled_from(FILLS))
        shape = data.draw(st.sampled_from([(), (1,), (3,), (5, 3), (16,), (4, 8), (700,)]))
        ours, theirs = pair(shape, data.draw(st.sampled_from(dtypes)))
        transpose = data.draw(st.booleans())
        getattr(g, method)(ours.T if transpose else ours, *args)
        getattr(theirs.t() if transpose and theirs.ndim == 2 else theirs, method)(*args, generator=t)
        assert_same(ours, theirs)
        assert_same_state(g, t)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-1e4, 1e4),
    st.floats(0, 1e4),
    st.sampled_from(["uniform_", "normal_"]),
    st.sampled_from(FLOATS),
    st.sampled_from([5, 40]),
)
def test_any_parameters(a, width, method, dtype, n):
    g, t = twins()
    args = (a, a + width) if method == "uniform_" else (a, width)
    ours, theirs = pair(n, dtype)
    getattr(g, method)(ours, *args)
    getattr(theirs, method)(*args, generator=t)
    assert_same(ours, theirs)


def message(call):
    """The type and text of what a call raises, or None."""
    try:
        call()
    except RuntimeError as error:  # NotImplementedError is one
        return type(error), str(error)
    return None


@settings(max_examples=60, deadline=None)
@given(st.integers(-(2**40), 2**40), st.integers(1, 2**40), st.sampled_from(["float32", "float64", "int64"]))
@pytest.mark.filterwarnings("ignore:.*is out of bounds.*:UserWarning")
def test_any_integer_bounds(low, width, dtype):
    g, t = twins()
    ours, theirs = pair(20, dtype)
    failure = message(lambda: theirs.random_(low, low + width, generator=t))
    assert message(lambda: g.random_(ours, low, low + width)) == failure
    assert_same(ours, theirs)
    assert_same_state(g, t)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore:.*is out of bounds.*:UserWarning")
def test_integer_bounds_near_powers_of_two(dtype):
    for e in range(23, 63):
        for low, high in (
            (0, 2**e),
            (0, 2**e - 1),
            (0, 2**e + 1),
            (-(2**e), 5),
            (-(2**e) - 1, 5),
            (-(2**e) + 1, 5),
        ):
            g, t = twins()
            ours, theirs = pair(100, dtype)
            failure = message(lambda: theirs.random_(low, high, generator=t))  # noqa: B023
            assert message(lambda: g.random_(ours, low, high)) == failure  # noqa: B023
            assert_same(ours, theirs)


# --- seeds and states


@pytest.mark.parametrize("seed", [0, 1, -1, 2**32, 2**32 + 1, 2**63, 2**64 - 1, -(2**63)])
def test_seeds(seed):
    g, t = twins(seed)
    assert g.initial_seed() == t.initial_seed()
    assert_same_state(g, t)
    assert_same_state(Generator(), torch.Generator())


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, "a", True, np.int64(3), np.float64(3)], ids=repr)
def test_wrong_seeds(seed):
    g, t = twins()
    with pytest.raises((ValueError, TypeError, RuntimeError)) as expected:
        t.manual_seed(seed)
    with pytest.raises(expected.type) as caught:
        g.manual_seed(seed)
    assert str(caught.value) == str(expected.value)
    assert_same_state(g, t)


@pytest.mark.parametrize("n", [0, 1, 5, 311, 312, 623, 624, 625])
def test_states_travel(n):
    """To torch, from torch, after any number of outputs, with a cached normal."""
    g, t = twins(5)
    g.uniform_(np.empty(n, np.float32))
    torch.empty(n).uniform_(generator=t)
    assert_same_state(g, t)
    g.normal_(np.empty(1, np.float32))
    torch.empty(1).normal_(generator=t)
    g2, t2 = Generator(), torch.Generator()
    t2.set_state(torch.from_numpy(g.get_state_bytes()))
    g2.set_state_bytes(t.get_state().numpy())
    ours, theirs = pair(17, "float32")
    for other in (g, g2, g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert other.initial_seed() == 5
        if other is g:
            continue
        other.normal_(ours[:3])
        theirs[:3].normal_(generator=copy_of(t2))
        assert_same(ours, theirs)
    assert_same_state(g, t)


def copy_of(t):
    other = torch.Generator()
    other.set_state(t.get_state())
    return other


def spoilt(field, value):
    from minitorch.generator import STATE

    state = Generator().get_state_bytes()
    state.view(STATE)[field] = value
    return state


@pytest.mark.parametrize(
    "state",
    [
        np.zeros(10, np.uint8),
        np.zeros(5048, np.uint8),
        np.zeros(5056, np.uint8),
        np.zeros(5056, np.int8),
        spoilt("seeded", 0),
        spoilt("left", 0),
        spoilt("left", 625),
        spoilt("next", 625),
    ],
    ids=range(8),
)
def test_wrong_states(state):
    g, t = twins(4)
    with pytest.raises((TypeError, RuntimeError)) as expected:
        t.set_state(torch.from_numpy(state))
    with pytest.raises(expected.type) as caught:
        g.set_state_bytes(state)
    assert str(caught.value) == str(expected.value)
    assert_same_state(g, twins(4)[1])
    with pytest.raises(TypeError):
        g.set_state_bytes([0] * 5056)


@pytest.mark.parametrize(
    ("method", "args", "dtype"),
    [
        ("uniform_", (1, 0), "float32"),
        ("uniform_", (0, float("inf")), "float32"),
        ("uniform_", (float("nan"), 1), "float32"),
        ("uniform_", (-3e38, 3e38), "float32"),
        ("uniform_", (0, 70000), "float16"),
        ("uniform_", (-60000, 60000), "float16"),
        ("uniform_", (), "int64"),
        ("normal_", (0, -1), "float32"),
        ("normal_", (0, float("nan")), "float32"),
        ("normal_", (), "bool"),
        ("random_", (5, 5), "int64"),
        ("random_", (0, 129), "int8"),
        ("random_", (-129, 10), "int8"),
        ("random_", (-1, 10), "uint8"),
        ("random_", (0, 2**40), "int16"),
        ("random_", (0, 3), "bool"),
        ("random_", (0, 70000), "float16"),
        ("random_", (3000, None), "float16"),
        ("random_", (2**24, None), "float32"),
        ("random_", (-(2**63), None), "int32"),
        ("bernoulli_", (1.5,), "float32"),
        ("bernoulli_", (float("nan"),), "float32"),
        ("exponential_", (0,), "float32"),
        ("exponential_", (1,), "int64"),
        ("geometric_", (0,), "float32"),
        ("geometric_", (1,), "float32"),
        ("geometric_", (0.5,), "bool"),
        ("log_normal_", (0, 0), "float32"),
        ("log_normal_", (), "int64"),
        ("cauchy_", (0, 0), "float32"),
        ("cauchy_", (), "int16"),
    ],
    ids=str,
)
@pytest.mark.parametrize("n", [0, 3])
def test_wrong_arguments(method, args, dtype, n):
    """Torch's error (for some, none if there is nothing to fill), and nothing is drawn."""
    g, t = twins()
    ours, theirs = pair(n, dtype)
    failure = message(lambda: getattr(theirs, method)(*args, generator=t))
    assert failure or n == 0
    assert message(lambda: getattr(g, method)(ours, *args)) == failure
    assert_same_state(g, t)


@pytest.mark.parametrize(
    ("p", "k", "replacement"),
    [
        (np.ones(3), 4, False),
        (np.ones(3), 0, False),
        (np.zeros(3), 1, False),
        (np.zeros(3), 2, True),
        (-np.ones(3), 1, False),
        (-np.ones(3), 2, True),
        (np.full(3, np.inf), 1, False),
        (np.full(3, np.inf), 2, True),
        (np.full(3, np.nan), 2, True),
        (np.ones(3, int), 1, False),
        (np.ones((3, 3, 3)), 1, False),
        (np.array(1.0), 1, False),
        (np.ones((3, 0)), 1, False),
    ],
)
def test_wrong_multinomial(p, k, replacement):
    g, t = twins()
    with pytest.raises(RuntimeError) as expected:
        torch.multinomial(torch.from_numpy(p), k, replacement, generator=t)
    with pytest.raises(RuntimeError) as caught:
        g.multinomial(p, k, replacement)
    assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize(("n", "dtype"), [(-1, "int64"), (200, "int8"), (2050, "float16"), (3, "bool")])
def test_wrong_randperm(n, dtype):
    with pytest.raises((RuntimeError, NotImplementedError)) as expected:
        torch.randperm(n, dtype=getattr(torch, dtype))
    with pytest.raises(expected.type) as caught:
        Generator().randperm(n, dtype)
    assert str(caught.value) == str(expected.value)


def test_wrong_probabilities_and_devices():
    for p in (-1.0, 2.0, np.nan):
        with pytest.raises(RuntimeError, match="Expected p_in >= 0 && p_in <= 1"):
            Generator().bernoulli_(np.empty(3), np.array([0.5, p, 0.5]))
    with pytest.raises(NotImplementedError, match="bernoulli_tensor_cpu_p_"):
        Generator().bernoulli_(np.empty(3), np.ones(3, int))
    with pytest.raises(RuntimeError):
        Generator("cuda")
    assert Generator().device.type == "cpu"


def test_seed_is_nondeterministic():
    g = Generator()
    assert g.seed() != g.seed()
    assert 0 <= g.initial_seed() < 2**64


def run(code, **env):
    import os

    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_without_numba():
    run("import sys, minitorch.generator; assert 'numba' not in sys.modules")


def test_without_jit():
    """As plain Python the kernels give the same bits."""
    program = (
        "import numpy as np, hashlib; from minitorch.generator import Generator; g = Generator()\n"
        "for d in ('f4', 'f8'):\n"
        "    for n in (5, 33):\n"
        "        x = np.empty(n, d)\n"
        "        for f, a in (('uniform_', (-.1, .3)), ('normal_', (.1, .3)), ('log_normal_', ()), ('cauchy_', (.1, 3)),\n"
        "                     ('exponential_', ()), ('geometric_', (.1,)), ('bernoulli_', (.1,)), ('random_', ())):\n"
        "            getattr(g, f)(x, *a); print(f, d, n, hashlib.md5(x.tobytes()).hexdigest())\n"
        "print(g.randperm(30), g.multinomial(x, 5, True) if (x.__imul__(0) + 1).all() and not x.fill(1) else 0)\n"
    )
    assert run(program) == run(
        "import warnings; warnings.simplefilter('error')\n" + program, NUMBA_DISABLE_JIT="1"
    )
