"""The options of optimizers: checks, and their values as numbers."""

from __future__ import annotations

import numpy as np

from ..tensor import Tensor


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


#: as a default: every group must give the value itself
required = _Required()


#: options that must not be negative, as torch's messages call them
NOT_NEGATIVE = {
    "lr": "learning rate",
    "eps": "epsilon value",
    "momentum": "momentum value",
    "weight_decay": "weight_decay value",
    "alpha": "alpha value",
    "lr_decay": "lr_decay value",
    "initial_accumulator_value": "initial_accumulator_value value",
}


def checked(**options) -> dict:
    """The options of an optimizer as its defaults. ValueError for one out of its range, RuntimeError for torch's combinations of
    implementations that can't be; here there is one implementation, whatever is given."""
    for name, value in options.items():
        if name == "lr" and isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if name in NOT_NEGATIVE and not value >= 0:  # so that NaN is refused, too
            raise ValueError(f"Invalid {NOT_NEGATIVE[name]}: {value}")
    if options.get("fused") and options["differentiable"]:
        raise RuntimeError("`fused` does not support `differentiable`")
    if options.get("fused") and options["foreach"]:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    return options


def scalar(value):
    """A hyperparameter as a number; a tensor's keeps its dtype (`numpy.float32`), and so torch's rounding."""
    if type(value) is float:
        return value
    if isinstance(value, Tensor):
        a = value._array
        return a.reshape(())[()] if isinstance(a, np.ndarray) else a.item()
    return value * 1.0  # TypeError for what isn't a number, before anything is changed

