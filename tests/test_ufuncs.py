"""exp, log, sin ... : how far from the exact number, in every layout, as ufunc, in a kernel and without a compiler."""

import math
import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from minitorch.kernels import angle, division, error, exponential, logarithm, ufuncs

AVX512 = any(np._core._multiarray_umath.__cpu_features__.get(name) for name in ("AVX512_SKX", "X86_V4"))

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-38, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 2.5, 3.4e38]
ERF, ERFC = np.vectorize(math.erf, otypes="d"), np.vectorize(math.erfc, otypes="d")
EXACT = {name: getattr(np, ufuncs.NUMPYS.get(name, name), None) for name in ufuncs.FORMULAS}
EXACT |= {"erf": ERF, "erfc": ERFC, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}
#: ulps from the exact number; half of one would be the nearest
ULPS = dict.fromkeys(ufuncs.FORMULAS, 0.51)
ULPS |= {"exp": 1, "exp2": 1.02, "log": 0.9, "log2": 1, "log10": 1, "log1p": 0.9, "sigmoid": 2.5, "tanh": 0.72, "erf": 1, "erfc": 0.52}
MODULES = exponential, logarithm, angle, error, division
#: the others are compared with torch: test_division_is_torchs
NAMES = [name for name in ufuncs.FORMULAS if name not in division.RARELY]


def numbers(count=20_000):
    """float32 of every size, more of those near 1 and 10, and special ones."""
    r = np.random.default_rng(0)
    bits = r.integers(0, 2**32, count, dtype=np.uint32).view(np.float32)
    near = [(r.standard_normal(count) * scale).astype(np.float32) for scale in (0.3, 3, 30)]
    return np.concatenate([bits, *near, np.linspace(-11, 11, count, dtype=np.float32), np.float32(SPECIAL)])


def arguments(name):
    x = numbers()
    if name in ufuncs.PAIRS:
        pairs = [a.ravel() for a in np.meshgrid(np.float32(SPECIAL), np.float32(SPECIAL))]
        return [np.concatenate([x, p]) for x, p in zip((x, np.roll(x[::-1], 7)), pairs, strict=True)]
    return [x]


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("name", NAMES)
def test_distance_from_the_exact_number(name):
    x = arguments(name)
    exact = EXACT[name](*[a.astype(np.float64) for a in x])
    given, nearest = getattr(ufuncs, name)(*x), exact.astype(np.float32)
    assert given.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(given), np.isnan(exact))
    finite = np.isfinite(nearest) & (np.abs(nearest) >= (np.finfo("f").tiny if name == "sigmoid" else 0))
    off = np.abs(given - exact)[finite] / np.spacing(np.abs(nearest[finite]))
    assert off.max() <= ULPS[name], [a[finite][off.argmax()] for a in x]
    rest = ~finite & ~np.isnan(exact)
    np.testing.assert_allclose(given[rest], nearest[rest], atol=1e-38)
    np.testing.assert_array_equal(np.signbit(given[given == 0]), np.signbit(nearest[given == 0]))


@pytest.mark.parametrize("name", NAMES)
def test_float64_and_float16(name):
    x = [a.astype(np.float64) for a in arguments(name)]
    given = getattr(ufuncs, name)(*x)
    np.testing.assert_allclose(given, EXACT[name](*x), rtol=1e-15)
    if name not in ("sigmoid", "erf", "erfc"):
        x = [a.astype(np.float16) for a in x]
        np.testing.assert_array_equal(getattr(ufuncs, name)(*x), EXACT[name](*x))


@pytest.mark.parametrize("name", ["exp", "sin", "erf", "pow", "atan2", "hypot", "fmod", "floor_divide"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layouts(name, dtype):
    """At every size around that of a block: with gaps, backwards, repeated, transposed, where another result or an argument is."""
    ufunc = getattr(ufuncs, name)
    # NumPy's loops of two float64 read forwards with AVX-512 and backwards one by one, an ulp apart; a tensor never goes backwards
    steps = (2,) if AVX512 and name in ("pow", "atan2") and dtype == "float64" else (2, -1, -3)
    for n in (0, 1, 7, 1023, 1024, 1025, 3000):
        x = [np.roll(numbers()[-n:] if n else numbers()[:0], i).astype(dtype) for i in range(ufunc.nin)]
        expected = ufunc(*x)
        for step in steps:
            spread = [np.zeros(n * abs(step), dtype)[::step] for _ in x]
            for a, b in zip(spread, x, strict=True):
                a[...] = b
            out = np.zeros((n, 2), dtype)[:, 1]
            np.testing.assert_array_equal(ufunc(*spread), expected)
            np.testing.assert_array_equal(ufunc(*spread, out), expected)
            np.testing.assert_array_equal(ufunc(*spread, spread[-1]), expected)
        np.testing.assert_array_equal(ufunc(*[a.copy() for a in x], x[0]), expected)
    two = [np.asfortranarray(numbers()[:6000].reshape(60, 100)).astype(dtype) for _ in range(ufunc.nin)]
    np.testing.assert_array_equal(ufunc(*two), ufunc(*[np.ascontiguousarray(a) for a in two]))
    one = [a[3, 4] for a in two]
    assert ufunc(*[np.asarray(a) for a in one]) == ufunc(*two)[3, 4]
    rows = [two[0], *[a[:1] for a in two[1:]]]
    np.testing.assert_array_equal(ufunc(*rows), ufunc(*[a.copy() for a in np.broadcast_arrays(*rows)]))


@pytest.mark.parametrize("name", [name for name in ufuncs.FORMULAS if name not in ("sigmoid", "log", "log2", "log10")])
def test_without_a_compiler(name):
    """The formula is also one of NumPy's numbers."""
    formula = next(getattr(module, f"_{name}") for module in MODULES if hasattr(module, f"_{name}"))
    x = [a[::997] for a in arguments(name)]
    if name in division.RARELY:
        x = [a[(np.abs(x[0] / x[1]) < division.MOST["float32"]) & np.isfinite(x[1])] for a in x]
    elif name in ufuncs.RARELY:
        x = [a[np.abs(x[0]) <= angle.WIDEST] for a in x]
    given = np.array([formula(*each) for each in zip(*x, strict=True)])
    assert given.dtype == np.float32
    np.testing.assert_array_equal(given, getattr(ufuncs, name)(*x))


PROGRAM = """
import minitorch as T
F = T.nn.functional
x = T.tensor([[-1.0, 0.5], [2.0, 3.0]], requires_grad=True)
for f in (T.sigmoid, T.erf, T.erfc, T.exp, F.gelu, F.silu, lambda x: F.softmax(x, 1), lambda x: F.mse_loss(x, x.detach() * 2)):
    y, x.grad = f(x), None
    y.sum().backward()
    print([round(v, 3) + 0.0 for v in (y.sum().item(), *x.grad.flatten().tolist())])
"""


def test_a_program_without_a_compiler():
    """The same numbers."""
    programs = [subprocess.run([sys.executable, "-c", PROGRAM], env={**os.environ, "NUMBA_DISABLE_JIT": off}, capture_output=True, text=True) for off in "01"]
    assert programs[0].stdout.count("\n") == 8
    assert programs[1].stdout == programs[0].stdout, programs[1].stderr


@numba.njit(error_model="numpy")
def exps(x, out):
    for i in range(x.size):
        out[i] = exponential.exp(x[i])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_a_kernel(dtype):
    x = numbers().astype(dtype)
    out = np.empty_like(x)
    exps(x, out)
    np.testing.assert_array_equal(out, ufuncs.exp(x))


@pytest.mark.parametrize("name", ufuncs.FORMULAS)
def test_no_warning_of_ordinary_numbers(name):
    ufunc = getattr(ufuncs, name)
    low, high = (1.01, 9) if name == "acosh" else (0.01, 9) if name in ("log", "log2", "log10", "pow") else (-0.99, 0.99)
    with np.errstate(all="raise", under="ignore"):
        for dtype in ("float32", "float64"):
            ufunc(*[np.linspace(low, high, 1000, dtype=dtype)] * ufunc.nin)
