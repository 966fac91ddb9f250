"""The graph: what one recorded call leaves behind.

An *edge* is the thing a gradient is delivered to: the `Node` that made the input, or, if the input is a leaf, the leaf
tensor itself. Nodes know nothing of the tensors they made, so there are no reference cycles: a graph dies with its
last tensor.
"""

from __future__ import annotations

import itertools
import weakref

#: `tensor._node` of a leaf that requires grad
LEAF = type("Leaf", (), {"__slots__": (), "__repr__": lambda self: "LEAF"})()

#: creation numbers; the engine visits nodes from the newest to the oldest
next_number = itertools.count(1).__next__


class Node:
    """One recorded call with one result.

    plan      the op's generated functions for this set of inputs that require grad
    xp        the backend that computed it
    edges     where the gradients go, one an input that requires grad
    saved     the values that the rules read, in the plan's order; `None` once released
    versions  (cell, version at saving) pairs, flat, for those of `saved` that can be changed in place
    fits      (shape, dtype) of each of `edges`, to un-broadcast and cast gradients to; `None`: they come out right
    number    creation number
    hooks     `None`, or the rare extras (`Hooks`)
    """

    __slots__ = ("__weakref__", "edges", "fits", "hooks", "number", "plan", "saved", "versions", "xp")

    # what users see as `tensor.grad_fn`

    def name(self) -> str:
        return type(self).__name__

    @property
    def next_functions(self):
        """((node, output number), ...) as torch shows them; leaves appear as `AccumulateGrad`."""
        edges = dict(zip(self.plan.wanted, self.edges, strict=True))
        return tuple([shown(edges[n]) if n in edges else (None, 0) for n in self.plan.differentiable])

    @property
    def metadata(self) -> dict:
        return extras(self).metadata

    def register_hook(self, hook):
        """hook(grad_inputs, grad_outputs) -> None or new grad_inputs, after the node ran."""
        return extras(self).add("post", hook)

    def register_prehook(self, hook):
        """hook(grad_outputs) -> None or new grad_outputs, before the node runs."""
        return extras(self).add("pre", hook)

    def __repr__(self):
        return f"<{self.name()} object at {id(self):#x}>"


class Several(list):
    """The gradients of several results, None for those that have none yet."""

    def __add__(self, other):
        return Several([b if a is None else a if b is None else a + b for a, b in zip(self, other, strict=True)])


class HandsOn:
    """The plan of an `Output`."""

    @staticmethod
    def backward(node, g, xp):
        several = Several((None,) * len(node.edges[0].shape))
        several[node.index] = g
        return (several,)


class Output(Node):
    """One of several results of a call: hands its gradient to the node of the call, in its place."""

    __slots__ = ("index",)

    plan, xp, versions, fits = HandsOn, None, (), None

    def __init__(self, node, index):
        self.edges, self.index, self.number = (node,), index, next_number()
        self.saved = self.hooks = None

    def name(self):
        return self.edges[0].name()

    @property
    def next_functions(self):
        return self.edges[0].next_functions


class AccumulateGrad:
    """What `next_functions` shows for a leaf: `.variable` is the leaf tensor. Made on request."""

    def __init__(self, variable):
        self.variable = variable

    next_functions = ()

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other):
        return isinstance(other, AccumulateGrad) and self.variable is other.variable

    def __hash__(self):
        return hash((AccumulateGrad, id(self.variable)))


def shown(edge):
    if isinstance(edge, Output):
        return edge.edges[0], edge.index
    return (edge if isinstance(edge, Node) else AccumulateGrad(edge)), 0


class Hooks:
    """The hooks of one node or leaf: lists of functions by kind, in order of registration.

    tensor  on the gradient of the tensor (may replace it)      pre, post  on the node, around its run
    retain  weak references to tensors that asked for `retain_grad`
    accumulated  on a leaf, after its `.grad` was updated
    """

    __slots__ = ("accumulated", "metadata", "post", "pre", "retain", "tensor")

    def __init__(self):
        self.tensor, self.pre, self.post, self.accumulated, self.retain = {}, {}, {}, {}, []
        self.metadata = {}

    def add(self, kind, hook):
        from ..utils.hooks import RemovableHandle

        hooks = getattr(self, kind)
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle


def extras(node):
    """The hooks of a node or leaf, made at the first use."""
    if node.hooks is None:
        node.hooks = Hooks()
        if not isinstance(node, Node):
            hooked_leaves[id(node)] = node
    return node.hooks


#: leaves with hooks: torch runs those as soon as the leaf's gradient is complete, which needs a count of its consumers
hooked_leaves = weakref.WeakValueDictionary()


def released():
    raise RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
        "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
        "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
        "saved tensors after calling backward."
    )
