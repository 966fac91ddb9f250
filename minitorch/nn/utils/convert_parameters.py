"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters, one after the other; recorded. TypeError if they are on several devices."""
    from ... import ops

    parameters = list(parameters)
    _check_devices(parameters)
    return ops.cat([p.view(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Gives each parameter its part of `vec` as data, in order; they share the memory of `vec`, as in torch.

    TypeError if `vec` is not a tensor, RuntimeError if it is too short; nothing is changed then.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    parameters = list(parameters)
    _check_devices(parameters)
    parts, start = [], 0
    for p in parameters:
        n = p.numel()
        parts.append(vec[start : start + n].view(p.shape).data)
        start += n
    for p, part in zip(parameters, parts, strict=True):
        p.data = part


def _check_devices(parameters) -> None:
    if len({p.device for p in parameters}) > 1:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
