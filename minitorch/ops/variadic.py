"""Operations on a list of tensors (`cat`, `stack` ...): one rule `(xp, g, shapes, **metadata)` gives the gradients of all."""

from __future__ import annotations

from _thread import get_ident

from numpy import ndarray

from ..autograd.graph import LEAF, next_number, released
from ..autograd.mode import INFERENCE, inferring, silent
from ..tensor import wrap


def variadic(row, tensors, **metadata):
    """What the front of such an op does."""
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{row.name}(): argument '{row.variadic}' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    xp, *arrays = row.coerce(row, *tensors)
    result = row.forward(xp, *arrays, **metadata)
    out = wrap(result if type(result) is ndarray else xp.asarray(result))
    if not silent or get_ident() not in silent:
        nodes = [t._node if t._view is None else t._edge for t in tensors]
        mask = tuple([node is not None for node in nodes])
        if True in mask:
            plan = row.plans.get(mask)
            if plan is None:
                plan = row.plans[mask] = VariadicPlan(row, mask)
            plan.record(out, xp, tensors, nodes, arrays, metadata)
    elif get_ident() in inferring:
        out._cell = INFERENCE
    return out


class VariadicPlan:
    """The plan (see `ops/plan.py`) of a list of tensors of which those require grad."""

    saved_names = "shapes", "metadata"

    def __init__(self, row, mask):
        self.op, self.differentiable = row, range(len(mask))
        self.wanted = [i for i in self.differentiable if mask[i]]

    def record(self, out, xp, tensors, nodes, arrays, metadata):
        node = object.__new__(self.op.node_class)
        node.plan, node.xp, node.hooks, node.versions = self, xp, None, ()
        node.saved = [a.shape for a in arrays], metadata
        wanted = [(tensors[i], nodes[i]) for i in self.wanted]
        node.edges = tuple([t if n is LEAF else n for t, n in wanted])
        node.fits = tuple([(t._array.shape, t._array.dtype) for t, _ in wanted])
        node.number = next_number()
        out._node = node

    def restricted(self, asked):
        return self

    def backward(self, node, g, xp):
        if node.saved is None:
            released()
        shapes, metadata = node.saved
        gradients = self.op.vjp[self.op.variadic](xp, g, shapes, **metadata)
        return tuple([gradients[i] for i in self.wanted])

    def backward_tensors(self, node, g):
        from .. import ops

        return self.backward(node, g, ops)
