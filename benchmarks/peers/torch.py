"""torch, eager."""

import re

import torch as T


def limit(threads):
    T.set_num_threads(threads)


def about():
    found = re.search(
        r"(Intel\(R\) oneAPI Math Kernel Library Version [\d.]+|OpenBLAS[^\n]*)", T.__config__.show()
    )
    return {"version": T.__version__, "blas": found[1] if found else "unknown"}


def build(workload):
    return workload.build(T)
