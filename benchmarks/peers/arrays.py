"""What the peers without modules and optimizers of their own are given: NumPy weights, data, and Adam."""

from __future__ import annotations

import ctypes
import itertools
import os

import numpy as np


def parameters(sizes):
    """Weights (inputs, outputs) and biases, uniform within 1/sqrt(inputs), as torch's Linear has them."""
    r = np.random.default_rng(0)
    found = []
    for inputs, outputs in itertools.pairwise(sizes):
        for shape in ((inputs, outputs), (outputs,)):
            found.append(r.uniform(-(inputs**-0.5), inputs**-0.5, shape).astype(np.float32))
    return found


def data(sizes, batch):
    """Inputs, and classes as int64."""
    r = np.random.default_rng(1)
    return r.standard_normal((batch, sizes[0])).astype(np.float32), r.integers(0, sizes[-1], batch)


class Adam:
    """Adam on NumPy arrays, in place."""

    def __init__(self, arrays, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.arrays, self.lr, self.betas, self.eps, self.steps = arrays, lr, betas, eps, 0
        self.moments = [(np.zeros_like(a), np.zeros_like(a)) for a in arrays]

    def step(self, gradients):
        self.steps += 1
        b1, b2 = self.betas
        size, root = self.lr / (1 - b1**self.steps), (1 - b2**self.steps) ** 0.5
        for p, g, (m, v) in zip(self.arrays, gradients, self.moments, strict=True):
            m *= b1
            m += (1 - b1) * g
            v *= b2
            v += (1 - b2) * (g * g)
            p -= size * m / (np.sqrt(v) / root + self.eps)


def numpy_blas():
    """NumPy's BLAS, and for which processors the kernels are that it has chosen; whether somebody has told it which to choose."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    core = getattr(ctypes.CDLL(np._core._multiarray_umath.__file__), "scipy_openblas_get_corename64_", None)
    chosen = ""
    if core is not None:
        core.restype = ctypes.c_char_p
        chosen = f" for {core().decode()}" + " (OPENBLAS_CORETYPE is set)" * ("OPENBLAS_CORETYPE" in os.environ)
    return f"NumPy {np.__version__}, {blas['name']} {blas['version']}{chosen}"
