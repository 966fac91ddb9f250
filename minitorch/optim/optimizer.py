"""Optimizer: parameter groups, the step, hooks, `state_dict`. The mathematics is in `sgd.py`, `adam.py` ..."""

from __future__ import annotations

import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from ..autograd.mode import enable_grad
from ..tensor import Tensor
from ..utils.hooks import RemovableHandle
from . import saving
from .hooks import register, register_optimizer_step_post_hook, register_optimizer_step_pre_hook, with_hooks
from .options import required
from .state import new_step
from .step import GroupStep

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
    "required",
]


class Optimizer:
    """The base class of all optimizers: which tensors are changed, with which options.

    One of your own is written as in torch, with `self.param_groups` and `self.state[p]`:

        class SignSGD(Optimizer):
            def __init__(self, params, lr=1e-3):
                super().__init__(params, {"lr": lr})

            @minitorch.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is not None:
                            p.sub_(group["lr"] * p.grad.sign())

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with `"params"` and the options of that group.
        defaults: the options of groups that don't set them. The optimizers here share these:
            lr: learning rate, >= 0; a number or a tensor of one element.
            weight_decay: L2 penalty, >= 0: `weight_decay * p` is added to the gradient.
            maximize: goes up the gradient.
            differentiable: the step is recorded, so that one can differentiate through it with respect to the
                parameters (which are then results, no leaves) and the gradients. Unlike torch: not to a tensor `lr`.
            foreach, fused, capturable: accepted, without effect. Unlike torch: `capturable` on the cpu, too.

    Raises:
        TypeError: a tensor in place of a list of tensors; something else than tensors; a set.
        ValueError: no parameters; a non-leaf; a parameter in two groups; a required option that is missing; an
            option out of its range.
    """

    # What the optimizers here are made of: `update(p, g, *state, *numbers)`, one step on raw arrays, in place ...
    update: Callable
    kernel: str  # ... the same as a loop over vectors, in `minitorch.kernels.optim`
    _first_value = 0.0  # of the state
    _counts_steps = True  # whether the state has a "step", too

    def _state_names(self, group: dict) -> tuple[str | None, ...]:
        """The state of a parameter, in the order of `update`; None: these options don't need it."""
        raise NotImplementedError

    def _numbers(self, group: dict) -> Callable[[float], tuple]:
        """A function that gives the `numbers` of step 1, 2 ... (if there's no count in the state, all but 1 are 2)."""
        raise NotImplementedError

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = with_hooks(cls.__dict__["step"])

    def __init__(self, params: Iterable, defaults: dict[str, Any]):
        self.defaults = defaults
        self._prepare()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                "one Tensor: put it in a list, [tensor]"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _prepare(self) -> None:
        for name in ("step", "state_dict", "load_state_dict"):
            for when in ("pre", "post"):
                self.__dict__.setdefault(f"_optimizer_{name}_{when}_hooks", OrderedDict())

    def __getstate__(self) -> dict:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._prepare()
        for group in self.param_groups:
            for name, value in saving.LATER.items():
                if name in self.defaults:
                    group.setdefault(name, value)
            for p in group["params"]:
                count = self.state[p].get("step") if p in self.state else None
                if count is not None and not isinstance(count, Tensor):
                    self.state[p]["step"] = new_step(float(count))

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"

    # ------------------------------------------------------------------ groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group, `{"params": tensors, option: value ...}`; e.g. layers that are trained from now on.

        A call that raises leaves the optimizer and `param_group` as they were.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        entries = [params] if isinstance(params, Tensor) else list(params)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        params = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
        if names and len(names) != len(params):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {_type_name(p)}"
                )
            if not (self.defaults.get("differentiable") or p.is_leaf or p.retains_grad):
                raise ValueError(
                    "can't optimize a non-leaf Tensor: it is the result of a computation. Use its `.detach()` with "
                    "`requires_grad_()`, made before the computation"
                )
        new = dict(param_group, params=params)
        if names:
            new["param_names"] = names
        for name, default in self.defaults.items():
            if default is required and name not in new:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
            new.setdefault(name, default)
        taken = set()
        for group in self.param_groups:
            taken.update(group["params"])
            if ("param_names" in new) != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with' if 'param_names' in new else 'without'} names to the optimizer"
                )
        if not taken.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        if len(set(params)) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        param_group.update(new)  # torch keeps the dict that it was given
        self.param_groups.append(param_group)

    # ------------------------------------------------------------------ what is called in every step

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients: None, or zeros with `set_to_none=False`."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad._node = None
                    p._grad._array[...] = 0
                    p._grad._cell[0] += 1

    @with_hooks
    def step(self, closure: Callable | None = None):
        """Changes the parameters that have a gradient. Returns the closure's result, else None.

        Nothing is changed if the closure raises or a gradient doesn't fit its parameter (RuntimeError).

        Args:
            closure: computes the loss again (zero_grad, forward, backward) and returns it.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        steps = [GroupStep(self, group) for group in self.param_groups]
        for step in steps:
            step.run()
        return loss

    # ------------------------------------------------------------------ saving and loading

    def state_dict(self) -> dict[str, Any]:
        """`{"state": {number of the parameter: its state}, "param_groups": [...]}`; torch's keys, tensors not copied."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        result = saving.pack(self.param_groups, self.state)
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a `state_dict()`, torch's too: its tensors become minitorch's.

        Parameters are matched by their order. As in torch, tensors that need no conversion are shared, not copied.
        ValueError if the groups have other sizes; nothing is changed then.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups, state = saving.unpack(state_dict, self.param_groups)
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # ------------------------------------------------------------------ hooks

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """`hook(optimizer, args, kwargs) -> None or (args, kwargs)` before every `step`."""
        return register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """`hook(optimizer, args, kwargs)` after every `step`."""
        return register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer)` before every `state_dict`."""
        return register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer, state_dict) -> None or another state_dict`."""
        return register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer, state_dict) -> None or the state_dict to load`."""
        return register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """`hook(optimizer)` after every `load_state_dict`."""
        return register(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _type_name(value) -> str:
    cls = value if isinstance(value, type) else type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
