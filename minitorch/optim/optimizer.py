"""Optimizer: parameter groups, the step, hooks, `state_dict`. The mathematics is in `sgd.py`, `adam.py` ..."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from ..autograd.mode import enable_grad
from . import groups, hooks, saving
from .hooks import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from .options import required
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

    register_step_pre_hook = hooks.register_step_pre_hook
    register_step_post_hook = hooks.register_step_post_hook
    register_state_dict_pre_hook = hooks.register_state_dict_pre_hook
    register_state_dict_post_hook = hooks.register_state_dict_post_hook
    register_load_state_dict_pre_hook = hooks.register_load_state_dict_pre_hook
    register_load_state_dict_post_hook = hooks.register_load_state_dict_post_hook

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = hooks.with_hooks(cls.__dict__["step"])

    def __init__(self, params: Iterable, defaults: dict[str, Any]):
        self.defaults = defaults
        hooks.prepare(self)
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        for group in groups.as_groups(params):
            self.add_param_group(group)

    def __getstate__(self) -> dict:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        hooks.prepare(self)
        saving.complete(self.param_groups, self.state, self.defaults)

    def __repr__(self) -> str:
        return f"{type(self).__name__} ({groups.text(self.param_groups)})"

    # ------------------------------------------------------------------ groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group, `{"params": tensors, option: value ...}`; e.g. layers that are trained from now on.

        A call that raises leaves the optimizer and `param_group` as they were.
        """
        new = groups.checked(param_group, self.defaults, self.param_groups)
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

    @hooks.with_hooks
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
        new, state = saving.unpack(state_dict, self.param_groups)
        self.__setstate__({"state": state, "param_groups": new})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)
