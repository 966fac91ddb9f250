"""Linear layers with activations between them as one call of a kernel, in place of several for each.

A network of 64-64-10 has 0.9 us of arithmetic for one sample; the calls of its modules and operations take 9. What the kernel calls is
what the operations call: the result has the same bits. Where gradients are recorded, each operation makes its tensor and its node of the
kernel's result, as if it had computed it.
"""

from __future__ import annotations

from _thread import get_ident

from numpy import empty, ndarray

from .. import kernels, ops
from ..autograd.mode import INFERENCE, inferring, silent
from ..ops.generated import switches, tracers
from ..tensor import Tensor, wrap
from .activation import ReLU, Sigmoid, Tanh
from .linear import Linear
from .module import Module

CALL, LINEAR, AFFINE = Module.__call__, Linear.forward, ops.linear.op
ACTIVATIONS = {ReLU.forward: ops.relu.op, Sigmoid.forward: ops.sigmoid.op, Tanh.forward: ops.tanh.op}
KINDS = {Linear, ReLU, Sigmoid, Tanh}


def result(modules, input):
    """The result of the modules, one after the other. None if they or the input are others than the kernel takes, or if somebody
    wants to see them called: by hooks, by tracers, by a method in place of theirs."""
    if not KINDS.issuperset(map(type, modules)) or Module.__call__ is not CALL or tracers or not switches.fused:
        return None
    x, layer = input._array if isinstance(input, Tensor) else None, kernels.layer
    if type(x) is not ndarray or x.ndim != 2 or not layer.available:
        return None
    dtype, parts, out = x.dtype, [], None
    calls = None if silent and get_ident() in silent else []  # of operations; None: nothing is recorded
    try:
        for module in modules:
            own, forward = module.__dict__, type(module).forward
            if "_hooked" in own or "forward" in own:
                return None
            if forward is LINEAR:
                own = own["_parameters"]
                weight, bias = own["weight"], own["bias"]
                array = weight._array
                if calls is not None:
                    out = empty((len(x), array.shape[0]), dtype)
                    calls.append((AFFINE, out, (weight, bias)))
                parts += array, bias if bias is None else bias._array, None, out
            else:
                op = ACTIVATIONS.get(forward)
                if op is None or not parts or parts[-2] is not None:
                    return None
                parts[-2] = layer.activation(op.name, dtype)
                if calls is not None:
                    calls.append((op, out, ()))
        if not parts:
            return None
    except (AttributeError, IndexError, KeyError):  # there is no such parameter, or it is no matrix
        return None
    out = layer.layers(x, *parts)
    if out is NotImplemented:
        return None
    if calls is None:
        result = wrap(out)
        if inferring and get_ident() in inferring:
            result._cell = INFERENCE
        return result
    for op, out, parameters in calls:
        input = op.finished(out, input, *parameters)
    return input
