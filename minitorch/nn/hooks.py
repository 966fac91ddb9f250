"""A module's hooks: registering them, and the call of a module that has some.

Backward hooks need the gradients of a call's inputs and outputs: a `BackwardHookFunction` before and one after the call hand on
tensors as they are, and run the hooks when the gradients come back.
"""

from __future__ import annotations

from ..autograd.function import Function
from ..autograd.mode import state
from ..tensor import Tensor
from ..utils.hooks import RemovableHandle


def add(module, hooks, value, prepend=False):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = value
    if prepend:
        for key in list(hooks)[:-1]:
            hooks[key] = hooks.pop(key)
    module._hooked = True
    return handle


def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
    """hook(module, args) -> None or new args, before forward. With kwargs: hook(module, args, kwargs) -> None or both, new."""
    return add(self, self._forward_pre_hooks, (hook, with_kwargs), prepend)


def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
    """hook(module, args, output) -> None or a new output, after forward. With kwargs: hook(module, args, kwargs, output).
    `always_call`: also when the call raises; the output is then None."""
    return add(self, self._forward_hooks, (hook, with_kwargs, always_call), prepend)


def register_full_backward_hook(self, hook, prepend=False):
    """hook(module, grad_input, grad_output) -> None or a new grad_input."""
    return add(self, self._backward_hooks, hook, prepend)


def register_full_backward_pre_hook(self, hook, prepend=False):
    """hook(module, grad_output) -> None or a new grad_output."""
    return add(self, self._backward_pre_hooks, hook, prepend)


def register_state_dict_pre_hook(self, hook):
    """hook(module, prefix, keep_vars), before the module's entries of `state_dict` are collected."""
    return add(self, self._state_dict_pre_hooks, hook)


def register_state_dict_post_hook(self, hook):
    """hook(module, state_dict, prefix, {"version": 1}), with the module's entries and those of its children in `state_dict`."""
    return add(self, self._state_dict_hooks, hook)


def register_load_state_dict_pre_hook(self, hook):
    """hook(module, state_dict, prefix, metadata, strict, missing_keys, unexpected_keys, error_msgs), before anything is loaded.
    It may change `state_dict` (a copy of what was given) and add to the lists."""
    return add(self, self._load_state_dict_pre_hooks, hook)


def register_load_state_dict_post_hook(self, hook):
    """hook(module, incompatible_keys), when all is loaded and before missing keys are an error."""
    return add(self, self._load_state_dict_post_hooks, hook)


# ---------------------------------------------------------------------- a call with hooks


def call(module, args, kwargs):
    """`module.forward` between its hooks."""
    done = set()
    try:
        return call_once(module, args, kwargs, done)
    except Exception:
        for key, (hook, with_kwargs, always) in list(module._forward_hooks.items()):
            if always and key not in done:
                hook(module, args, kwargs, None) if with_kwargs else hook(module, args, None)
        raise


def call_once(module, args, kwargs, done):
    for hook, with_kwargs in list(module._forward_pre_hooks.values()):
        result = hook(module, args, kwargs) if with_kwargs else hook(module, args)
        if result is not None and with_kwargs:
            args, kwargs = result
        elif result is not None:
            args = result if isinstance(result, tuple) else (result,)
    watching = module._backward_hooks or module._backward_pre_hooks
    if watching:
        watch = Watch(module)
        args = watch.inputs(args)
    result = module.forward(*args, **kwargs)
    for key, (hook, with_kwargs, _) in list(module._forward_hooks.items()):
        done.add(key)
        changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        result = result if changed is None else changed
    return watch.outputs(result) if watching else result


class Watch:
    """The gradients of one call: those of its outputs are kept until those of its inputs arrive."""

    def __init__(self, module):
        self.module, self.grad_outputs, self.n_inputs, self.has_inputs = module, None, 0, False

    def inputs(self, args):
        self.n_inputs = len(args)
        args, self.has_inputs = around(args, self.inputs_arrived, True)
        return args

    def outputs(self, result):
        if isinstance(result, tuple):
            return around(result, self.outputs_arrived, False)[0]
        return around((result,), self.outputs_arrived, False)[0][0]

    def inputs_arrived(self, grads):
        if self.grad_outputs is None:  # a gradient that did not come through the outputs
            return grads
        outputs, self.grad_outputs = self.grad_outputs, None
        return self.run(self.module._backward_hooks, grads, outputs)

    def outputs_arrived(self, grads):
        self.grad_outputs = self.run(self.module._backward_pre_hooks, grads)
        if not self.has_inputs:
            self.run(self.module._backward_hooks, (None,) * self.n_inputs, self.grad_outputs)
        return self.grad_outputs

    def run(self, hooks, grads, *rest):
        for hook in list(hooks.values()):
            changed = hook(self.module, grads, *rest)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if len(changed) != len(grads):
                    raise RuntimeError(
                        f"Backward hook returned an invalid number of gradients, got {len(changed)}, but expected {len(grads)}"
                    )
                grads = changed
        return grads


def around(values, arrived, fill):
    """-> (`values` with aliases for its tensors, whether one requires grad). `arrived` gets the gradients of `values`, None for
    what is no tensor or, unless `fill`, has none, and returns those to go on with."""
    at = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    if not (state.grad and any(values[i].requires_grad for i in at)):
        return values, False

    def tensors_arrived(grads):
        grads = dict(zip(at, grads, strict=True))
        grads = arrived(tuple(grads.get(i) for i in range(len(values))))
        return tuple(grads[i] for i in at)

    aliases = dict(
        zip(at, BackwardHookFunction.apply(tensors_arrived, fill, *[values[i] for i in at]), strict=True)
    )
    return tuple(aliases.get(i, v) for i, v in enumerate(values)), True


class BackwardHookFunction(Function):
    """The tensors as they are; backward runs `arrived(gradients)`."""

    @staticmethod
    def forward(ctx, arrived, fill, *tensors):
        outputs = tuple(t.detach() for t in tensors)
        ctx.arrived = arrived
        ctx.set_materialize_grads(fill)
        ctx.mark_non_differentiable(
            *[o for t, o in zip(tensors, outputs, strict=True) if not t.requires_grad]
        )
        return outputs

    @staticmethod
    def backward(ctx, *grads):
        return None, None, *ctx.arrived(grads)
