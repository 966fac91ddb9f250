"""Value and derivative of an op of one input as one kernel each: `@op(fused=HOT, ...)`, for formulas of many steps."""

from __future__ import annotations

import inspect
from functools import partial

from ..backends import numpy as NUMPY
from ..kernels.fuse import OneKernel

HOT = "one kernel each"


def pair(row):
    """`fused` of the row, made of its block and its rule: what they compute, bit for bit."""
    rule = row.vjp["x"]
    value, names = OneKernel(partial(row.forward, NUMPY)), list(inspect.signature(rule).parameters)
    takes_xp = "xp" in names
    names = [n for n in names if n != "xp"]
    arrays = sum(n in ("g", "x", "out") for n in names)
    gradient = OneKernel(lambda *given, **numbers: rule(**dict(zip(names, given, strict=False)), **numbers, **{"xp": NUMPY} if takes_xp else {}))

    def forward(x, **numbers):
        return value((x,), numbers)

    def backward(*given):
        dx = gradient(given[:arrays], dict(zip(names[arrays:], given[arrays:], strict=True)))
        return NotImplemented if dx is NotImplemented else (dx,)

    backward.__signature__ = inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])
    return forward, backward
