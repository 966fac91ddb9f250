"""What `import minitorch` and a first training step load: counted in modules, since a busy machine has no reliable clock."""

import os
import subprocess
import sys

IMPORT = """
import sys, numpy
before = set(sys.modules)
import minitorch
print(*sorted(set(sys.modules) - before))
"""

COMPILED = """
import sys
names = []
sys.addaudithook(lambda event, given: names.append(given[1]) if event == "compile" else None)
import minitorch
print(*{str(name).split()[-1] for name in names if str(name).startswith("<minitorch op")})
assert minitorch.ops.tanh(minitorch.zeros(2)).tolist() == [0, 0]
assert "def tanh" in minitorch.ops.tanh.source
"""

STEP = """
import sys
import minitorch as torch
model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters())
x, y = torch.randn(8, 2), torch.randint(0, 2, (8,))
torch.nn.CrossEntropyLoss()(model(x), y).backward()
optimizer.step()
print(*sorted(sys.modules))
"""


def modules(source, **environment):
    """The modules that a program prints."""
    run = subprocess.run(
        [sys.executable, "-c", source],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_import_is_light():
    loaded = modules(IMPORT)
    assert "minitorch.nn" in loaded
    assert not loaded & {
        "numba",
        "llvmlite",
        "torch",
        "scipy",
        "sklearn",
        "tqdm",
        "rich",
        "matplotlib",
        "jinja2",
        "multiprocessing",  # a DataLoader with workers loads it
        "subprocess",
        "tempfile",
        "random",
    }
    assert len({name for name in loaded if not name.startswith("minitorch")}) < 20
    kernels = {name for name in loaded if name.startswith("minitorch.kernels.")}
    assert kernels <= {"minitorch.kernels.fuse", "minitorch.kernels.layout", "minitorch.kernels.trace"}  # no loops in them


def test_generated_functions_are_compiled_once(tmp_path):
    """Their bytecode is kept beside that of the files, unless Python is told not to write any, and what is broken is made anew."""
    cache = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    assert len(modules(COMPILED, **cache)) > 200
    assert modules(COMPILED, **cache) == set()
    (kept,) = tmp_path.rglob("generated_functions*")
    found = kept.read_bytes()
    for broken in (b"", found[:4], found[:1000], b"another Python" + found):
        kept.write_bytes(broken)
        assert len(modules(COMPILED, **cache)) > 200
        assert kept.read_bytes()[:4] == found[:4]
        assert modules(COMPILED, **cache) == set()
    kept.unlink()
    modules(COMPILED, **cache | {"PYTHONDONTWRITEBYTECODE": "1"})
    assert not kept.exists()


def test_first_step_with_cached_kernels_loads_no_compiler(tmp_path):
    """Of Numba's 500 modules those that only compilation needs, BLAS (and so scipy) among them, are left alone."""
    compiler = {"numba.np.arrayobj", "numba.cpython.unicode", "numba.np.arraymath", "numba.np.linalg", "numba.typed.typeddict", "scipy.linalg"}
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = modules(STEP, **cache), modules(STEP, **cache)
    assert "numba.np.arraymath" in first
    assert "numba" in second
    assert not second & compiler
    assert not any(name == "torch" or name.startswith("torch.") for name in second)
