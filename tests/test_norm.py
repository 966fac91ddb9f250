"""Normalisation by kernels/norm.py on both sides of the sizes from which on it is done by blocks of rows and by the team."""

import numpy as np
import pytest

from minitorch.kernels import norm

CLOSE = {"float32": dict(rtol=2e-4, atol=2e-5), "float64": dict(rtol=1e-9, atol=1e-10)}
SHAPES = [(norm.LARGE - 1, 1), (norm.LARGE, 1), (norm.LARGE // 3 + 1, 3), (40, norm.LARGE // 40 + 1), (1, norm.LARGE), (600, 500)]


def numbers(seed, *shape, dtype="float64"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def arguments(shape, dtype):
    n, c = shape
    return numbers(0, n, c, dtype=dtype) + 3, numbers(1, n, c, dtype=dtype), numbers(2, c, dtype=dtype), numbers(3, c, dtype=dtype)


def by_rows(x, g, w, b):
    out, mean, rstd = norm.layer_norm(x, w, b, 1e-3)
    return out, *norm.layer_norm_backward(g, x, w, mean, rstd)


def by_columns(x, g, w, b):
    mean, var = norm.statistics(x)
    out = norm.batch_norm(x, w, b, mean, var, 1e-3)
    return mean, var, out, *norm.batch_norm_backward(g, x, w, mean, var, 1e-3, True)


def formula(x, g, w, b, dim):
    """The same in float64: mean, variance, result, gradients of x, w, b."""
    x, g, w, b = (a.astype(np.float64) for a in (x, g, w, b))
    mean, var = x.mean(dim, keepdims=True), x.var(dim, keepdims=True)
    rstd = 1 / np.sqrt(var + 1e-3)
    y, gw = (x - mean) * rstd, g * w
    dx = rstd * (gw - gw.mean(dim, keepdims=True) - y * (gw * y).mean(dim, keepdims=True))
    return mean.reshape(-1), var.reshape(-1), y * w + b, dx, (g * y).sum(0), g.sum(0)


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_blocks_give_what_the_formula_gives(shape, dtype):
    given = arguments(shape, dtype)
    for found, expected in ((by_rows(*given), formula(*given, 1)[2:]), (by_columns(*given), formula(*given, 0))):
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, rtol=CLOSE[dtype]["rtol"], atol=CLOSE[dtype]["atol"] * max(1, np.abs(b).max()))


def test_variances_of_parts_far_from_each_other():
    x = np.repeat([[1e8], [-1e8]], norm.LARGE // 2, 0) + numbers(0, norm.LARGE, 1)
    mean, var = norm.statistics(x)
    np.testing.assert_allclose(mean, x.mean(0), atol=1e-6)
    np.testing.assert_allclose(var, x.var(0), rtol=1e-12)


def test_results_do_not_depend_on_the_team(team):
    def every_result():
        for shape in SHAPES:
            given = arguments(shape, "float32")
            yield from (*by_rows(*given), *by_columns(*given))

    team(1)
    alone = list(every_result())
    for size in (2, 3):
        for helpers in (False, True):
            team(size, helpers)
            for a, b in zip(every_result(), alone, strict=True):
                np.testing.assert_array_equal(a, b)


def test_empty():
    for shape in [(0, 3), (3, 0)]:
        with np.errstate(all="ignore"):
            for part in (*by_rows(*arguments(shape, "float32")), *by_columns(*arguments(shape, "float32"))):
                assert part.shape in (shape, shape[1:])
