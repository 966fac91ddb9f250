"""Fused formulas equal the formulas, to the last bit; Numba's cache survives what happens to caches; results do not depend on
threads."""

import inspect
import math
import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import minitorch
from minitorch import kernels
from minitorch.backends import logic
from minitorch.backends import numpy as xp
from minitorch.kernels import fuse, threads, ufuncs
from minitorch.kernels import team as kernels_team
from minitorch.kernels.jit import kernel
from minitorch.ops import OPS
from minitorch.ops.lookup import REDUCTIONS

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-40, -1e-40, 1.0, -1.0, 2.5, 0.5, 20.0, -100.0]
ROOT = Path(minitorch.__file__).parent


def numbers(n, dtype, seed=0):
    x = np.random.default_rng(seed).uniform(-2, 2, n).astype(dtype)
    x[: len(SPECIAL)] = SPECIAL[: len(x)]
    return x


def arguments(row, formula, n, dtype):
    """Arrays of n numbers for the inputs, the gradient and the result, the defaults of the metadata; None: it wants other things."""
    values, metadata = [], {}
    for i, p in enumerate(inspect.signature(formula).parameters.values()):
        default = row.metadata.get(p.name)
        if p.name == "xp":
            values.append(xp)
        elif p.kind is p.KEYWORD_ONLY:
            metadata[p.name] = default
        elif p.name in row.metadata:
            values.append(default)
        elif p.name == "condition":
            values.append(numbers(n, dtype, 9) > 0)
        elif p.name in ("g", "out", *row.inputs):
            values.append(np.roll(numbers(n, dtype, i), i))
        else:
            return None
    needed = any(v is inspect.Parameter.empty for v in (*values, *metadata.values()))
    return None if needed else (values, metadata)


def elementwise():
    """Every formula of the table that can be traced: (name of the op, name of the formula)."""
    found = []
    for name, row in OPS.items():
        for part, formula in {"forward": row.forward, **row.vjp}.items():
            if row.view or row.body or row.variadic or row.outputs > 1:
                continue
            given = arguments(row, formula, 16, "float32")
            try:
                if given and fuse.Fused(formula).program(*given):
                    found.append((name, part))
            except RuntimeError:  # the op's own: it takes whole numbers, or several dimensions
                continue
    return found


ELEMENTWISE = elementwise()


def test_which_formulas_are_fused():
    for pair in [
        ("tanh", "x"),
        ("where", "y"),
        ("sigmoid", "forward"),
        ("relu", "x"),
        ("maximum", "y"),
        ("sqrt", "forward"),
        ("floor", "forward"),
    ]:
        assert pair in ELEMENTWISE
    for name, part in [
        ("sum", "x"),
        ("matmul", "forward"),
        ("clone", "forward"),
        ("cumsum", "x"),
    ]:
        assert (name, part) not in ELEMENTWISE


@pytest.fixture
def interpreted(monkeypatch):
    """Loops as plain Python: what is written in them is tested, without the time to compile it."""
    monkeypatch.setattr("minitorch.kernels.jit.kernel", lambda **options: lambda f: f)
    monkeypatch.setattr("minitorch.kernels.loops.loop", lambda ufunc: ufunc)
    monkeypatch.setattr("minitorch.kernels.ufuncs.FORMULAS", {name: getattr(ufuncs, name) for name in ufuncs.FORMULAS})
    fuse.compiled.cache_clear()
    yield
    fuse.compiled.cache_clear()


def both(formula, values, metadata):
    """-> (the formula's result, its program's)"""
    with np.errstate(all="ignore"):
        expected = formula(*values, **metadata)
        program = fuse.Fused(formula).program(values, metadata)
        return expected, program([v for v in values if type(v) is np.ndarray])


def assert_same(given, expected, what=""):
    """Equal bits, but for the sign of a NaN, which no arithmetic defines."""
    assert given.dtype == expected.dtype, what
    np.testing.assert_array_equal(given, expected, err_msg=str(what))
    np.testing.assert_array_equal(
        np.signbit(given[given == 0]), np.signbit(expected[expected == 0]), str(what)
    )


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_fused_formula_equals_the_formula(dtype):
    for name, part in ELEMENTWISE:
        row = OPS[name]
        formula = row.forward if part == "forward" else row.vjp[part]
        expected, given = both(formula, *arguments(row, formula, 40, dtype))
        assert_same(given, expected, (name, part))


COMPILED = [
    ("tanh", "x"),
    ("softplus", "forward"),
    ("maximum", "x"),
    ("hardtanh", "x"),
    ("lerp", "forward"),
]


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_fused_formula_of_rows_and_numbers(dtype, monkeypatch):
    """Arrays that are repeated in every row, in every matrix, or single numbers, in every place but all."""
    monkeypatch.setattr(fuse, "EARNED", 0)
    monkeypatch.setattr(fuse, "WORTH", -1)
    tried = set()
    for name, part in ELEMENTWISE:
        row = OPS[name]
        formula = row.forward if part == "forward" else row.vjp[part]
        values, metadata = arguments(row, formula, 240, dtype)
        places = [i for i, v in enumerate(values) if type(v) is np.ndarray]
        for full, shape in [((6, 40), (40,)), ((6, 40), ()), ((6, 40), (1, 1)), ((2, 3, 40), (3, 40)), ((2, 3, 40), (40,)), ((240,), (1,))]:
            for small in ([i] for i in places) if len(places) == 2 else (places[:1], places[1:], places[::2]):
                given = list(values)
                for i in places:
                    given[i] = values[i][: math.prod(shape)].reshape(shape) if i in small else values[i].reshape(full)
                fused = fuse.Fused(formula)
                with np.errstate(all="ignore"):
                    expected, result = formula(*given, **metadata), fused(*given, **metadata)
                assert np.shape(result) == np.shape(expected), (name, part, full, shape)
                assert_same(np.asarray(result), np.asarray(expected), (name, part, full, shape))
                tried |= {(name, part) for program in fused.programs.values() if program}
    assert {("mul", "forward"), ("addcmul", "forward"), ("addcdiv", "tensor2"), ("atan2", "forward"), ("where", "forward")} <= tried


def test_rows_and_numbers_compiled(monkeypatch, in_pieces):
    monkeypatch.setattr(fuse, "EARNED", 0)
    formula = lambda x, w, b, s: ufuncs.exp(x * w + b) / s
    x, w, s = (np.asarray(numbers(n, "float32", n).reshape(shape)) for n, shape in [(70_000, (10, 70, 100)), (100, 100), (1, ())])
    for ns in (None, 3000):
        in_pieces(ns)
        fused = fuse.Fused(formula)
        for given in [(x, w, w[::-1].copy(), s), (x, s, x, w), (x, x, s, s)]:
            with np.errstate(all="ignore"):
                assert_same(fused(*given), formula(*given))
        assert len([p for p in fused.programs.values() if p]) == 3
    for other in (w[:7], x[:, :1], x[:, :, :1].copy(), x[None, :1].copy(), x[0]):
        assert fuse.roles_of((x.shape, w.shape, other.shape)) is None
    assert fuse.roles_of(((1, 1, 100), x.shape, (1, 1))) == (fuse.ROW, fuse.FULL, fuse.ONE)
    g = np.broadcast_to(s, x.shape)  # one number, expanded
    for given in [
        *[(x, w[None], w[None, None], s), (x[::2], w, w, s), (x, w[::-1], w, s)],  # leading ones; what isn't contiguous is left to NumPy
        *[(g, x, w, s), (x, w, g, g), (x, g, x, s), (g, g, g, g), (x[:1].copy(), w, g, s), (g[0], w, w, x[:1])],
    ]:
        with np.errstate(all="ignore"):
            assert_same(fused(*given), formula(*given))
    assert len([p for p in fused.programs.values() if p]) == 6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "part"), COMPILED)
def test_compiled_formula_equals_the_formula(name, part, dtype):
    """At every size around a threshold."""
    row = OPS[name]
    formula = row.forward if part == "forward" else row.vjp[part]
    for n in (0, 1, 7, 33, 4097, 600_000):
        expected, given = both(formula, *arguments(row, formula, n, dtype))
        assert_same(given, expected, n)


def test_result_does_not_depend_on_pieces_and_threads(team, in_pieces):
    row = OPS["softplus"]
    given = arguments(row, row.forward, 3000, "float32")
    in_pieces(None)
    whole = both(row.forward, *given)[1]
    for size, ns in [(1, 1), (2, 64), (3, 1000), (2, 50_000)]:
        team(size, helpers=True)
        in_pieces(ns)
        np.testing.assert_array_equal(both(row.forward, *given)[1], whole)


@kernel(nogil=True)
def extremes(x, shift):
    return x[0] + shift, x[-1] + shift


def test_numbers_that_pieces_return(team, in_pieces):
    """A row for each, in order, whoever computes them; the kernel's own if it was not cut; also of nothing."""
    x = np.arange(1003.0)
    in_pieces(None)
    assert kernels_team.run(extremes, (x,), (0.5,), cost=1.0, returns=(0.0, 0.0)) == (0.5, 1002.5)
    for size, helpers in [(1, False), (2, False), (4, True)]:
        team(size, helpers)
        in_pieces(100)
        found = kernels_team.run(extremes, (x,), (0.5,), cost=1.0, returns=(0.0, 0.0))
        starts = np.arange(0, 1003, 101)
        np.testing.assert_array_equal(found, np.stack([starts + 0.5, np.minimum(starts + 100, 1002) + 0.5], 1))
        assert len(kernels_team.run(extremes, (x[:0],), (0.5,), cost=1.0, returns=(0.0, 0.0))) == 0
        kept = weakref.ref(x[:])
        assert kept() is None


def test_pieces_and_errors_of_threads(monkeypatch):
    """Every piece is done; an error in any thread is the caller's; no thread keeps the arrays."""
    monkeypatch.setattr(threads, "WORTH", 0)
    monkeypatch.setattr(threads, "PIECE", 100)
    x, out = np.arange(10_000.0).reshape(1000, 10), np.zeros((1000, 10))
    sizes = []

    def add(a, out, n):
        sizes.append(len(a))
        np.add(a, n, out)

    threads.run(add, (x, out), (1,), cost=1.0)
    np.testing.assert_array_equal(out, x + 1)
    assert sizes == [5] * 200
    threads.run(add, (x, out), (1,), cost=0.0)
    assert sizes[200:] == [250] * threads.PIECES
    with pytest.raises(ZeroDivisionError):
        threads.run(lambda a: 1 // (a[0, 0] != 9000 or 0), (x,), cost=1.0)
    kept = weakref.ref(x)
    del x
    assert kept() is None


@pytest.mark.usefixtures("interpreted")
def test_what_is_left_to_numpy(monkeypatch):
    """Few elements, other layouts, other types, more than one shape, more numbers than programs: the formula itself."""
    calls = []

    def formula(g, out, scale=1.0):
        calls.append(type(g))
        return g * (scale - out * out)

    monkeypatch.setattr(fuse, "WORTH", 100)
    monkeypatch.setattr(fuse, "EARNED", 1000)
    fused, x = fuse.Fused(formula), numbers(100, "float32")
    for _ in range(9):
        fused(x, x)
    assert set(calls) == {np.ndarray}  # has not earned it yet
    fused(x, x)
    assert calls.pop() is fuse.Symbol
    calls.clear()
    readonly = x.copy()
    readonly.flags.writeable = False
    for g, out in [
        (x[::2], x[::2]),
        (x.reshape(50, 2), x[20:22]),
        (readonly, x),
        (np.arange(100), np.arange(100)),
        (np.ones(100, "float16"), np.ones(100, "float16")),
        (x[:40], x[:40]),
    ]:
        np.testing.assert_array_equal(fused(g, out), g * (1.0 - out * out))
    assert fuse.Symbol not in calls[:3]
    for i in range(20):
        np.testing.assert_array_equal(fused(x, x, float(i)), x * (i - x * x))
    assert len(fused.programs) == fuse.PROGRAMS


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_xor", "bitwise_not", "left_shift", "add", "lt", "logical_and"])
def test_one_call_of_other_numbers_is_shared(name, dtype, monkeypatch, in_pieces):
    in_pieces(1000)
    monkeypatch.setattr(fuse, "EARNED", 0)
    x, y = (np.random.default_rng(i).integers(0, 7, 30_000).astype(dtype) for i in range(2))
    formula = getattr(np, {"lt": "less", "bitwise_not": "invert"}.get(name, name))
    pairs = [(x, y)] if dtype == "bool" or name == "logical_and" else [(x, y), (x, 3), (3, x)]
    for values in [(x,)] if name == "bitwise_not" else pairs:
        fused = fuse.Fused(formula)
        given, expected = fused(*values), formula(*values)
        assert given.dtype == expected.dtype
        np.testing.assert_array_equal(given, expected)
        assert fused.program(values, {}) or (dtype == "bool" and name in ("left_shift", "add"))  # they make other types, or are no sums

def test_a_number_that_is_no_element(monkeypatch):
    monkeypatch.setattr(fuse, "EARNED", 0)
    x = np.arange(200, dtype="uint8")
    assert not fuse.Fused(np.less)(x, -1).any()
    with pytest.raises(OverflowError):
        fuse.Fused(np.bitwise_and)(x, 256)


def test_a_formula_that_branches_on_values_is_not_traced():
    fused = fuse.Fused(lambda x: -x * x if (x > 0).any() else x * x + 1)
    assert fused.program((numbers(40, "float32"),), {}) is None
    assert (
        fuse.Fused(lambda x: -x * x if x > 0 else x * x).program((np.float32(1) + np.zeros(3, "f"),), {})
        is None
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["fmod", "remainder", "floor_divide", "hypot"])
def test_division_is_torchs(name, dtype):
    """Also where the quotient is within rounding of a whole number, has more digits than the type, or is none."""
    import torch

    r = np.random.default_rng(0)
    y = r.uniform(-2, 3, 3000).astype(dtype)
    special = np.array([v for v in SPECIAL if abs(v) != 1e-40] + [3e38, 1e9, 16777217, 1 / 3, 7.5], dtype)
    pairs = [np.array(p) for p in zip(*[a.ravel() for a in np.meshgrid(special, special)], strict=True)]
    pairs += [np.array(p) for p in zip(r.integers(1, 1 << 20, 3000).astype(dtype) * y, y, strict=True)]
    pairs += [np.array(p) for p in zip(r.integers(-50, 50, 3000), r.integers(-9, 9, 3000), strict=True)]
    x, y = np.array(pairs, dtype).T.copy()
    with np.errstate(all="ignore"):
        overflows = np.isfinite(x) & np.isinf(x / y) & (y != 0)  # there torch's fmod is NaN
    x, y = x[~overflows], y[~overflows]
    given = getattr(minitorch, name)(minitorch.from_numpy(x), minitorch.from_numpy(y)).numpy()
    expected = getattr(torch, name)(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    assert_same(given, expected)
    for a, b in [(x[7], y[8]), (x[7], 2.5), (x.reshape(-1, 2), y[:2]), (x[::3], y[::3]), (x, 2.5), (2.5, y)]:
        given = getattr(xp, name)(a, b)
        shape = np.broadcast_shapes(np.shape(a), np.shape(b))
        flat = [np.broadcast_to(np.asarray(v, dtype), shape).ravel() for v in (a, b)]
        assert_same(given.ravel(), getattr(xp, name)(*flat))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name, row in OPS.items() if row.least])
def test_one_kernel_each(name, dtype, monkeypatch, in_pieces):
    """What the formulas give, on both sides of the size from which on kernels are called, for several numbers, whatever the layout."""
    row = OPS[name]
    settings = [{}, *[{n: 0.25 if type(v) is float else "tanh"} for n, v in row.metadata.items()]]
    assert row.fused[0](numbers(fuse.MEDIUM, dtype, 0), **row.metadata) is not NotImplemented
    for size in (fuse.MEDIUM - 1, fuse.MEDIUM, 20_000):
        in_pieces(1000 if size == 20_000 else None)
        x, g = numbers(2 * size, dtype, 0), numbers(2 * size, dtype, 1)
        layouts = [(x[:size], g[:size]), (x[::2], g[::2]), (x.reshape(2, -1).T, g.reshape(2, -1).T), (x, g[1:2])]
        for x, g in layouts:
            for kwargs in settings:
                results = []
                for fused in (True, False):
                    monkeypatch.setattr(minitorch.ops.switches, "fused", fused)
                    leaf = minitorch.from_numpy(x).requires_grad_()
                    out = row.front(leaf, **kwargs)
                    out.backward(minitorch.from_numpy(g).expand(x.shape))
                    results.append((out.detach().numpy(), leaf.grad.numpy()))
                for given, expected in zip(*results, strict=True):
                    assert_same(given, expected, (size, kwargs))


# ---------------------------------------------------------------------- the cache

PROGRAM = """
import numpy as np, sys
sys.path.insert(0, {folder!r})
import minitorch
assert minitorch.__file__.startswith({folder!r})
from minitorch.kernels import fuse
x = np.linspace(-1, 1, 50, dtype={dtype!r})
formula = lambda g, out: g * (1 - out * out)
program = fuse.Fused(formula).program((x, x), {{}})
np.testing.assert_array_equal(program([x, x]), formula(x, x))
stats = program.loop.stats
print(sum(stats.cache_misses.values()), sum(stats.cache_hits.values()))
"""


@pytest.fixture
def installation(tmp_path):
    """A copy of the package whose caches, its own and the user's, are in an empty folder; run(dtype) -> process."""
    shutil.copytree(ROOT, tmp_path / "minitorch", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA")}

    def run(dtype="float32", source=PROGRAM, **more):
        return subprocess.Popen(
            [sys.executable, "-c", source.format(folder=str(tmp_path), dtype=dtype)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | {"XDG_CACHE_HOME": str(tmp_path / "cache")} | more,
        )

    run.folder = tmp_path / "minitorch" / "kernels" / "__pycache__"
    return run


def finished(process):
    """What it printed; its error output is the message of a failure."""
    out, error = process.communicate()
    assert process.returncode == 0, error
    return out.strip()


def test_compiled_once(installation):
    assert finished(installation()) == "1 0"
    assert finished(installation()) == "0 1"


def test_read_only_installation(installation):
    installation.folder.parent.joinpath("__pycache__").write_text("not a folder")
    assert finished(installation(PYTHONDONTWRITEBYTECODE="1")) == "1 0"
    assert finished(installation(PYTHONDONTWRITEBYTECODE="1")) == "0 1"  # in the user's cache


def test_no_writable_place_at_all(installation):
    installation.folder.parent.joinpath("__pycache__").write_text("not a folder")
    nowhere = {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": os.devnull + "/x"}
    assert finished(installation(**nowhere)) == "1 0"
    assert finished(installation(**nowhere)) == "1 0"


def test_functions_without_a_writable_place(installation):
    """Loops of C are compiled like kernels."""
    installation.folder.parent.joinpath("__pycache__").write_text("not a folder")
    nowhere = {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": os.devnull + "/x"}
    source = "import sys; sys.path.insert(0, {folder!r}); import minitorch as T; print(T.exp(T.zeros(3)).tolist())"
    assert finished(installation(source=source, **nowhere)) == "[1.0, 1.0, 1.0]"


def test_processes_that_compile_at_once(installation):
    """Of two types, which Numba's own cache would give the same file."""
    for process in [installation(dtype) for dtype in ("float32", "float64", "float32", "float64")]:
        finished(process)
    assert finished(installation("float64")) == "0 1"
    assert finished(installation("float32")) == "0 1"


def test_interrupted_compilation(installation):
    """Whatever a killed process leaves (half a file, a temporary file, nothing) the next one runs."""
    finished(installation())
    (kernel,) = installation.folder.glob("fuse.loop_*.nbc")
    kernel.write_bytes(kernel.read_bytes()[:1000])
    assert finished(installation()) == "1 0"
    assert finished(installation()) == "0 1"
    kernel.unlink()
    process = installation()
    while process.poll() is None and not list(installation.folder.glob("fuse.loop_*")):
        pass
    process.kill()
    process.communicate()
    finished(installation())


def test_kernel_of_an_older_source_is_not_loaded(installation):
    finished(installation())
    source = installation.folder.parent / "fuse.py"
    source.write_text(source.read_text() + "\n# newer\n")
    assert finished(installation()) == "1 0"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_indexing_by_kernels(dtype, monkeypatch, in_pieces):
    """As NumPy's own functions: along every dimension, with strides and numbers, in pieces."""
    from minitorch.backends import copies, indexing

    r = np.random.default_rng(0)
    x, index = r.standard_normal((6, 7, 5)).astype(dtype), r.integers(0, 5, (6, 7, 5))
    x[1, 1, :4] = math.nan, -0.0, math.inf, 0.0
    calls = [lambda: copies.copied(copies.blank(x, (6, 7, 5))), lambda: copies.copied(np.broadcast_to(-x[1, 1, 3:4], (6, 7)))]
    for dim in (0, 1, -1):
        inside = r.integers(0, 5, 9)
        source = np.moveaxis(r.standard_normal((*np.delete(x.shape, dim % 3), 9)).astype(dtype), -1, dim)
        cover = np.moveaxis(r.integers(0, 5, (*np.delete(x.shape, dim % 3), 4)), -1, dim)
        for i in (index, cover, index[:2, :3, :4]):
            calls += [
                lambda dim=dim, i=i: indexing.gather(x, i, dim=dim),
                lambda dim=dim, i=i: indexing.scatter(x, i, x * 2, dim=dim),
                lambda dim=dim, i=i: indexing.scatter(x, i, np.array(3, dtype), dim=dim),
                lambda dim=dim, i=i: indexing.scatter_add(x, i, x * 2, dim=dim),
            ]
            calls += [
                lambda dim=dim, i=i, how=how: indexing.scatter_reduce(x, i, x[::-1] * 2, dim=dim, **how)
                for how in ({"reduce": how, "include_self": s} for how in REDUCTIONS for s in (True, False))
            ]
        calls.append(lambda dim=dim, i=inside, source=source: indexing.index_add(x, i, source, dim=dim))
        calls.append(lambda dim=dim, i=inside: indexing.index_select(x, i, dim=dim))
    monkeypatch.setattr(indexing, "LARGE", 10**9)
    for name in ("put", "take", "add_parts", "take_parts"):  # which are for few elements
        monkeypatch.setattr(kernels.places, name, lambda *arguments: NotImplemented)
    with monkeypatch.context() as m:
        m.setattr(indexing, "FLOATS", ())
        expected = [call() for call in calls]
    for large, worth in [(1, 10**6), (210, 10**6), (211, 10**6), (1, 0)]:
        monkeypatch.setattr(indexing, "LARGE", large)
        monkeypatch.setattr(copies, "LARGE", large)
        monkeypatch.setattr(copies, "COPIED", 4 * large)
        in_pieces(30 if worth == 0 else None)
        for call, result in zip(calls, expected, strict=True):
            assert call().dtype == result.dtype
            np.testing.assert_array_equal(call(), result)
            np.testing.assert_array_equal(np.signbit(call()), np.signbit(result))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "float16"])
def test_copies_of_large_arrays(dtype, monkeypatch, in_pieces):
    """Of every layout: contiguous, equally distant lines of neighbours, one number all over, anything else, read-only."""
    from minitorch.backends import copies

    monkeypatch.setattr(copies, "LARGE", 10)
    monkeypatch.setattr(copies, "COPIED", 10)
    in_pieces(100)
    x = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 100, (60, 7, 11)).astype(dtype)
    readonly = x.copy()
    readonly.flags.writeable = False
    layouts = [x, x[::-1], x[::-2, :, :], x[:, :, 1:-1], x[::3, :, 2:], x[:, 1:3, 1:], x[:, ::-1], x[..., ::-1], x.T, x[:0], x[1:2, 1:2]]
    layouts += [readonly, readonly[:, :, 1:], np.broadcast_to(x[0, 0, 0], (50, 50)), np.broadcast_to(x[:1], x.shape), x[:, 0], x[0, 0, 0]]
    for a in layouts:
        given = xp.copied(np.asarray(a))
        assert given.flags.carray
        assert given.dtype == x.dtype
        assert not np.shares_memory(given, x)
        np.testing.assert_array_equal(given, a)
    for parts, dim in [((x, x[:3]), 0), ((x, x[:0], x), -3), ((x, x), 1), ((x, x[::2]), 0), ((x.T, x.T), 0), ((x,), 0), ((x[:, 0, 0],) * 2, 0),
                       ((x, x[:, :2], readonly), 1), ((x[::-2], x[::2, ::-1]), -2), ((x, x[..., 1:3]), -1), ((x, x[:, :, :0]), 2)]:
        np.testing.assert_array_equal(xp.cat(parts, dim=dim), np.concatenate(parts, dim))
    for wrong in [(x, x[:, :3]), (x, x[0]), (x[0, 0], x[0, 0, 0])]:
        with pytest.raises(ValueError, match=r"concatenat|dimensions"):
            xp.cat(wrong, dim=0)
    for index in [np.s_[2:-3, :, 1:], np.s_[::2], np.s_[:, ::-1], np.s_[::-1, 2:, :-1], np.s_[..., 3], np.s_[1:2]]:
        for y in (np.flip(x)[index], x[index], x[index][..., :1], np.asarray(x[0, 0, 0])):
            expected, out = x.copy(), x.copy()
            expected[index], _ = y, xp.assign(out, y, index=index if type(index) is tuple else (index,))
            np.testing.assert_array_equal(out, expected)
    moved = x.copy()
    xp.assign(moved, moved[:-1], index=(slice(1, None),))
    np.testing.assert_array_equal(moved[1:], x[:-1])
    assert np.signbit(xp.copied(np.broadcast_to(np.float32(-0.0), (40, 40)))).all()


@pytest.mark.parametrize("columns", [1, 8, 16, 70])
@pytest.mark.parametrize("skip", [-1, 3])
def test_rows_of_a_table_and_back(columns, skip, in_pieces):
    """In parts of the table, each of which looks at the whole index."""
    from minitorch.kernels import embedding

    r = np.random.default_rng(0)
    table, index = r.standard_normal((13, columns)).astype("float32"), r.integers(0, 13, 90)
    rows = r.standard_normal((90, columns)).astype("float32")
    expected = np.zeros_like(table)
    np.add.at(expected, index[index != skip], rows[index != skip])
    for ns in (None, 10):
        in_pieces(ns)
        np.testing.assert_array_equal(embedding.take(index, table), table[index])
        np.testing.assert_array_equal(embedding.add_rows(index, rows, table.shape, skip), expected)
        assert embedding.take(np.append(index, 13), table) is None
        assert embedding.take(np.append(index, -1), table) is None


@pytest.mark.parametrize("name", ["gather", "scatter", "scatter_add", "index_add"])
@pytest.mark.parametrize("dtype", ["float32", "int64"])  # by a kernel, and not
@pytest.mark.parametrize("position", [4, -1, -(2**63)])
def test_positions_outside(name, dtype, position):
    x, index = np.zeros((3, 4), dtype), np.array([[0], [1], [position]])
    other = {"gather": ()}.get(name, (x[:, :1],))
    with pytest.raises(RuntimeError, match=f"index {position} is out of bounds for dimension 1 with size 4"):
        getattr(xp, name)(x, index[2] if name == "index_add" else index, *other, dim=1)


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("size", [1, 10, 100, 249, 250, 500, 3000, logic.SHARED // 2, logic.SHARED])
def test_truths(size, dtype, pieces, in_pieces):
    """As NumPy's, on both sides of the size from which on kernels are called: of NaN, -0.0 and what is not contiguous."""
    in_pieces(3 if pieces else None)
    r = np.random.default_rng(size)
    with np.errstate(invalid="ignore"):
        some = r.choice(np.array([0.0, -0.0, 1e-40, 3.0, math.nan, -math.inf]), (2, 2 * size)).astype(dtype)
    for x, y in [(some[0], some[1]), (some[0, ::2], some[1, 1::2]), (some.T, some[::-1].T), (some, some[0]), (some[0], 0)]:
        for name in ("logical_and", "logical_or", "logical_xor"):
            given = getattr(xp, name)(x, y)
            assert given.dtype == bool
            np.testing.assert_array_equal(given, getattr(np, name)(x, y))
        np.testing.assert_array_equal(xp.logical_not(x), np.logical_not(x))
        assert xp.count_nonzero(x) == np.count_nonzero(x)
        assert xp.count_nonzero(x).dtype == np.int64
    last = np.zeros_like(some)
    last[-1, -1] = 1
    for x in (some, some.T, last, last * 0, 1 - last, last * 0 + 1):
        for name in ("any", "all"):
            for kwargs in ({}, {"keepdim": True}, {"dim": 1}):
                given, axis = getattr(xp, name)(x, **kwargs), kwargs.get("dim")
                assert given.dtype == ("uint8" if dtype == "uint8" else "bool")
                np.testing.assert_array_equal(given, getattr(np, name)(x, axis, keepdims="keepdim" in kwargs))


@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (2, 3, 4), (0,), (3, 0), (0, 3), (600,), (30, 40), (5, 10, 20)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_nonzero(shape, dtype):
    x = np.random.default_rng(0).integers(0, 3, shape).astype(dtype)
    for a in (x, x.T):
        np.testing.assert_array_equal(xp.nonzero(np.asarray(a)), np.argwhere(a))


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_within(dtype):
    for values, n, expected in [([0, 3], 4, True), ([0, 4], 4, False), ([], 0, True), ([0], 0, False)]:
        assert xp.within(np.array(values, dtype), n) == expected
    for many in (10, 5000):
        index = np.arange(many).astype(dtype) % 7
        assert [xp.within(index, 7), xp.within(index, 6), xp.within(index[::-2], 7)] == [True, False, True]
        if dtype != "uint8":
            index[many // 2] = -1
            assert not xp.within(index, 7)


@pytest.mark.parametrize("descending", [False, True])
def test_sort_is_stable(descending, monkeypatch):
    """Also of zeros of both signs and of NaNs, along every dimension, in pieces."""
    r = np.random.default_rng(0)
    x = r.integers(-3, 4, (20, 30, 7)).astype("float32") * np.float32(1e-40)
    x[r.random(x.shape) < 0.5] *= np.float32(1e38)
    x.ravel()[::11] = r.choice(np.array(SPECIAL + [-math.nan], "float32"), x.ravel()[::11].size)
    for dim in (0, 1, -1):
        expected = xp.sort(x.astype("float64"), dim=dim, descending=descending)
        for worth in (10**9, 0):
            monkeypatch.setattr(threads, "WORTH", worth)
            monkeypatch.setattr(threads, "PIECE", 1000)
            values, indices = xp.sort(x, dim=dim, descending=descending)
            np.testing.assert_array_equal(indices, expected[1])
            assert_same(values, np.take_along_axis(x, indices, dim))
            np.testing.assert_array_equal(values, expected[0].astype("float32"))
    assert xp.sort(x[:0], dim=1)[1].shape == (0, 30, 7)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("k", [0, 1, 2, 7, 64, 65, 300, 2999, 3000])
def test_the_first_of_an_order(k, descending, monkeypatch, in_pieces):
    """Few of many without an order of the others, unless too many are equal; also of -0.0 and NaN, in pieces."""
    r = np.random.default_rng(0)
    x = np.stack([r.standard_normal(3000), r.integers(-1, 2, 3000), np.arange(3000), -np.arange(3000), np.full(3000, math.nan)])
    x = np.concatenate([x, r.choice(SPECIAL, (2, 3000)), np.tile(r.standard_normal(64), 50)[None, :3000]]).astype("float32")
    for a, dim in ((x, 1), (x.T, 0), (x[:, ::3], -1), (x.astype("float64"), 1)):
        expected = xp.sort(a, dim=dim, descending=descending)
        for worth in (10**9, 0):
            monkeypatch.setattr(threads, "WORTH", worth)
            monkeypatch.setattr(threads, "PIECE", 1000)
            in_pieces(None if worth else 1000)
            first = xp.sort(a, dim=dim, descending=descending, k=min(k, a.shape[dim]))
            for found, whole in zip(first, expected, strict=True):
                assert_same(found.swapaxes(dim, -1), whole.swapaxes(dim, -1)[:, :k])


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (2, 3, 4), (2, 0, 3), (1, 1)])
def test_triangles(shape, in_pieces):
    in_pieces(10)
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    for a in (x, x.swapaxes(-1, -2)):
        for k in (-9, -2, -1, 0, 1, 3, 9):
            np.testing.assert_array_equal(xp.tril(a, diagonal=k), np.tril(a, k))
            np.testing.assert_array_equal(xp.triu(a, diagonal=k), np.triu(a, k))


@pytest.mark.parametrize(("shifts", "dims"), [(1, 0), (-2, 1), (7, 0), ((1, -1), (0, 1)), ((1, 2), (0, 0)), (3, None)])
def test_roll(shifts, dims):
    for x in (np.arange(12.0).reshape(3, 4), np.zeros((0, 4)), np.zeros((3, 0))):
        np.testing.assert_array_equal(xp.roll(x, shifts=shifts, dims=dims), np.roll(x, shifts, dims))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4), (2, 0, 3), (0, 3)])
def test_running_sums_and_products(shape, dtype, in_pieces):
    """As NumPy in float64, of every dimension and layout, in pieces."""
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for worth in (10**9, 0):
        in_pieces(30 if worth == 0 else None)
        for a in (x, x.T):
            for dim in range(-1, x.ndim):
                wide = a.astype("float64")
                assert_same(xp.cumsum(a, dim=dim), np.cumsum(wide, dim).astype(dtype))
                assert_same(xp.cumprod(a, dim=dim), np.cumprod(wide, dim).astype(dtype))
                back = np.flip(np.cumsum(np.flip(wide, dim), dim), dim)
                assert_same(xp.cumsum_back(a, dim=dim), back.astype(dtype))
    assert xp.cumsum_back(np.arange(4), dim=0).tolist() == [6, 6, 5, 3]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sum", "prod"])
def test_sums_and_products_of_large_arrays(name, dtype, in_pieces):
    """On both sides of the thresholds, over any dimensions, in pieces or not; NaN, infinities, an overflow."""
    from minitorch.backends import sums

    r = np.random.default_rng(0)
    function, numpys = getattr(xp, name), getattr(np, name)
    cases = [(n, None) for n in (sums.LARGE - 1, sums.LARGE, sums.LARGE + 1, 5 * sums.ROW + 7)]
    cases += [((40, 50, 31), dim) for dim in (None, 2, -1, (1, 2), (2, 1, 0), 0, (0, 2), 1, ())]
    cases += [((1001, 33), 1), ((1001, 33), (1,)), ((2000, 31), 1), ((1, 70_000), 1), ((70_000, 1), 0)]
    for shape, dim in cases:
        x = (r.uniform(0.5, 1.5, shape) if name == "sum" else np.exp(r.normal(0, 1e-3, shape))).astype(dtype)
        for keepdim in (False, True):
            expected = numpys(x.astype("float64"), dim, keepdims=keepdim)
            results = []
            for ns in (None, 1000):
                in_pieces(ns)
                results.append(np.asarray(function(x, dim=dim, keepdim=keepdim)))
            assert (results[0].shape, results[0].dtype) == (np.shape(expected), x.dtype)
            np.testing.assert_array_equal(*results)
            np.testing.assert_allclose(results[0], expected, rtol=1e-4 if dtype == "float32" else 1e-11)
    x = np.ones((6, 20_000), dtype)
    x[1, 5], x[2, 7], x[3, [1, 9000]], x[4] = math.nan, -math.inf, (math.inf, -math.inf), np.finfo(dtype).max
    x[5] = 0 if name == "prod" else -0.0
    with np.errstate(all="ignore"):
        assert_same(function(x, dim=1), numpys(x, 1))
    np.testing.assert_array_equal(function(x.T, dim=0), function(np.ascontiguousarray(x), dim=1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_small_arrays(dtype):
    """Of any shape and layout, with NaN and infinities; what the kernel does not take is NumPy's."""
    r = np.random.default_rng(0)
    for shape in [(), (0,), (1,), (127,), (128,), (129,), (3, 5, 7), (4, 0), (181, 181)]:
        x = r.uniform(0.5, 1.5, shape).astype(dtype)
        for a in (x, x.T, np.broadcast_to(x, (2, *shape)), x[..., None][..., ::-1]):
            total = xp.sum(a, dim=None)
            assert (np.shape(total), total.dtype) == ((), dtype)
            np.testing.assert_allclose(total, a.astype("float64").sum(), rtol=1e-6 if dtype == "float32" else 1e-14)
    for special in ([1, math.nan], [math.inf, 1], [math.inf, -math.inf], [-0.0, -0.0], [np.finfo(dtype).max] * 2):
        x = np.array(special, dtype)
        with np.errstate(all="ignore"):
            assert_same(xp.sum(x, dim=None), np.add.reduce(x))
    assert xp.sum(np.arange(5), dim=None) == 10
    assert xp.sum(np.ones(5, "float16"), dim=None).dtype == np.float16


def test_the_collector_is_on_again_after_a_compilation():
    """Also after one that fails, and it stays off where the user had switched it off."""
    import gc

    from numba.core.errors import TypingError

    from minitorch.kernels.jit import kernel

    @kernel
    def wrong(x):
        return x.no_such_attribute

    for on in (True, False):
        (gc.enable if on else gc.disable)()
        try:
            with pytest.raises(TypingError):
                wrong(3)
            assert gc.isenabled() is on
        finally:
            gc.enable()


@pytest.mark.parametrize("rows", [3276, 3277, 3600, 3999, 4000, 4001])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_around_its_thresholds(rows, dtype):
    """Ten classes: of 32,768 numbers on it may be cut into pieces, of 40,000 on it is. Labels that are ignored, and a wrong one."""
    from minitorch.kernels import softmax

    assert 32760 < softmax.LARGE < 32770
    assert 39990 < kernels_team.WORTH / softmax.COST / 2 < 40010  # the rows above are on both sides
    x = np.random.default_rng(0).standard_normal((rows, 10)).astype(dtype)
    y = np.random.default_rng(1).integers(0, 10, rows)
    y[::7] = -100
    kept = y >= 0
    log_p = x.astype(np.float64) - np.log(np.exp(x.astype(np.float64)).sum(1, keepdims=True))
    loss = minitorch.nn.functional.cross_entropy(minitorch.tensor(x), minitorch.tensor(y))
    np.testing.assert_allclose(loss.item(), -log_p[kept, y[kept]].mean(), rtol=1e-6)
    y[-1] = 10
    with pytest.raises(IndexError, match="Target 10 is out of bounds"):
        minitorch.nn.functional.cross_entropy(minitorch.tensor(x), minitorch.tensor(y))
