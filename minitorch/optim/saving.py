"""The form in which an optimizer is saved, torch's: parameters are numbers, in the order of the groups."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from typing import Any

import numpy as np

from ..tensor import Tensor, wrap
from .state import new_step

#: options that torch's optimizers have got in the course of time, and what an old checkpoint without them means
LATER = {
    "momentum": 0,
    "nesterov": False,
    "centered": False,
    "amsgrad": False,
    "maximize": False,
    "foreach": None,
    "capturable": False,
    "differentiable": False,
    "decoupled_weight_decay": False,
    "fused": None,
}


def pack(groups: list[dict], state: dict) -> dict[str, Any]:
    """`{"state": {number of the parameter: its state}, "param_groups": [...]}`."""
    numbers: dict[int, int] = {}
    packed, start = [], 0
    for group in groups:
        for i, p in enumerate(group["params"], start):
            numbers.setdefault(id(p), i)
        start += len(group["params"])
        options = {key: value for key, value in group.items() if key != "params"}
        packed.append({**options, "params": [numbers[id(p)] for p in group["params"]]})
    numbered = {numbers[id(k)] if isinstance(k, Tensor) else k: value for k, value in state.items()}
    return {"state": numbered, "param_groups": packed}


def unpack(saved: dict[str, Any], groups: list[dict]) -> tuple[list[dict], dict]:
    """The groups and the state that `saved` describes, for the parameters of `groups`; changes neither.

    ValueError if the groups are of other sizes.
    """
    new = deepcopy(saved["param_groups"])
    if len(groups) != len(new):
        raise ValueError(
            f"loaded state dict has a different number of parameter groups: {len(new)}, the optimizer has {len(groups)}"
        )
    by_number = {}
    for i, (group, loaded) in enumerate(zip(groups, new, strict=True)):
        if len(group["params"]) != len(loaded["params"]):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                f"group {i} has {len(loaded['params'])} parameters, the optimizer's {len(group['params'])}"
            )
        by_number.update(zip(loaded["params"], group["params"], strict=True))
        for key, value in loaded.items():
            if _is_foreign(value):
                loaded[key] = _converted(value)
        loaded["params"] = group["params"]
        if "param_names" in group:
            loaded.setdefault("param_names", group["param_names"])
    state = defaultdict(dict)
    for key, value in saved["state"].items():
        if key in by_number:
            state[by_number[key]] = _cast(by_number[key], value)
        else:
            state[key] = value
    return new, state


def complete(groups: list[dict], state: dict, defaults: dict) -> None:
    """Brings what an older version has saved up to date: options that came later, and step counts that are numbers."""
    for group in groups:
        for name, value in LATER.items():
            if name in defaults:
                group.setdefault(name, value)
        for p in group["params"]:
            count = state[p].get("step") if p in state else None
            if count is not None and not isinstance(count, Tensor):
                state[p]["step"] = new_step(float(count))


def _is_foreign(value) -> bool:
    """A torch tensor or a NumPy array."""
    return isinstance(value, np.ndarray) or (
        type(value).__module__.split(".")[0] == "torch" and hasattr(value, "numpy")
    )


def _converted(value) -> Tensor:
    return wrap(np.array(value if isinstance(value, np.ndarray) else value.detach().cpu().numpy()))


def _cast(p: Tensor, value, key=None):
    """A loaded value as state of `p`: tensors get its dtype and device, except the step count."""
    if _is_foreign(value):
        value = _converted(value)
    if isinstance(value, Tensor):
        if key == "step":
            return value.cpu()
        return value.to(device=p.device, dtype=p.dtype if p.is_floating_point() else value.dtype)
    if isinstance(value, dict):
        return {k: _cast(p, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_cast(p, v) for v in value)
    return value
