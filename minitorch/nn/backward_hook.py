"""Module backward hooks: identity ops around a module's inputs and outputs, where the gradients are seen."""

from __future__ import annotations

from ..autograd.graph import extras
from ..ops.shape import alias
from ..tensor import Tensor


class Watch:
    """The gradients of one call's outputs, kept until those of its inputs arrive."""

    def __init__(self, module):
        self.module, self.grad_outputs = module, None


def watch_inputs(module, args):
    watch = Watch(module)
    seen = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
    watch.has_inputs = bool(seen)
    if not seen:
        return args, watch
    args, arrived = list(args), {}
    n = sum(isinstance(a, Tensor) for a in args)
    positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
    for i in seen:
        args[i] = alias(args[i])

        def arrive(grads, i=i):
            arrived[i] = grads[0]
            if len(arrived) < len(seen):
                return None
            grad_inputs = tuple(arrived.get(p) for p in positions[:n])
            for hook in list(module._backward_hooks.values()):
                changed = hook(module, grad_inputs, watch.grad_outputs)
                if changed is not None:
                    grad_inputs = changed if isinstance(changed, tuple) else (changed,)
            return (grad_inputs[positions.index(i)],)

        extras(args[i]._node).add("pre", arrive)
    return tuple(args), watch


def watch_outputs(module, result, watch):
    outputs = list(result) if isinstance(result, tuple) else [result]
    tensors = [i for i, o in enumerate(outputs) if isinstance(o, Tensor)]
    seen, arrived = [i for i in tensors if outputs[i].requires_grad], {}
    for i in seen:
        outputs[i] = alias(outputs[i])

        def arrive(grads, i=i):
            arrived[i] = grads[0]
            if len(arrived) < len(seen):
                return None
            grad_outputs = tuple(arrived.get(p) for p in tensors)
            for hook in list(module._backward_pre_hooks.values()):
                changed = hook(module, grad_outputs)
                if changed is not None:
                    grad_outputs = changed if isinstance(changed, tuple) else (changed,)
            watch.grad_outputs = grad_outputs
            if not watch.has_inputs:
                for hook in list(module._backward_hooks.values()):
                    hook(module, (None,) * len(tensors), grad_outputs)
            return (grad_outputs[tensors.index(i)],)

        extras(outputs[i]._node).add("pre", arrive)
    return tuple(outputs) if isinstance(result, tuple) else outputs[0]
