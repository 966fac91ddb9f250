"""`Parameter`: a tensor that a Module finds and an optimizer updates."""

from __future__ import annotations

from ..autograd.graph import LEAF
from ..tensor import Tensor, wrap


class Parameter(Tensor):
    """A leaf that requires grad, sharing the memory of `data` (any shape). Assigned to a Module it becomes one of its parameters."""

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            from ..creation import empty

            data = empty(0)
        p = wrap(data._array)
        p._cell = data._cell
        p.__class__ = cls
        if requires_grad:
            if not p.is_floating_point():
                raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
            p._node = LEAF
        return p

    def __init__(self, *args, **kwargs):
        pass

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that is part of a Module's state but is not trained."""

    def __new__(cls, data=None, *, persistent=True):
        b = wrap(data._array)
        b._cell = data._cell
        b.__class__ = cls
        b.persistent = persistent
        return b

    def __init__(self, *args, **kwargs):
        pass
