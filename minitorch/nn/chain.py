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

AFFINE, ACTIVATIONS = ops.linear.op, {ReLU: ops.relu.op, Sigmoid: ops.sigmoid.op, Tanh: ops.tanh.op}

#: the methods in whose place a kernel is called, unless somebody has put his own there
METHODS = Module.__call__, Linear.forward, ReLU.forward, Sigmoid.forward, Tanh.forward

#: dtype -> class of an activation -> where the kernel finds its function, if there is one
ADDRESSES: dict = {}


def addresses_for(dtype):
    found = {kind: kernels.layer.activation(op.name, dtype) for kind, op in ACTIVATIONS.items()}
    ADDRESSES[dtype] = {kind: address for kind, address in found.items() if address is not NotImplemented}
    return ADDRESSES[dtype]


def result(modules, input):
    """The result of the modules, one after the other. None if they or the input are others than the kernel takes, or if somebody
    wants to see them called: by hooks, by tracers, by a method in place of theirs."""
    if tracers or not switches.fused or not isinstance(input, Tensor):
        return None
    if (Module.__call__, Linear.forward, ReLU.forward, Sigmoid.forward, Tanh.forward) != METHODS:
        return None
    x, out, activation = input._array, None, False
    if type(x) is not ndarray or x.ndim != 2:
        return None
    dtype, given = x.dtype, [x]  # to the kernel
    addresses = ADDRESSES.get(dtype) or addresses_for(dtype)
    calls = None if silent and get_ident() in silent else []  # of operations; None: nothing is recorded
    try:
        for module in modules:
            own, kind = module.__dict__, type(module)
            if "_hooked" in own or "forward" in own:
                return None
            if kind is Linear:
                own = own["_parameters"]
                weight, bias = own["weight"], own["bias"]
                array = weight._array
                if calls is not None:
                    out = empty((len(x), array.shape[0]), dtype)
                    calls.append((AFFINE, out, (weight, bias)))
                given += array, bias if bias is None else bias._array, None, out
                activation = True  # may follow
            elif activation and kind in addresses:
                given[-2] = addresses[kind]
                activation = False
                if calls is not None:
                    calls.append((ACTIVATIONS[kind], out, ()))
            else:
                return None
    except (AttributeError, IndexError, KeyError):  # there is no such parameter, or it is no matrix
        return None
    out = kernels.layer.layers(*given)
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
