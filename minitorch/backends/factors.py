"""Inverses, linear systems, determinants and singular values, for `backends/numpy.py`: by LAPACK in the arrays' own type."""

from __future__ import annotations

import numpy as np
from numpy.linalg import cholesky  # noqa: F401

from .. import kernels

#: rows from which on a determinant is made of LU factors: NumPy's own calls begin sooner
LARGE = 64
TYPES = (np.float32, np.float64)


def has_type(x):
    """Whether there are elements of a kernel's type."""
    return x.size > 0 and x.dtype.type in TYPES


def is_square(x):
    """Whether these are square matrices of a kernel's type."""
    return x.ndim > 1 and x.shape[-1] == x.shape[-2] and has_type(x)


def factored(x, least=1):
    """The LU factors of x. None: it is not for the kernel, or has fewer rows than `least`."""
    return kernels.lapack.LU(x) if is_square(x) and x.shape[-1] >= least and kernels.lapack.available else None


def regular(lu):
    """The factors, unless the matrix has no inverse."""
    if lu.singular:
        raise np.linalg.LinAlgError("Singular matrix")
    return lu


def inv(x):
    lu = factored(x)
    return np.linalg.inv(x) if lu is None else regular(lu).inverse()


def solve(x, y):
    lu = factored(x) if fit(x, y) else None
    return np.linalg.solve(x, y) if lu is None else regular(lu).solved(y)


def fit(x, y):
    """Whether the factors of x are what solves for y."""
    return x.dtype is y.dtype and x.ndim == y.ndim and x.shape[:-1] == y.shape[:-1] and y.shape[-1] > 0


def det(x):
    lu = factored(x, LARGE)
    return np.linalg.det(x) if lu is None else lu.determinant()


def slogdet(x):
    lu = factored(x, LARGE)
    return np.linalg.slogdet(x) if lu is None else lu.sign_and_log()


def linalg_svd(x, *, full_matrices=True):
    job = kernels.singular.ALL if full_matrices else kernels.singular.SOME
    return decomposed(x, job) or np.linalg.svd(x, full_matrices)


def singular_values(x):
    found = decomposed(x, kernels.singular.NONE)
    return found[1] if found else np.linalg.svd(x, compute_uv=False)


def decomposed(x, job):
    """(u, s, vh), or None: x is not for the kernel, or LAPACK fails."""
    return kernels.singular.svd(x, job) if x.ndim > 1 and has_type(x) and kernels.singular.available else None
