"""Keeping gradients small: by their common norm, or each value."""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Iterable
from functools import cache

import numpy as np

from ... import kernels, ops
from ...autograd.mode import no_grad
from ...kernels.layout import FLOATS
from ...ops.table import switches
from ...optim.step import table
from ...tensor import Tensor, wrap


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors as one vector, computed as the norm of their norms.

    Args:
        tensors: one or several.
        norm_type: the p of the p-norm; `inf` (or `"inf"`), `-inf` and 0 too.
        error_if_nonfinite: RuntimeError if the result is NaN or infinite.
        foreach: accepted, without effect.

    Unlike torch: the last bit may differ, torch's square roots (MKL's) aren't always the nearest.
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return wrap(np.array(0.0, np.float32))
    total = _norm_of_arrays([t._array for t in tensors]) if norm_type == 2 else None
    if total is None:
        by_kind: dict = {}  # torch takes one dtype after the other
        for t in tensors:
            by_kind.setdefault((t.device, t.dtype), []).append(t)
        with no_grad():
            norms = [ops.vector_norm(t, ord=norm_type) for group in by_kind.values() for t in group]
            total = ops.vector_norm(ops.stack([n.to(tensors[0].device) for n in norms]), ord=norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@cache
def rows_of_one():
    return table(1)


def _fits(arrays: tuple) -> bool:
    """Whether kernels can take these arrays, and write to them."""
    if not (arrays and switches.fused and type(arrays[0]) is np.ndarray and arrays[0].dtype in FLOATS):
        return False
    return kernels.rows.fits(rows_of_one(), arrays) is True


def _norm_of_arrays(arrays: list) -> Tensor | None:
    """The 2-norm by a kernel, of NumPy arrays of one dtype; else None."""
    arrays = tuple(arrays)
    if not _fits(arrays):
        arrays = tuple(a.copy() if isinstance(a, np.ndarray) and not a.flags.carray else a for a in arrays)
        if not _fits(arrays):
            return None
    norms = np.empty(len(arrays), arrays[0].dtype)
    return wrap(np.array(kernels.optim.total_norm(id(arrays), norms), norms.dtype))


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """`grad *= min(1, max_norm / (total_norm + 1e-6))` for each parameter that has a gradient; see `get_total_norm`."""
    _clip(_grads(parameters), max_norm, total_norm)


def _clip(grads: list[Tensor], max_norm: float, total_norm: Tensor) -> None:
    total = total_norm._array
    # NOTE: torch divides a number by a tensor as reciprocal times number, which rounds twice.
    if isinstance(total, np.ndarray):
        coefficient = np.minimum(np.reciprocal(total + 1e-6) * float(max_norm), 1.0).item()
    else:
        coefficient = ((total + 1e-6).reciprocal() * float(max_norm)).clamp(max=1.0).item()
    arrays = tuple([grad._array for grad in grads])
    if coefficient != 1 and not _fits(arrays):
        for grad in grads:
            array = _writable(grad)
            array *= coefficient
        return
    for grad in grads:
        grad._cell[0] += 1
    if coefficient != 1:
        one = FLOATS[arrays[0].dtype].one
        kernels.optim.scale(id(arrays), len(arrays), one * coefficient, one)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales all gradients by one factor, so that their common norm is at most `max_norm`. Returns the norm before.

        >>> import minitorch as torch
        >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> torch.nn.utils.clip_grad_norm_([w], max_norm=1.0)
        tensor(10.)

    A NaN in one gradient makes all of them NaN, as in torch; `error_if_nonfinite=True` raises RuntimeError instead
    and leaves them as they are. An empty generator gives a UserWarning.
    Source: https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
    """
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    else:
        generator = isinstance(parameters, types.GeneratorType)
        parameters = list(parameters)
        if generator and not parameters:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
            )
    grads = _grads(parameters)
    total_norm = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    _clip(grads, max_norm, total_norm)
    return total_norm


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limits every gradient to [-clip_value, clip_value]; a NaN stays."""
    limit = float(clip_value)
    for grad in _grads(parameters):
        a = _writable(grad)
        if isinstance(a, np.ndarray):
            a.clip(-limit, limit, out=a)
        else:
            a.clamp_(-limit, limit)


def _grads(parameters) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p._grad for p in parameters if p._grad is not None]


def _writable(grad: Tensor):
    """The array of a gradient that is now changed in place."""
    if (
        isinstance(grad._array, np.ndarray) and not grad._array.flags.writeable
    ):  # expanded from fewer elements
        grad._array = grad._array.copy()
    grad._cell[0] += 1
    return grad._array
