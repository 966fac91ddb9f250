"""Factors by kernels/lapack.py, cholesky.py and singular.py: NumPy's results in the arrays' own type, whatever the layout and whoever computes them."""

import ctypes
import threading

import numpy as np
import pytest

import minitorch as T
from minitorch.backends import factors
from minitorch.backends import numpy as backends_numpy
from minitorch.kernels import blas, cholesky, lapack
from minitorch.ops.decompositions import _cholesky_dx
from minitorch.ops.table import switches

pytestmark = pytest.mark.skipif(not lapack.available, reason="NumPy has another LAPACK than its wheels for Linux")

N = factors.LARGE
SHAPES = [(N - 1, N - 1), (N, N), (N + 1, N + 1), (3, N, N), (2, 2, N + 6, N + 6), (600, 600)]
CLOSE = {"float32": 3e-4, "float64": 1e-12}


def numbers(seed, *shape, dtype="float64"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def close(ours, expected, dtype):
    assert ours.dtype == dtype
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, rtol=0, atol=CLOSE[dtype] * np.abs(expected).max(initial=1))


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_results_are_numpys(shape, dtype):
    exact = numbers(0, *shape) + 20 * np.eye(shape[-1])
    layouts = [exact, exact.swapaxes(-1, -2), exact[..., ::-1], exact[..., ::-1, :]]
    for a in layouts:
        x = a.astype(dtype, order="K")
        close(factors.inv(x), np.linalg.inv(a), dtype)
        scaled = a / 20
        close(factors.det((x / 20).astype(dtype)), np.linalg.det(scaled), dtype)
        for ours, expected in zip(factors.slogdet(x), np.linalg.slogdet(a), strict=True):
            close(np.asarray(ours), np.asarray(expected), dtype)
        for k in (1, 3, lapack.SIDES, lapack.SIDES + 1):
            y = numbers(1, *shape[:-1], k)
            close(factors.solve(x, y.astype(dtype)), np.linalg.solve(a, y), dtype)
            close(factors.solve(x, y.astype(dtype, order="F")), np.linalg.solve(a, y), dtype)


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 2, 5, 5), (3, N, N), (170, 170)], ids=str)
def test_cholesky(shape, dtype):
    """Only the lower triangle is read, and the gradient is the formula's and symmetric; whatever the layout."""
    exact, g = numbers(0, *shape), numbers(1, *shape)
    exact = exact @ exact.swapaxes(-1, -2) + shape[-1] * np.eye(shape[-1])
    expected = np.linalg.cholesky(exact)
    dx = np.stack([_cholesky_dx(backends_numpy, a, b) for a, b in zip(g.reshape(-1, *shape[-2:]), expected.reshape(-1, *shape[-2:]), strict=True)])
    x = np.tril(exact) + np.triu(np.full(shape, np.nan), 1)
    for order in (np.asarray, lambda a: a.swapaxes(-1, -2).copy().swapaxes(-1, -2)):
        lower = cholesky.factors(order(x.astype(dtype)))
        close(lower, expected, dtype)
        ours = cholesky.gradient(order(g.astype(dtype)), order(lower))
        close(ours, dx.reshape(shape), dtype)
        np.testing.assert_array_equal(ours, ours.swapaxes(-1, -2))


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (3, 4), (2, 3, 2), (70, 90)], ids=str)
def test_singular_values(shape, dtype):
    """Values are NumPy's, the vectors of either form orthonormal, and what they make is the matrix; whatever the layout."""
    exact = numbers(0, *shape)
    for x in (exact.astype(dtype), exact.astype(dtype, order="F"), exact.astype(dtype)[..., ::-1]):
        close(factors.singular_values(x), np.linalg.svd(exact, compute_uv=False), dtype)  # which order and sign of columns do not change
        for full in (False, True):
            u, s, vh = factors.linalg_svd(x, full_matrices=full)
            expected = np.linalg.svd(x, full)
            assert (u.shape, vh.shape) == (expected.U.shape, expected.Vh.shape)
            k = s.shape[-1]
            close(u[..., :k] * s[..., None, :] @ vh[..., :k, :], x, dtype)
            for product in (u.swapaxes(-1, -2) @ u, vh @ vh.swapaxes(-1, -2)):
                close(product, np.broadcast_to(np.eye(product.shape[-1]), product.shape), dtype)


def test_no_singular_values():
    for call in (T.linalg.svdvals, T.linalg.svd):
        with pytest.raises(T.linalg.LinAlgError):
            call(T.full((3, 3), np.nan))
    assert T.linalg.svdvals(T.zeros(2, 0, 3)).shape == (2, 0)


def test_what_is_not_positive_definite():
    x = np.stack([np.eye(3), np.diag([1.0, 1, 0])])
    assert cholesky.factors(x) is None
    for bad in (x, np.diag([1.0, -1]), -np.eye(N)):
        with pytest.raises(T.linalg.LinAlgError):
            T.linalg.cholesky(T.from_numpy(bad))


def test_the_sign_of_exchanged_rows():
    for seed in range(6):
        x = np.eye(N)[np.random.default_rng(seed).permutation(N)].astype("float32")
        assert factors.det(x) == factors.slogdet(x)[0] == np.linalg.det(x)


def test_parts_of_a_determinant_may_overflow():
    x = np.diag(np.repeat(np.float32([1e5, 1e-5]), N // 2))
    np.testing.assert_allclose(factors.det(x), 1, rtol=1e-4)


@pytest.mark.parametrize("dtype", CLOSE)
def test_singular_matrices(dtype):
    x = numbers(0, 2, N, N, dtype=dtype)
    x[1, :, 5] = 0
    for call in (T.linalg.inv, lambda x: T.linalg.solve(x, x)):
        with pytest.raises(T.linalg.LinAlgError):
            call(T.from_numpy(x))
    sign, log = T.slogdet(T.from_numpy(x))
    assert sign[1].item() == 0 == T.linalg.det(T.from_numpy(x))[1].item()
    assert log[1].item() == -np.inf


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_inf(value):
    x = numbers(0, N, N, dtype="float32") + 20 * np.eye(N, dtype="float32")
    x[3, 3] = value
    with np.errstate(all="ignore"):
        assert np.isnan(factors.inv(x)).any() == np.isnan(np.linalg.inv(x)).any()
        assert not np.isfinite(factors.slogdet(x)[1])


def test_empty():
    x = np.empty((0, N, N), np.float32)
    assert factors.inv(x).shape == x.shape
    assert factors.det(x).shape == factors.slogdet(x)[0].shape == (0,)
    assert factors.solve(x, x[..., :2]).shape == (0, N, 2)
    assert factors.solve(numbers(0, N, N), np.empty((N, 0))).shape == (N, 0)


def test_arguments_are_not_changed():
    x, y = numbers(0, N, N), numbers(1, N, 2)
    x.flags.writeable = y.flags.writeable = False
    before = x.copy(), y.copy()
    for call in (factors.inv, factors.det, factors.slogdet, lambda x: factors.solve(x, y)):
        call(x)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_results_do_not_depend_on_the_team(team):
    def every_result():
        for dtype in CLOSE:
            for shape in [(300, 300), (5, N, N)]:
                x, y = numbers(0, *shape, dtype=dtype), numbers(1, *shape[:-1], 170, dtype=dtype)
                yield from (factors.inv(x), factors.det(x), *factors.slogdet(x), factors.solve(x, y))
                lower = cholesky.factors(x @ x.swapaxes(-1, -2) + np.eye(shape[-1], dtype=dtype))
                yield from (lower, cholesky.gradient(x, lower), *factors.linalg_svd(x), factors.singular_values(x))

    team(1)
    alone = list(every_result())
    for size in (2, 3, 8):
        for helpers in (False, True):
            team(size, helpers)
            for a, b in zip(every_result(), alone, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("available", [True, False])
def test_gradients(available, monkeypatch):
    """Those of kept factors are those of the rules; of a sign alone there is none."""
    monkeypatch.setattr(lapack, "available", available)
    x, y = (T.from_numpy(a) for a in (numbers(0, 2, N, N) + 20 * np.eye(N), numbers(1, 2, N, 3)))
    results = []
    for fused in (True, False):
        monkeypatch.setattr(switches, "fused", fused)
        a, b = x.clone().requires_grad_(), y.clone().requires_grad_()
        out = T.linalg.solve(a, b), T.linalg.det(a / 20), T.slogdet(a).logabsdet
        total = sum((o * (o + 1)).sum() for o in out)
        first = T.autograd.grad(total, (a, b), create_graph=True)
        results.append([*out, *first, *T.autograd.grad(sum((d**2).sum() for d in first), (a, b))])
        assert T.autograd.grad(T.slogdet(a).sign.sum(), a, allow_unused=True) == (None,)
    for ours, formula in zip(*results, strict=True):
        close(ours.detach().numpy(), formula.detach().numpy(), "float64")
    plain = [T.autograd.grad(f(x), x)[0] for x in [x.clone().requires_grad_()] for f in (lambda x: T.slogdet(x)[1].sum(),)]
    close(plain[0].numpy(), np.linalg.inv(x.numpy()).swapaxes(-1, -2), "float64")


def test_several_threads_of_python():
    """None finds, and leaves behind, OpenBLAS's number of threads as another has set it."""
    library = ctypes.CDLL(np._core._multiarray_umath.__file__)
    threads, x = getattr(library, blas.NAMES[2]), np.random.default_rng(0).standard_normal((120, 120))
    before, expected = threads(), lapack.LU(x).inverse()
    same = []

    def work():
        same.extend(np.array_equal(lapack.LU(x).inverse(), expected) for _ in range(300))

    callers = [threading.Thread(target=work) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(same) == 1200
    assert all(same)
    assert threads() == before
