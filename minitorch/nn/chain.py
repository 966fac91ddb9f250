"""Linear layers with activations between them, where nothing is recorded: one call of a kernel, in place of several for each.

A network of 64-64-10 has 0.9 us of arithmetic for one sample; the calls of its modules and operations take 9. What the kernel calls is
what the operations call: the result has the same bits.
"""

from __future__ import annotations

from _thread import get_ident

from numpy import ndarray

from .. import kernels
from ..autograd.mode import INFERENCE, inferring
from ..ops.generated import switches, tracers
from ..tensor import Tensor, wrap
from .activation import ReLU, Sigmoid, Tanh
from .linear import Linear
from .module import Module

CALL, LINEAR = Module.__call__, Linear.forward
ACTIVATIONS = {ReLU.forward: "relu", Sigmoid.forward: "sigmoid", Tanh.forward: "tanh"}


def result(modules, input):
    """The result of the modules, one after the other. None if they or the input are others than the kernel takes, or if somebody
    wants to see them called: by hooks, by tracers, by a method in place of theirs."""
    x = input._array if isinstance(input, Tensor) else None
    if type(x) is not ndarray or x.ndim != 2 or tracers or not switches.fused:
        return None
    parts = []
    try:
        for module in modules:
            kind, own = type(module), module.__dict__
            if kind.__call__ is not CALL or "_hooked" in own or "forward" in own:
                return None
            if kind.forward is LINEAR:
                own = own["_parameters"]
                bias = own["bias"]
                parts += own["weight"]._array, bias if bias is None else bias._array, None
            elif parts[-1] is None:
                parts[-1] = kernels.layer.activation(ACTIVATIONS[kind.forward], x.dtype)
            else:
                return None
    except (AttributeError, IndexError, KeyError):  # no parameter of that name, no layer before, no such activation
        return None
    if not parts or parts[-3].ndim != 2:
        return None
    raw = kernels.layer.layers(x, parts)
    if raw is NotImplemented:
        return None
    out = wrap(raw)
    if inferring and get_ident() in inferring:
        out._cell = INFERENCE
    return out
