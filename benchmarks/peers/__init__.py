"""The libraries, a file each: `limit(threads)`, `about()` and `build(workload)`, the step or None if it has none.

The libraries in `ON_DEVICES` have `about(device)` and `build(workload, device)` too, and `wait(device)`, which returns when all is done that
the device was asked for.
"""

from __future__ import annotations

import importlib.util
import shutil

#: peer -> the module that must be installed
PEERS = {
    "minitorch": "minitorch",
    "torch": "torch",
    "torch-compile": "torch",
    "jax": "jax",
    "tinygrad": "tinygrad",
    "mygrad": "mygrad",
    "autograd": "autograd",
}

#: those that can be asked to compute on another device than the CPU
ON_DEVICES = ("minitorch", "torch", "torch-compile")


def missing(peer: str, device: str = "cpu") -> str | None:
    """Why a peer cannot take part, or None."""
    if device != "cpu" and peer not in ON_DEVICES:
        return "is measured on the CPU only"
    if importlib.util.find_spec(PEERS[peer]) is None:
        return f"{PEERS[peer]} is not installed"
    if peer == "torch-compile" and not (shutil.which("g++") or shutil.which("clang++")):
        return "torch.compile needs a C++ compiler"
    if peer == "tinygrad" and not shutil.which("clang"):
        return "tinygrad needs clang to run on a CPU"
    return None


def environment(threads: int) -> dict:
    """Environment that limits every BLAS and thread pool, read when the library is imported."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM", "NUMEXPR")
    return {f"{name}_NUM_THREADS": str(threads) for name in names}
