"""Functions that are called before and after every `step`: of one optimizer, or of all of them."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable

from ..utils.hooks import RemovableHandle

_before_every_step: OrderedDict[int, Callable] = OrderedDict()
_after_every_step: OrderedDict[int, Callable] = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """`hook(optimizer, args, kwargs) -> None or (args, kwargs)` before every `step` of every optimizer."""
    return _register(_before_every_step, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """`hook(optimizer, args, kwargs)` after every `step` of every optimizer."""
    return _register(_after_every_step, hook)


def _register(hooks: OrderedDict, hook: Callable, prepend: bool = False) -> RemovableHandle:
    """Adds a hook, as the last or the first one."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


# ---------------------------------------------------------------------- methods of an optimizer


def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
    """`hook(optimizer, args, kwargs) -> None or (args, kwargs)` before every `step`."""
    return _register(self._optimizer_step_pre_hooks, hook)


def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
    """`hook(optimizer, args, kwargs)` after every `step`."""
    return _register(self._optimizer_step_post_hooks, hook)


def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
    """`hook(optimizer)` before every `state_dict`."""
    return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)


def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
    """`hook(optimizer, state_dict) -> None or another state_dict`."""
    return _register(self._optimizer_state_dict_post_hooks, hook, prepend)


def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
    """`hook(optimizer, state_dict) -> None or the state_dict to load`."""
    return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)


def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
    """`hook(optimizer)` after every `load_state_dict`."""
    return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def prepare(optimizer) -> None:
    """Gives an optimizer a place for each kind of hook, unless it has that."""
    for name in ("step", "state_dict", "load_state_dict"):
        for when in ("pre", "post"):
            optimizer.__dict__.setdefault(f"_optimizer_{name}_{when}_hooks", OrderedDict())


def with_hooks(step):
    """`step` with the hooks around it."""

    @functools.wraps(step)
    def hooked(self, *args, **kwargs):
        pre, post = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if not (pre or post or _before_every_step or _after_every_step):
            return step(self, *args, **kwargs)
        if type(self).step is not hooked:  # called by the step of a subclass, which has run them
            return step(self, *args, **kwargs)
        args = (self, *args)  # the hooks of torch see the optimizer among the arguments
        for hook in (*_before_every_step.values(), *pre.values()):
            result = hook(self, args, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}."
                )
            args, kwargs = result
        out = step(*args, **kwargs)
        for hook in (*post.values(), *_after_every_step.values()):
            hook(self, args, kwargs)
        return out

    return hooked
