"""Inverses, linear systems and determinants of small dense matrices, or of batches of them."""

from __future__ import annotations

import numpy as np

from . import coerce
from .linalg import _mT
from .samples import Sample, array, rng
from .table import op


def _well_conditioned(*shapes):
    def samples(dtype):
        r = rng()
        for shape, rest in shapes:
            a = array(r, shape, dtype) + 4 * np.eye(shape[-1], dtype=dtype)
            yield Sample((a.astype(dtype), *[array(r, s, dtype) for s in rest]))

    return samples


@op(
    vjp=dict(x=lambda xp, g, out: -xp.matmul(_mT(xp, out), xp.matmul(g, _mT(xp, out)))),
    torch="linalg.inv",
    name="inv",
    method=False,
    inplace=False,
    samples=_well_conditioned(((3, 3), ()), ((2, 3, 3), ())),
)
def inv(xp, x):
    """The inverse of a square matrix, or of a batch. Singular: LinAlgError (a RuntimeError)."""
    return _solved(xp.inv, x)


def _solved(function, *args):
    try:
        return function(*args)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            f"linalg: The diagonal element is zero, the solve could not be completed because the input matrix is "
            f"singular ({error})."
        ) from None


class LinAlgError(RuntimeError):
    """The matrix is singular."""


@op(
    vjp=dict(
        x=lambda xp, g, x, out: _solve_dx(xp, g, x, out),
        y=lambda xp, g, x, y_shape: _solve_dy(xp, g, x, y_shape),
    ),
    torch="linalg.solve",
    name="solve",
    coerce=coerce.same,
    method=False,
    inplace=False,
    names=dict(x="A", y="B"),
    samples=_well_conditioned(((3, 3), ((3, 2),)), ((3, 3), ((3,),))),
)
def solve(xp, x, y):
    """The z with x @ z = y."""
    return _solved(xp.solve, x, y)


def _solve_dy(xp, g, x, y_shape):
    return xp.solve(_mT(xp, x), g)


def _solve_dx(xp, g, x, out):
    gy = xp.solve(_mT(xp, x), g)
    if len(out.shape) == 1:
        return -(xp.unsqueeze(gy, dim=1) * out)
    return -xp.matmul(gy, _mT(xp, out))


@op(
    vjp=dict(
        x=lambda xp, g, x, out: xp.unsqueeze(xp.unsqueeze(g * out, dim=-1), dim=-1) * _mT(xp, xp.inv(x))
    ),
    torch="linalg.det",
    name="det",
    inplace=False,
    samples=_well_conditioned(((3, 3), ()), ((2, 3, 3), ())),
)
def det(xp, x):
    """The determinant."""
    return xp.det(x)
