"""Inverses, linear systems and determinants, for `backends/numpy.py`: of larger matrices by LU factors in their own type."""

from __future__ import annotations

import numpy as np

from .. import kernels

#: rows from which on a matrix is for kernels/lapack.py; NumPy's own calls begin sooner
LARGE = 64
TYPES = (np.float32, np.float64)


def has_type(x):
    """Whether there are elements of a kernel's type."""
    return x.size > 0 and x.dtype.type in TYPES


def is_square(x):
    """Whether these are square matrices of a kernel's type."""
    return x.ndim > 1 and x.shape[-1] == x.shape[-2] and has_type(x)


def factored(x):
    """The LU factors of x. None: it is not for the kernel."""
    return kernels.lapack.LU(x) if is_square(x) and x.shape[-1] >= LARGE and kernels.lapack.available else None


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
    lu = factored(x)
    return np.linalg.det(x) if lu is None else lu.determinant()


def slogdet(x):
    lu = factored(x)
    return np.linalg.slogdet(x) if lu is None else lu.sign_and_log()
