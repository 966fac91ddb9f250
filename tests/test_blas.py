"""Products by kernels/blas.py: NumPy's results, whatever the layout and whoever computes them, and helpers that behave."""

import ctypes
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import minitorch as T
from minitorch.kernels import blas, layer
from minitorch.kernels import team as kernels_team
from minitorch.ops.table import switches

pytestmark = pytest.mark.skipif(not blas.available, reason="NumPy has another BLAS than its wheels for Linux")

SIZES = [
    (1, 1, 1),
    (1, 7, 5),
    (33, 1, 2),
    (5, 64, 3),
    (31, 33, 65),
    (128, 10, 130),
    (96, 130, 97),
    (90, 257, 88),
    (64, 64, 64),
    (1, 724, 724),
    (1, 725, 724),
]
EMPTY = [(0, 2, 3), (2, 0, 3), (2, 3, 0)]
CLOSE = {"float32": dict(rtol=1e-4, atol=3e-4), "float64": dict(rtol=1e-11, atol=1e-11)}
WANTED = [
    (True, True, True),
    (False, True, True),
    (True, False, False),
    (False, False, True),
    (False, True, False),
]


def numbers(seed, *shape, dtype="float32"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_linear(size, dtype, team):
    """On both sides of the size from which on the team takes pieces."""
    team(size)
    works = []
    for i, (m, n, k) in enumerate(SIZES):
        x, w, b, g = (numbers(i, *shape, dtype=dtype) for shape in ((m, k), (n, k), (n,), (m, n)))
        x.flags.writeable = False
        works.append(m * n * k)
        np.testing.assert_allclose(layer.layers(x, w, b, None, None), x @ w.T + b, **CLOSE[dtype])
        np.testing.assert_allclose(layer.layers(x, w, None, None, None), x @ w.T, **CLOSE[dtype])
        for wanted in WANTED:
            given = layer.linear_backward(g, x, w, wanted)
            for a, e, asked in zip(given, (g @ w, g.T @ x, g.sum(0)), wanted, strict=True):
                assert (a is not None) == asked
                if asked:
                    np.testing.assert_allclose(a, e, **CLOSE[dtype])
    assert {w < layer.SHARED for w in works} == {2 * w <= layer.SHARED for w in works} == {True, False}
    for m, n, k in EMPTY:
        x, w, g = (np.zeros(shape, dtype) for shape in ((m, k), (n, k), (m, n)))
        assert layer.layers(x, w, None, None, None) is NotImplemented
        assert layer.linear_backward(g, x, w, WANTED[0]) is NotImplemented


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("rows", [5, blas.ROWS - 1, blas.ROWS])
@pytest.mark.parametrize("columns", [7, blas.COLUMNS - 1, blas.COLUMNS])
def test_layers_with_nan_and_inf(dtype, rows, columns):
    """Also on both sides of the sizes from which on the weight is turned round."""
    x, w, b = (numbers(i, *shape, dtype=dtype) for i, shape in enumerate([(rows, 6), (columns, 6), (columns,)]))
    x[1, 2], x[2, 3], w[4, 5], b[0], b[1] = np.nan, np.inf, -np.inf, np.nan, np.inf
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(layer.layers(x, w, b, None, None), x @ w.T + b, **CLOSE[dtype])
        dx, dw, db = layer.linear_backward(x @ w.T, x, w, (True, True, True))
        for a, e in ((dx, x @ w.T @ w), (dw, (x @ w.T).T @ x), (db, (x @ w.T).sum(0))):
            np.testing.assert_allclose(a, e, **CLOSE[dtype])


def test_what_layers_leave_to_others():
    """Arrays that a kernel must not read as if they were contiguous, of one type and of fitting shapes."""
    x, w, b, g = numbers(0, 6, 8), numbers(1, 4, 8), numbers(2, 4), numbers(3, 6, 4)
    for odd in (x.astype("float64"), x.astype("float16"), x.astype(">f4"), x.astype("int32"), x[:, :7], x[:0], *list(layouts(x))[1:]):
        assert layer.layers(odd, w, b, None, None) is NotImplemented
        assert layer.linear_backward(g, odd, w, (True, True, True)) is NotImplemented
    for odd in (w.astype("float64"), w[:, 1:], w[:0], *list(layouts(w))[1:]):
        assert layer.layers(x, odd, b, None, None) is NotImplemented
        assert layer.linear_backward(g, x, odd, (True, True, True)) is NotImplemented
    for odd in (b.astype("float64"), b[:1], b[None], b[0:0], np.array(1, "float32"), b[::-1], np.tile(b, 2)[::2]):
        assert layer.layers(x, w, odd, None, None) is NotImplemented
    for odd in (g.astype("float64"), g[:5], g[:, :3], np.broadcast_to(g[:1], g.shape), *list(layouts(g))[1:]):
        assert layer.linear_backward(odd, x, w, (True, True, True)) is NotImplemented


def layouts(x):
    """The same numbers, differently in memory."""
    yield x
    yield np.ascontiguousarray(x.swapaxes(-2, -1)).swapaxes(-2, -1)  # rows are columns
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., : x.shape[-1]] = x
    yield wide[..., : x.shape[-1]]  # rows with a gap
    wide[..., ::2] = x
    yield wide[..., ::2]  # what BLAS cannot read
    yield np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    if x.ndim == 4:
        yield np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2)  # heads beside each other


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("batch", [(), (1,), (3,), (300,), (4, 5)])
def test_matmul(batch, dtype, team):
    team(2)
    for m, n, k in [(40, 30, 50), (33, 33, 33), (1, 1300, 40), (2000, 1, 30), (1, 9, 4000), (100, 80, 70)]:
        if batch and m * n * k > 50_000:
            continue
        x, y = numbers(1, *batch, m, k, dtype=dtype), numbers(2, *batch, k, n, dtype=dtype)
        expected = x @ y
        for a in layouts(x):
            for b in layouts(y):
                np.testing.assert_allclose(blas.matmul(a, b), expected, **CLOSE[dtype])
    if batch:
        shared = np.broadcast_to(x[:1], x.shape)
        np.testing.assert_allclose(blas.matmul(shared, y), shared @ y, **CLOSE[dtype])


def test_what_is_left_to_numpy():
    x = numbers(0, 64, 64)
    for a, b in [
        (x, x.astype("float64")),
        (x.astype("float16"), x.astype("float16")),
        (x.astype(">f4"), x.astype(">f4")),
        (x, x[0]),
        (numbers(0, 2, 1, 64, 64), numbers(0, 1, 2, 64, 64)),
        (x, x[:63]),
        (numbers(0, 9, 0), numbers(0, 0, 9)),
    ]:
        assert blas.matmul(a, b) is NotImplemented


def every_product():
    """Results of products that are shared out."""
    x, w, b, g = numbers(0, 96, 160), numbers(1, 200, 160), numbers(2, 200), numbers(3, 96, 200)
    heads, values = numbers(4, 20, 64, 48), numbers(5, 20, 48, 64)
    yield layer.layers(x, w, b, None, None)
    yield from layer.linear_backward(g, x, w, (True, True, True))
    yield layer.linear_backward(g, x, w, (False, True, True))[1]
    yield blas.matmul(x, w.T)
    yield blas.matmul(heads, values)
    yield blas.matmul(numbers(6, 600, 16, 16), numbers(7, 600, 16, 16))


def test_results_do_not_depend_on_the_team(team):
    team(1)
    alone = list(every_product())
    for size in (2, 3, 5, 8):
        for helpers in (False, True):
            team(size, helpers)
            for a, b in zip(every_product(), alone, strict=True):
                np.testing.assert_array_equal(a, b)


def blas_threads():
    return getattr(ctypes.CDLL(np._core._multiarray_umath.__file__), blas.NAMES[2])()


#: m, n, k of products in two, four and eight pieces of rows or columns, of odd sizes, where OpenBLAS divides the sum (k above 320, 384,
#: 448, 512) and where it does not
CUT = [
    (97, 83, 701), (83, 97, 513), (131, 50, 385), (25, 211, 321), (700, 41, 33), (41, 700, 33), (13, 200, 449), (200, 13, 320),
    (4, 640, 700), (640, 4, 700), (1, 2600, 321), (2600, 1, 321), (26001, 5, 7), (5, 26001, 7), (65, 63, 129), (4201, 5, 39),
    (7, 4201, 385),
]  # fmt: skip


@pytest.mark.parametrize("dtype", CLOSE)
def test_pieces_do_not_depend_on_the_team(dtype, team):
    """Whatever the operands' layout, with bias and without."""
    for i, (m, n, k) in enumerate(CUT):
        x, y, b = (numbers(i, *shape, dtype=dtype) for shape in ((m, k), (k, n), (n,)))
        given, turned = [x, np.asfortranarray(x)], [y, np.asfortranarray(y)]

        def products(given=given, turned=turned, b=b):
            yield from (blas.matmul(x, y) for x in given for y in turned)
            yield layer.layers(given[0], turned[1].T, b, None, None)

        team(1)
        alone = list(products())
        np.testing.assert_allclose(alone[0], x @ y, **CLOSE[dtype])
        for size, helpers in ((8, False), (3, True)):
            team(size, helpers)
            for a, e in zip(products(), alone, strict=True):
                np.testing.assert_array_equal(a, e)


def test_large_products_are_cut(team):
    """Into as many pieces as their size says."""
    if blas_threads() == 1:
        pytest.skip("OpenBLAS may use one thread only: nothing is shared")
    team(2, helpers=True)
    cut = {(128, 128, 32): 2, (600, 90, 20): 2, (90, 600, 20): 2, (4100, 5, 40): 4, (9, 9000, 10): 8, (63, 63, 400): 1}
    for (m, n, k), pieces in cut.items():
        kernels_team.words[kernels_team.COUNT] = 1
        blas.matmul(numbers(0, m, k), numbers(1, k, n))
        assert kernels_team.words[kernels_team.COUNT] == pieces


def test_helpers_are_kept_from_no_core_for_long(team):
    """One that is woken is first kept from its caller's core."""
    team(3, helpers=True)
    helpers = kernels_team.words[kernels_team.HELPERS :][:2].tolist()
    for _ in range(20):
        list(every_product())
        time.sleep(0.05)
        if all(os.sched_getaffinity(helper) == os.sched_getaffinity(0) for helper in helpers):
            return
    pytest.fail("helpers may use fewer cores than their caller")


def test_helpers_sleep_and_wake(team):
    team(3, helpers=True)
    expected = list(every_product())
    for _ in range(3):
        for _ in range(2000):
            if kernels_team.words[kernels_team.ASLEEP] >= 2:
                break
            time.sleep(0.01)
        else:
            pytest.fail("helpers without work do not sleep")
        for a, b in zip(every_product(), expected, strict=True):
            np.testing.assert_array_equal(a, b)
    assert kernels_team.words[kernels_team.WANTED] == 0


def test_several_threads_of_python(team):
    team(2, helpers=True)
    expected, wrong = list(every_product()), []

    def work():
        for _ in range(20):
            wrong.extend(not np.array_equal(a, b) for a, b in zip(every_product(), expected, strict=True))

    callers = [threading.Thread(target=work) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(wrong) == 3 * 20 * len(expected)
    assert not any(wrong)
    assert kernels_team.words[kernels_team.WANTED] == 0


def test_openblas_keeps_its_threads(team):
    before = blas_threads()
    team(2)
    list(every_product())
    assert blas_threads() == before


def program(source, **environment):
    """What a program prints. It has to end."""
    source = "import numpy as np, minitorch as T\nfrom minitorch.kernels import blas, layer, team\n" + source
    run = subprocess.run(
        [sys.executable, "-c", source],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


PRODUCT = """
x = np.ones((128, 128), "float32")
for _ in range(3):
    assert (layer.layers(x, x, x[0], None, None) == 129).all()
"""


def test_size_of_the_team():
    say = PRODUCT + "print(team.words[team.SIZE])"
    several = {"NUMBA_NUM_THREADS": str(min(2, os.cpu_count()))}
    assert program(say, **several) == [str(min(2, os.cpu_count()))]
    assert program(say, **several | {"NUMBA_NUM_THREADS": "1"}) == ["1"]
    assert program(
        "x = np.ones((32, 32), 'float32')\nlayer.layers(x, x, None, None, None)\nprint(team.words[team.SIZE])"
    ) == ["0"]


def test_the_first_call_and_the_number_of_threads():
    """A process without a team yet, with one, and with one thread, of NumPy's BLAS or of ours: the same bits."""
    source = """
import hashlib
r = np.random.default_rng(0)
x, w, b, g = (r.standard_normal(shape).astype("float32") for shape in ((97, 321), (83, 321), (83,), (97, 83)))
for function in (lambda: [blas.matmul(x, w.T)], lambda: [layer.layers(x, w, b, None, None)], lambda: layer.linear_backward(g, x, w, (True, True, True))):
    for _ in range(3):
        print(hashlib.sha256(b"".join(out.tobytes() for out in function())).hexdigest())
"""
    printed = [program(source, **{name: "1"}) for name in ("NOTHING", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")]
    assert printed[0] == printed[1] == printed[2]
    assert [len(set(printed[0][i : i + 3])) for i in (0, 3, 6)] == [1, 1, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork():
    """The child of a process with helpers has none, forms a team of its own, and both end."""
    printed = program(
        "import os, threading\n"
        + PRODUCT
        + "child = os.fork()\n"
        + "before = team.words[team.SIZE], team.words[team.WANTED], threading.active_count()\n"
        + PRODUCT
        + "if child:\n    assert os.waitpid(child, 0)[1] == 0\n"
        + "else:\n    print(*before, team.words[team.SIZE] > 0)"
    )
    assert printed == ["0", "0", "1", "True"]


def test_shapes_are_checked_before():
    x, w, b = T.ones(64, 64), T.ones(10, 64), T.ones(10)
    for bad in [(x, w[:, 1:], b), (x[:, 1:], w, b), (x, w, b[1:])]:
        with pytest.raises(RuntimeError):
            T.nn.functional.linear(*bad)
    np.testing.assert_array_equal(T.nn.functional.linear(x, w, b[:1]).numpy(), 65)
    with pytest.raises(RuntimeError, match="same dtype"):
        T.nn.functional.linear(x, w, b.double())


def test_without_the_jit():
    source = "x = T.ones(64, 64)\nprint(blas.available, (T.nn.functional.linear(x, x, x[0]) == 65).all().item(), (x @ x).sum().item())"
    assert program(source, NUMBA_DISABLE_JIT="1") == ["False", "True", str(64.0**3)]


@pytest.mark.parametrize("available", [True, False])
def test_operations_with_and_without(available, monkeypatch):
    """linear and matmul, values and gradients, where NumPy's BLAS is another one, too."""
    monkeypatch.setattr(blas, "available", available)
    monkeypatch.setattr(layer, "available", available)
    results = []
    for fused in (True, False):
        monkeypatch.setattr(switches, "fused", fused)
        x, w, b = (
            T.from_numpy(numbers(i, *s)).requires_grad_()
            for i, s in enumerate([(4, 50, 60), (70, 60), (70,)])
        )
        y = T.nn.functional.linear(x, w, b)
        out = y @ T.tanh(y).transpose(1, 2) @ x @ w.T
        grads = T.autograd.grad(out.sum(), (x, w, b))
        results.append([out.detach().numpy(), *[d.numpy() for d in grads]])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(b).max())


PRODUCTS = [
    ((900,), (900,)), ((90, 90), (90,)), ((90,), (90, 90)), ((3, 40, 50), (50,)), ((50,), (3, 50, 40)), ((3, 40, 50), (50, 60)),
    ((40, 50), (3, 50, 60)), ((1, 40, 50), (3, 50, 60)), ((2, 3, 40, 50), (3, 50, 60)), ((2, 3, 40, 50), (2, 3, 50, 60)),
    ((40, 0), (0, 50)), ((0, 40, 50), (50, 60)),
]  # fmt: skip


@pytest.mark.parametrize("shapes", PRODUCTS, ids=str)
@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
def test_gradients_of_products_of_every_form(shapes, wanted, monkeypatch):
    """Sizes from which on a kernel is asked, whether it can take the form or not."""
    results = []
    for fused in (True, False):
        monkeypatch.setattr(switches, "fused", fused)
        x, y = (T.from_numpy(numbers(i, *s)).requires_grad_(w) for i, (s, w) in enumerate(zip(shapes, wanted, strict=True)))
        out = x @ y
        grads = T.autograd.grad(out.sin().sum(), [t for t in (x, y) if t.requires_grad])
        results.append([out.detach().numpy(), *[d.numpy() for d in grads]])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (784, 256), (9215, 3), (9216, 3)], ids=str)
def test_a_layer_of_one_row(shape, dtype):
    """It is a matrix times a vector, by rows of it for which OpenBLAS wakes no threads; NaN and infinity are where they belong."""
    k, n = shape
    x, w, b = (numbers(i, *s).astype(dtype) for i, s in enumerate(((1, k), (n, k), (n,))))
    tolerance = dict(rtol=1e-3, atol=2e-3) if dtype == "float32" else dict(rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(layer.layers(x, w, b, None, None), x.astype("f8") @ w.T.astype("f8") + b, **tolerance)
    np.testing.assert_allclose(layer.layers(x, w, None, None, None), x.astype("f8") @ w.T.astype("f8"), **tolerance)
    w[n // 2, 0], b[0] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.isfinite(layer.layers(x, w, b, None, None)), np.isfinite(x @ w.T + b))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 1), (1, 7), (40, 300), (700, 900), (3, 20000), (20000, 3), (60, 9300), (0, 4), (4, 0)])
def test_matrix_and_vector(shape, dtype):
    """Around the sizes that OpenBLAS gives one thread, and those that are shared."""
    r = np.random.default_rng(0)
    w, rows, columns = (r.random(s).astype(dtype) for s in (shape, shape[:1], shape[1:]))
    for x in (w, np.asfortranarray(w), np.repeat(w, 2, 1)[:, ::2]):
        matrix, left, right = (T.from_numpy(a.copy(order="K")).requires_grad_() for a in (x, rows, columns))
        expected = dict(rtol=1e-4 if dtype == "float32" else 1e-12)
        np.testing.assert_allclose((matrix @ right).detach().numpy(), w @ columns, **expected)
        np.testing.assert_allclose((left @ matrix).detach().numpy(), rows @ w, **expected)
        for product, g, others in ((matrix @ right, rows, (right, rows @ w)), (left @ matrix, columns, (left, w @ columns))):
            matrix.grad = others[0].grad = None
            product.backward(T.from_numpy(g))
            np.testing.assert_allclose(matrix.grad.numpy(), np.outer(rows, columns), **expected)
            np.testing.assert_allclose(others[0].grad.numpy(), others[1], **expected)
