"""Optimizer: parameter groups, state, `state_dict`, hooks. The mathematics is in `sgd.py`, `adam.py` ..."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from operator import is_
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.mode import enable_grad
from ..tensor import Tensor, wrap
from ..utils.hooks import RemovableHandle

_global_optimizer_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_optimizer_post_hooks: OrderedDict[int, Callable] = OrderedDict()


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


#: as a default: every group must give the value itself
required = _Required()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """`hook(optimizer, args, kwargs) -> None or (args, kwargs)` before every `step` of every optimizer."""
    return _register(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """`hook(optimizer, args, kwargs)` after every `step` of every optimizer."""
    return _register(_global_optimizer_post_hooks, hook)


def _register(hooks: OrderedDict, hook: Callable, prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _with_hooks(step):
    """`step` with the hooks around it."""

    @functools.wraps(step)
    def hooked(self, *args, **kwargs):
        pre, post = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if not (pre or post or _global_optimizer_pre_hooks or _global_optimizer_post_hooks):
            return step(self, *args, **kwargs)
        if type(self).step is not hooked:  # called by the step of a subclass, which has run them
            return step(self, *args, **kwargs)
        args = (self, *args)  # the hooks of torch see the optimizer among the arguments
        for hook in (*_global_optimizer_pre_hooks.values(), *pre.values()):
            result = hook(self, args, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}."
                )
            args, kwargs = result
        out = step(*args, **kwargs)
        for hook in (*post.values(), *_global_optimizer_post_hooks.values()):
            hook(self, args, kwargs)
        return out

    hooked.hooked = True
    return hooked


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
        defaults: the options of groups that don't set them.

    Raises:
        TypeError: a tensor in place of a list of tensors; something else than tensors; a set.
        ValueError: no parameters; a non-leaf; a parameter in two groups; a required option that is missing.
    """

    _unsupported: tuple[str, ...] = ()  # options that can't be True

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])

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
        self._known_vectors = {}  # id of a parameter -> (arrays, the same as vectors or None)

    def __getstate__(self) -> dict:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._prepare()
        for group in self.param_groups:
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
            if not (p.is_leaf or p.retains_grad):
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
        for name in self._unsupported:
            if new.get(name):
                raise NotImplementedError(_ADVICE[name].format(type(self).__name__))
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

    @_with_hooks
    def step(self, closure: Callable | None = None):
        """Changes the parameters that have a gradient. Returns the closure's result, else None.

        Args:
            closure: computes the loss again (zero_grad, forward, backward) and returns it.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._step_group(group)
        return loss

    def _step_group(self, group: dict) -> None:
        """The update of all parameters of one group, on raw arrays: nothing is recorded."""
        raise NotImplementedError

    def _vectors(self, p: Tensor, *arrays) -> list | None:
        """The arrays of p as vectors for a kernel; None if these aren't for one (another device, not contiguous)."""
        known = self._known_vectors.get(id(p))
        if known is None or len(known[0]) != len(arrays) or not all(map(is_, known[0], arrays)):
            known = self._known_vectors[id(p)] = arrays, _as_vectors(arrays)
        return known[1]

    # ------------------------------------------------------------------ saving and loading

    def state_dict(self) -> dict[str, Any]:
        """`{"state": {number of the parameter: its state}, "param_groups": [...]}`; torch's keys, tensors not copied."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups, start = [], 0
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for i, p in enumerate(group["params"], start):
                numbers.setdefault(id(p), i)
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            start += len(group["params"])
            groups.append(packed)
        state = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        result = {"state": state, "param_groups": groups}
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
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)}, the optimizer has "
                f"{len(groups)}"
            )
        for i, (group, new) in enumerate(zip(groups, saved, strict=True)):
            if len(group["params"]) != len(new["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {i} has {len(new['params'])} parameters, the optimizer's {len(group['params'])}"
                )
        by_number = {
            n: p
            for group, new in zip(groups, saved, strict=True)
            for n, p in zip(new["params"], group["params"], strict=True)
        }
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                state[by_number[key]] = _cast(by_number[key], value)
            else:
                state[key] = value
        for group, new in zip(groups, saved, strict=True):
            new["params"] = group["params"]
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
            for key, value in new.items():
                if key != "params" and _is_foreign(value):
                    new[key] = _converted(value)
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # ------------------------------------------------------------------ hooks

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


_ADVICE = {
    "capturable": "{}: capturable=True is for CUDA graphs, which minitorch doesn't have. Leave it False: the numbers "
    "are the same",
    "differentiable": "{}: differentiable=True is not supported, steps are not recorded. Write the update with tensor "
    "operations (p = p - lr * grad) if you differentiate through it",
}


# ---------------------------------------------------------------------- for the optimizers


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
    if not isinstance(value, Tensor):
        return value
    a = value._array
    return a.reshape(())[()] if isinstance(a, np.ndarray) else a.item()


def new_step(value: float = 0.0) -> Tensor:
    """The step count of one parameter: a float32 tensor on the cpu (float64 if that is the default dtype), as torch's."""
    kind = np.float64 if dtypes.get_default_dtype() is dtypes.float64 else np.float32
    return wrap(np.array(value, kind))


def full_like(p: Tensor, value: float = 0.0) -> Tensor:
    """A state tensor of the memory layout of `p`."""
    a = p._array
    if isinstance(a, np.ndarray):
        return wrap(np.full_like(a, value))
    out = a.clone()
    out.fill_(value)
    return wrap(out)


def count_step(state: dict) -> float:
    """Adds one to `state["step"]`, in float32; returns it."""
    count = state["step"]._array
    count.fill(count.item() + 1)
    return count.item()


def _as_vectors(arrays) -> list | None:
    dtype = arrays[0].dtype
    if dtype not in (np.float32, np.float64):  # also the case of a torch.Tensor
        return None
    if not all(type(a) is np.ndarray and a.flags.carray and a.dtype == dtype for a in arrays):
        return None
    return [a.reshape(-1) for a in arrays]


def kernels():
    """`minitorch.kernels.optim`, imported on the first step: Numba takes a moment to load."""
    global _kernels
    if _kernels is None:
        from ..kernels import optim as _kernels
    return _kernels


_kernels = None


def gradient_vector(g: np.ndarray) -> np.ndarray:
    """A gradient as a vector for a kernel; a copy only if its layout asks for it."""
    g = g.ravel()
    return g if g.flags.behaved else g.copy()


# ---------------------------------------------------------------------- loading


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
        return (
            value.to(device=p.device, dtype=p.dtype) if p.is_floating_point() else value.to(device=p.device)
        )
    if isinstance(value, dict):
        return {k: _cast(p, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_cast(p, v) for v in value)
    return value


def _type_name(value) -> str:
    cls = value if isinstance(value, type) else type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
