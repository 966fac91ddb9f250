"""The options of optimizers: checks, and their values as numbers."""

from __future__ import annotations

import numpy as np

from ..tensor import Tensor


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


#: as a default: every group must give the value itself
required = _Required()


def check(name: str, value, low: float = 0.0) -> None:
    """ValueError unless `value >= low`; NaN isn't."""
    if not low <= value:
        raise ValueError(f"Invalid {name}: {value}")


def check_lr(lr) -> None:
    """ValueError for a tensor of several elements or a negative learning rate."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check("learning rate", lr)


def check_implementation(foreach, fused, differentiable) -> None:
    """RuntimeError for torch's combinations that can't be. Here there is one implementation, whatever is given."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def scalar(value):
    """A hyperparameter as a number; a tensor's keeps its dtype (`numpy.float32`), and so torch's rounding."""
    if type(value) is float:
        return value
    if isinstance(value, Tensor):
        a = value._array
        return a.reshape(())[()] if isinstance(a, np.ndarray) else a.item()
    return value * 1.0  # TypeError for what isn't a number, before anything is changed


def flag(value) -> int:
    """1 or 0: Numba takes 40 ns longer to see the type of a bool."""
    return 1 if value else 0
