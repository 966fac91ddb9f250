"""Keeping gradients small: by their common norm, or each value."""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Iterable

import numpy as np

from ...autograd.mode import no_grad
from ...ops.table import switches
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
    by_kind: dict = {}  # torch takes one dtype after the other
    for t in tensors:
        by_kind.setdefault((t.device, t.dtype), []).append(t)
    with no_grad():
        norms = [_norm(t, norm_type).to(tensors[0].device) for group in by_kind.values() for t in group]
        total = _norm(_stack(norms), norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def _norm(t: Tensor, norm_type: float) -> Tensor:
    a = t._array
    if norm_type == 2 and switches.fused and type(a) is np.ndarray and a.dtype in (np.float32, np.float64):
        from ...kernels.optim import squares

        number = a.dtype.type
        flat = a.ravel()
        return wrap(np.array(np.sqrt(number(squares(flat if flat.flags.behaved else flat.copy())))))
    from ... import ops

    return ops.vector_norm(t, ord=norm_type)


def _stack(norms: list[Tensor]) -> Tensor:
    if all(type(n._array) is np.ndarray for n in norms):
        return wrap(np.stack([n._array for n in norms]))
    from ... import ops

    return ops.stack(norms)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """`grad *= min(1, max_norm / (total_norm + 1e-6))` for each parameter that has a gradient; see `get_total_norm`."""
    grads = _grads(parameters)
    if not grads:
        return
    with no_grad():
        # NOTE: torch divides a number by a tensor as reciprocal times number, which rounds twice.
        coefficient = ((total_norm.detach() + 1e-6).reciprocal() * float(max_norm)).clamp(max=1.0).item()
    for grad in grads:
        _in_place(grad, lambda a: a.__imul__(coefficient))


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
    total_norm = get_total_norm(_grads(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total_norm, foreach)
    return total_norm


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limits every gradient to [-clip_value, clip_value]; a NaN stays."""
    limit = float(clip_value)
    for grad in _grads(parameters):
        if isinstance(grad._array, np.ndarray):
            _in_place(grad, lambda a: np.minimum(np.maximum(a, -limit, out=a), limit, out=a))
        else:
            _in_place(grad, lambda a: a.clamp_(-limit, limit))


def _grads(parameters) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p._grad for p in parameters if p._grad is not None]


def _in_place(grad: Tensor, change) -> None:
    a = grad._array
    if isinstance(a, np.ndarray) and not a.flags.writeable:  # expanded from fewer elements
        a = grad._array = a.copy()
    change(a)
    grad._cell[0] += 1
