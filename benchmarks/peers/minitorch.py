"""minitorch, the library under test."""

import minitorch as T

from .arrays import numpy_blas


def limit(threads):
    pass  # NumPy's BLAS and Numba read the environment


def about(device="cpu"):
    if device == "cpu":
        return {"version": T.__version__, "blas": numpy_blas()}
    from .torch import arithmetic

    return {"version": T.__version__, "blas": arithmetic(device)}


def build(workload, device="cpu"):
    with T.device(device):
        return workload.build(T)


def wait(device):
    if device == "cuda":
        T.cuda.synchronize()
