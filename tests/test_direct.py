"""Ufuncs called without NumPy's part, and kernels as built-in functions: the same results, errors and references as of NumPy's calls."""

import itertools
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import minitorch as torch
from minitorch import kernels
from minitorch.backends import elementary
from minitorch.backends import numpy as backend
from minitorch.kernels import direct, ufuncs
from minitorch.kernels.layout import FLOATS

pytestmark = pytest.mark.skipif(not FLOATS, reason="arrays can't be read here")

NUMPYS = {
    **{name: name for name in (*elementary.NUMPYS, *elementary.TRUTHS)},
    **dict(bitwise_left_shift="left_shift", bitwise_not="invert", bitwise_right_shift="right_shift", div="true_divide", mul="multiply"),
    **dict(neg="negative", sub="subtract", eq="equal", ge="greater_equal", gt="greater", le="less_equal", lt="less", ne="not_equal"),
}
OURS = ("exp", "tanh", "sin", "log", "atan2", "logical_and", "logical_not")
DTYPES = ("float32", "float64", "float16", "int64", "int32", "uint8", "bool")


def pair(name):
    """The function and the ufunc."""
    ufunc = getattr(ufuncs, name) if name in OURS else getattr(np, NUMPYS[name])
    return direct.direct(ufunc, "?" if name in (*elementary.TRUTHS, "logical_and", "logical_not") else None), ufunc


def arrays(dtype):
    """With and without gaps, of no dimensions, of one element, empty, large."""
    r = np.random.default_rng(0)
    whole = (r.random((4, 6)) * 5).astype(dtype)
    if whole.dtype.kind == "f":
        whole[0, :4] = np.nan, np.inf, -np.inf, -0.0
    yield from (whole, whole.T, whole[::2], whole[:, 1], whole[1], whole[2, 3:4], np.array(whole[3, 3]), whole[:0], whole[2:3].reshape(6, 1))
    yield from (np.broadcast_to(whole[1, 1], (4, 6)), np.broadcast_to(whole[:1], (4, 6)))
    yield (r.random(300_003) * 5).astype(dtype)  # shared by the team


def same(given, expected):
    assert given.dtype is expected.dtype
    assert given.shape == expected.shape
    np.testing.assert_array_equal(given, expected)
    if expected.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(given), np.signbit(expected))


def attempted(function, *arguments, **keywords):
    """What is returned, or the type and the text of what is raised."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(*arguments, **keywords))
    except (TypeError, ValueError, OverflowError) as error:
        return type(error), str(error)


def compared(quick, ufunc, *arguments, **keywords):
    given, expected = (attempted(f, *arguments, **keywords) for f in (quick, ufunc))
    if isinstance(expected, tuple):
        assert given == expected
    else:
        same(given, expected)


@pytest.mark.parametrize("name", [*NUMPYS, *OURS])
def test_equals_the_ufunc(name):
    quick, ufunc = pair(name)
    for dtype in DTYPES:
        if ufunc.nin == 1:
            for x in arrays(dtype):
                compared(quick, ufunc, x)
            continue
        for x, y in itertools.product(arrays(dtype), repeat=2):
            compared(quick, ufunc, x, y)
        for x, number in itertools.product(arrays(dtype), (2.5, -0.0, float("nan"), 1e300, 3, True, np.float32(2), [1, 2, 3, 4, 5, 6], None)):
            compared(quick, ufunc, x, number)
            compared(quick, ufunc, number, x)
        for other in DTYPES:
            compared(quick, ufunc, next(arrays(dtype)), next(arrays(other)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_where(dtype):
    quick = direct.direct_where()
    for x in arrays(dtype):
        for holds in (x > 1, np.array(True), (x > 1).astype(np.uint8), np.atleast_1d(x)[:1] > 1, [True], np.asfortranarray(x > 1)):
            for y in (x, x + x, x.ravel()[:1].reshape(()) if x.size else x, 0, 0.0, -0.0, 2.5, float("nan"), 1e300, 1, 3, True, np.atleast_1d(x)[..., :1]):
                compared(quick, np.where, holds, x, y)
                compared(quick, np.where, holds, y, x)
    for arguments in ((), (x > 1,), (x > 1, x), (x > 1, 0, 0), (x > 1, 0, 2.5), (x > 1, x, x, x)):
        if len(arguments) != 1:
            compared(quick, np.where, *arguments)
    assert len(quick(x > 1)) == 1  # the places


def test_other_arguments_are_the_ufuncs():
    add, x = direct.direct(np.add), np.ones(3, np.float32)
    out = np.empty(3, np.float32)
    assert add(x, x, out) is out
    assert add(x, x, out=out) is out
    assert add(x, x, dtype="float64").dtype == np.float64
    for wrong in ((), (x,), (x, x, x, x)):
        with pytest.raises(TypeError, match="takes from 2 to 3 positional arguments"):
            add(*wrong)
    with pytest.raises(TypeError, match="nothing"):
        add(x, x, nothing=1)
    with pytest.raises(ValueError, match="broadcast"):
        add(x, np.ones(4, np.float32))

    class Mine(np.ndarray):
        pass

    assert type(add(x.view(Mine), x)) is Mine


def test_no_warning_and_nobodys_flags():
    zero, one = np.zeros(4, np.float32), np.ones(4, np.float32)
    np.testing.assert_array_equal(direct.direct(np.true_divide)(one, zero), np.inf)  # warnings are errors here
    np.testing.assert_array_equal(np.true_divide(one, one), 1)  # nor does what was raised stay for NumPy to find


@pytest.mark.parametrize("first", ["torch.sin(x)", "x.sum()", "torch.nn.functional.softmax(x, 0)"])
def test_whatever_needs_numba_first(first):
    """NumPy's functions are called until then, and no longer."""
    program = f"""if True:
        import sys, minitorch as torch
        from minitorch.backends import numpy as backend
        x = torch.ones(2, 2)
        x + x
        assert type(backend.add).__name__ == "ufunc" and "numba" not in sys.modules
        {first}
        assert type(backend.add).__name__ == "builtin_function_or_method"
        assert (x + x).tolist() == [[2, 2], [2, 2]]
    """
    subprocess.run([sys.executable, "-c", program], check=True)


def places(x, dim, dtype):
    """Calls with positions along a dimension: names of functions of the backend, and arguments."""
    r, n = np.random.default_rng(0), x.shape[dim]
    parts = r.integers(0, n, 4)
    whole, along = r.integers(0, n, x.shape), [-1 if d == dim % x.ndim else 1 for d in range(x.ndim)]
    for index in (whole, whole[:1], whole[..., :2], whole[..., ::2], np.asfortranarray(whole), whole[..., :0], parts.reshape(along)):
        source = r.standard_normal(index.shape).astype(dtype)
        yield "gather", (x, index), dict(dim=dim)
        for start in (x, np.broadcast_to(x.dtype.type(0), x.shape)):
            yield "scatter", (start, index, source), dict(dim=dim)
            yield "scatter_add", (start, index, source), dict(dim=dim)
            yield "scatter_reduce", (start, index, source), dict(dim=dim, reduce="amax", include_self=True)
    for index in (parts, parts[::2], parts[:0], parts.astype(np.int32)):
        shape = [len(index) if d == dim % x.ndim else size for d, size in enumerate(x.shape)]
        yield "index_select", (x, index), dict(dim=dim)
        yield "index_add", (x, index, r.standard_normal(shape).astype(dtype)), dict(dim=dim)
    for k in (1, n - 1, n):
        for descending in (True, False):
            yield "sort", (x,), dict(dim=dim, descending=descending, k=k)


def placed(name, *arguments, **keywords):
    try:
        return getattr(backend, name)(*arguments, **keywords)
    except (RuntimeError, IndexError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("shape", [(5,), (4, 6), (2, 3, 5), (3, 100), (2, 1000), (300, 300)])
def test_places(monkeypatch, dtype, shape):
    """With few elements and with the kernels for many, and NumPy, the same comes out."""
    x = (np.random.default_rng(1).standard_normal(shape) * 5).astype(dtype)
    x.reshape(-1)[::7] = 0
    if x.dtype.kind == "f":
        x.reshape(-1)[1::9] = -0.0
    given = []
    for array in (x, x.T, x[::-1], x + x) + ((np.where(x > 6, np.nan, x), np.where(x > 4, np.inf, x)) if x.dtype.kind == "f" else ()):
        for dim in range(-1, x.ndim):
            given += places(array.astype(dtype, copy=False), dim, dtype) if shape != (300, 300) or array is x else ()
    few = [placed(name, *arguments, **keywords) for name, arguments, keywords in given]
    for name in ("put", "take", "add_parts", "take_parts", "first"):
        monkeypatch.setattr(kernels.places, name, lambda *arguments: NotImplemented)
    for found, (name, arguments, keywords) in zip(few, given, strict=True):
        many = placed(name, *arguments, **keywords)
        if type(many) is tuple and type(many[0]) is type:
            assert found == many
        else:
            for a, b in zip(*[f if type(f) is tuple else (f,) for f in (found, many)], strict=True):
                same(a, b)


def test_places_that_are_not_there():
    x, index = np.ones((2, 3), np.float32), np.array([[0, 3]])
    for wrong in (index, -index):
        for call in (
            lambda i: backend.gather(x, i, dim=1),
            lambda i: backend.scatter(x, i, x[:1, :2], dim=1),
            lambda i: backend.index_add(x, i[0], x[:, :2], dim=1),
        ):
            with pytest.raises(RuntimeError, match=f"index {wrong[0, 1]} is out of bounds for dimension 1 with size 3"):
                call(wrong)
        for dim in (0, 1):
            with pytest.raises(IndexError, match="index out of range in self"):
                backend.index_select(x, wrong[0], dim=dim)


def references():
    things = [np.dtype(t) for t in ("float32", "bool", "int64")]
    return [sys.getrefcount(t) for t in (*things, np.ndarray, NotImplemented, None)]


def test_references_are_counted():
    add, less, x = direct.direct(np.add), direct.direct(np.less, "?"), np.ones((2, 3), np.float32)
    two = np.array([[0, 1, 2], [1, 1, 2]])
    calls = (
        lambda: add(x, x), lambda: add(x, 2.0), lambda: add(x, x[:, :1]), lambda: less(x, x),
        lambda: kernels.sums.whole(x, 9999), lambda: kernels.sums.whole(np.arange(3), 9), lambda: kernels.logic.counts(x),
        lambda: kernels.layer.layers(x, x, None, None, None), lambda: kernels.layer.layers(x, x.T, None, None, None),
        lambda: kernels.layer.linear_backward(x, x, np.ones((3, 3), np.float32), (True, True, False)),
        lambda: kernels.places.put(x, two, x, 1, 0), lambda: kernels.places.put(x, two + 1, x, 1, 0), lambda: kernels.places.take(x, two, 1),
        lambda: kernels.places.add_parts(x, two[0], x, 1), lambda: kernels.places.take_parts(x, two[0], 0), lambda: kernels.places.first(x, 1, True, 2),
    )  # fmt: skip
    for call in calls:
        assert call() is NotImplemented or sys.getrefcount(call()) == sys.getrefcount(np.add(x, x))
        before, of_x = references(), sys.getrefcount(x)
        for _ in range(1000):
            call()
        assert sys.getrefcount(x) == of_x
        assert all(abs(b - a) < 50 for a, b in zip(references(), before, strict=True))


def test_references_of_layers_are_counted():
    """Also of results that the caller gave arrays for."""
    x, w = np.ones((2, 3), np.float32), np.ones((3, 3), np.float32)
    kernels.layer.layers(x, w, None, None, None)  # the first call imports and compiles, which refers to None thousands of times
    for outs in ((None, None), (np.empty_like(x), np.empty_like(x)), (np.empty_like(x), None), (None, np.empty_like(x))):
        before = [sys.getrefcount(a) for a in (x, w, *outs)]
        for _ in range(1000):
            found = kernels.layer.layers(x, w, None, None, outs[0], w, w[0], None, outs[1])
            assert found is outs[1] or outs[1] is None
        del found
        assert all(b - a < 50 for a, b in zip(before, [sys.getrefcount(a) for a in (x, w, *outs)], strict=True))


def kept_by(calls):
    """The bytes that calls leave behind, once they have compiled and cached what they will."""
    calls()
    tracemalloc.start()
    try:
        calls()
        before = tracemalloc.get_traced_memory()[0]
        calls()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_memory_is_freed():
    add, x, w = direct.direct(np.add), np.ones((1, 1000), np.float32), np.ones((1000, 1000), np.float32)

    def calls():
        for _ in range(10):
            add(x, x)
            kernels.layer.linear_backward(x, x, w, (True, True, True))

    assert kept_by(calls) < 10_000


def test_a_training_step_leaves_nothing_behind():
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 10))
    optimizer, x, y = torch.optim.Adam(model.parameters()), torch.randn(64, 64), torch.randint(0, 10, (64,))

    def steps():
        for _ in range(10):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            with torch.no_grad():
                model(x).sum().item()

    assert kept_by(steps) < 10_000


def test_where_there_can_be_no_team(tmp_path):
    """On another system than Linux a large update, and a large exp, are the caller's own; nothing is started."""
    program = (
        "import sys, numba, numpy as np\n"
        "system, sys.platform = sys.platform, 'other'\n"
        "from minitorch.kernels import team\n"
        "sys.platform = system\n"
        "import minitorch as torch\n"
        "w = torch.ones(10**6, requires_grad=True)\n"
        "w.grad = torch.ones(10**6)\n"
        "optimizer = torch.optim.SGD([w], lr=0.5)\n"
        "optimizer.step(); optimizer.step()\n"
        "print(w.sum().item(), torch.exp(w).sum().item() == 10**6, team.words[team.SIZE])\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}  # what is compiled there knows of no team
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout == "0.0 True 0\n", done.stderr
