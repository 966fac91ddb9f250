"""minitorch, the library under test."""

import minitorch as T
import numpy


def limit(threads):
    pass  # NumPy's BLAS and Numba read the environment


def about():
    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"version": T.__version__, "blas": f"NumPy {numpy.__version__}, {blas['name']} {blas['version']}"}


def build(workload):
    return workload.build(T)
