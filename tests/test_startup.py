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
    }
    assert len({name for name in loaded if not name.startswith("minitorch")}) < 60
    kernels = {name for name in loaded if name.startswith("minitorch.kernels.")}
    assert kernels <= {"minitorch.kernels.fuse", "minitorch.kernels.layout", "minitorch.kernels.trace"}  # no loops in them


def test_first_step_with_cached_kernels_loads_no_compiler(tmp_path):
    """Of Numba's 500 modules those that only compilation needs, BLAS (and so scipy) among them, are left alone."""
    compiler = {"numba.np.arraymath", "numba.np.linalg", "numba.typed.typeddict", "scipy.linalg"}
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = modules(STEP, **cache), modules(STEP, **cache)
    assert "numba.np.arraymath" in first
    assert "numba" in second
    assert not second & compiler
    assert not any(name == "torch" or name.startswith("torch.") for name in second)
