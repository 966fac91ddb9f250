"""Groups of parameters: the checks of a new one, and how it is printed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from ..tensor import Tensor
from .options import required


def as_groups(params: Iterable) -> list[dict]:
    """What an optimizer is given, as a list of groups (or of what isn't one, for `checked` to refuse)."""
    if isinstance(params, Tensor):
        raise TypeError(
            "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
            "one Tensor: put it in a list, [tensor]"
        )
    groups = list(params)
    if not groups:
        raise ValueError("optimizer got an empty parameter list")
    return groups if isinstance(groups[0], dict) else [{"params": groups}]


def checked(group: dict[str, Any], defaults: dict[str, Any], others: list[dict]) -> dict[str, Any]:
    """A copy of the group with a list of its parameters and all options. Raises what `Optimizer` says."""
    if not isinstance(group, dict):
        raise TypeError(f"param_group must be a dict, but got {type(group)}")
    params, names = _unpacked(group["params"])
    for p in params:
        _check_parameter(p, defaults)
    new = dict(group, params=params)
    if names:
        new["param_names"] = names
    for name, default in defaults.items():
        if default is required and name not in new:
            raise ValueError(
                f"parameter group didn't specify a value of required optimization parameter {name}"
            )
        new.setdefault(name, default)
    _check_beside(new, others)
    return new


def _unpacked(params) -> tuple[list, list[str]]:
    """The parameters of a group and their names, if they have any."""
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
            "sets will change between runs. Please use a list instead."
        )
    entries = [params] if isinstance(params, Tensor) else list(params)
    names = [entry[0] for entry in entries if isinstance(entry, tuple)]
    if names and len(names) != len(entries):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    return [entry[1] if isinstance(entry, tuple) else entry for entry in entries], names


def _check_parameter(p, defaults: dict[str, Any]) -> None:
    if not isinstance(p, Tensor):
        raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_type_name(p)}")
    if not (defaults.get("differentiable") or p.is_leaf or p.retains_grad):
        raise ValueError(
            "can't optimize a non-leaf Tensor: it is the result of a computation. Use its `.detach()` with "
            "`requires_grad_()`, made before the computation"
        )


def _check_beside(new: dict, others: list[dict]) -> None:
    taken = set()
    for group in others:
        taken.update(group["params"])
        if ("param_names" in new) != ("param_names" in group):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if 'param_names' in new else 'without'} names to the optimizer"
            )
    if not taken.isdisjoint(new["params"]):
        raise ValueError("some parameters appear in more than one parameter group")
    if len(set(new["params"])) != len(new["params"]):
        warnings.warn(
            "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
            "see github.com/pytorch/pytorch/issues/40967 for more information",
            stacklevel=5,
        )


def _type_name(value) -> str:
    cls = value if isinstance(value, type) else type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def text(groups: list[dict]) -> str:
    """The groups as `repr` of an optimizer shows them."""
    lines = []
    for i, group in enumerate(groups):
        lines.append(f"\nParameter Group {i}\n")
        lines += [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
    return "".join(lines)
