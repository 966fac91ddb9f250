"""The backward pass.

Nodes are visited by descending creation number: everything that uses a result is younger than it, so when a node is
popped its gradient is complete. No recursion, no count of dependencies. The engine alone un-broadcasts, casts, accumulates
and runs hooks; rules only compute.
"""

from __future__ import annotations

from _thread import get_ident
from heapq import heappop, heappush, heappushpop
from sys import getrefcount

from numpy import may_share_memory, ndarray

from ..dtypes import OF_RAW
from ..tensor import Tensor, wrap
from .graph import Node, Output, hooked_leaves
from .hooks import copy_of, run_post_hooks, run_pre_hooks, run_tensor_hooks
from .mode import INFERENCE, silent
from .shapes import sum_to, summed

#: functions `(node, g, call) -> gradients` around every node's rules: profiler, anomaly detection. Innermost last.
watchers: list = []

new = object.__new__

#: leaves that may be left when a `.grad` is made a view: each of them is asked whether it gets the same elements
FEW = 8


def run(roots, gradients, *, keep_graph, create_graph, inputs=None, lenders=None):
    """Pushes `gradients` (raw arrays, or tensors if create_graph) from `roots` (edges) to the leaves.

    inputs   None: adds to the `.grad` of all leaves.
             Edges: returns their gradients, in order (None: not reached), and touches no leaf.
    lenders  the tensor, or tensors, in whose memory a `.grad` may lie
    """
    only = captured = waiting = None
    if inputs is not None:
        only, captured = leading_to(inputs, roots), dict.fromkeys(inputs)
    if hooked_leaves.data:
        waiting = consumers(roots)
    watch = create_graph or only is not None or bool(watchers)
    grads, heap = {}, []  # edge -> gradient so far; nodes with a gradient
    if len(roots) == 1 and isinstance(roots[0], Node):
        node, grads[roots[0]] = roots[0], gradients[0]
    else:
        for edge, g in zip(roots, gradients):  # noqa: B905
            add(grads, heap, edge, g)
        node = heappop(heap)[1] if heap else None
    silent_before = (thread := get_ident()) in silent  # `state.grad`, in line
    (silent.discard if create_graph else silent.add)(thread)
    try:
        while node is not None:
            g, following = grads.pop(node), None
            if watch or node.hooks is not None:
                results = visit(node, g, only, captured, create_graph)
            else:
                results = node.plan.backward(node, g, node.xp)
            if node.fits is not None:
                results = fitted(node, results, create_graph)
            if not keep_graph:
                node.saved = None
            for edge, g in zip(node.edges, results):  # noqa: B905  (plans give one each; `strict` costs 0.1 us)
                if g is not None:
                    if edge in grads:
                        grads[edge] = grads[edge] + g
                    else:
                        grads[edge] = g
                        if isinstance(edge, Node):
                            if following is None:  # of a chain, the only one that has a gradient: it needs no heap
                                following = edge
                            else:
                                heappush(heap, (-edge.number, edge))
                if waiting is not None and edge in waiting:
                    waiting[edge] -= 1
                    if waiting[edge] == 0 and edge in grads:
                        deliver(edge, grads.pop(edge), captured, create_graph)
            if not heap:
                node = following
            elif following is None:
                node = heappop(heap)[1]
            else:
                node = heappushpop(heap, (-following.number, following))[1]
        edge = g = results = None  # the leaves may then take their arrays over
        while grads:
            leaf, g = grads.popitem()
            if leaf._grad is None and leaf.hooks is None and captured is None:
                # own(g), of memory that is no view: 2 references are `g` here and in the call
                if (type(g) is ndarray and g.base is None and getrefcount(g) <= 2 and g.flags.c_contiguous) or own(g):
                    leaf._grad = grad = new(Tensor)  # wrap(g), in line
                    grad._array, grad._cell = g, [0]
                    grad._node = grad._grad = grad._view = grad.hooks = None
                    continue
                if lenders is not None and lend(g, leaf, lenders, grads):
                    continue
            deliver(leaf, g, captured, create_graph)
    finally:
        (silent.add if silent_before else silent.discard)(thread)
    return None if captured is None else [captured[e] for e in inputs]


def add(grads, heap, edge, g):
    """A gradient for an edge; a node that has its first waits for its turn."""
    if edge in grads:
        grads[edge] = grads[edge] + g
    else:
        grads[edge] = g
        if isinstance(edge, Node):
            heappush(heap, (-edge.number, edge))


def visit(node, g, only, captured, create_graph):
    """The gradients of a node's edges, where more is to be done than to call its rules: hooks, watchers, tensors for arrays,
    a choice of edges."""
    hooks, plan = node.hooks, node.plan
    if hooks is not None:
        g = run_tensor_hooks(hooks, g, create_graph)
    if only is not None:
        if node in captured:
            captured[node] = g
        asked = tuple([edge in only for edge in node.edges])
        if True not in asked:
            return (None,) * len(asked)
        plan = plan if type(node) is Output else plan.restricted(asked)
    if type(node) is Output:
        return plan.backward(node, g, node.xp)
    if hooks is not None and hooks.pre:
        g = run_pre_hooks(hooks, g, create_graph)
    if watchers:
        results = watched(node, g, plan, create_graph)
    elif create_graph:
        results = plan.backward_tensors(node, g)
    else:
        results = plan.backward(node, g, node.xp)
    if hooks is not None and hooks.post:
        results = run_post_hooks(hooks, results, g, create_graph)
    if only is not None:
        results = [r if a else None for r, a in zip(results, asked, strict=True)]
    return results


def watched(node, g, plan, create_graph):
    def call(depth=0):
        if depth == len(watching):
            return plan.backward_tensors(node, g) if create_graph else plan.backward(node, g, node.xp)
        return watching[depth](node, g, lambda: call(depth + 1))

    watching = tuple(watchers)
    return call()


# ---------------------------------------------------------------------- leaves


def own(g):
    """Whether a raw array is plain memory that only the caller knows: 3 references are its variable, `g` here and the call below."""
    return type(g) is ndarray and (g.base is None or sees_all(g, g.base)) and getrefcount(g) <= 3 and g.flags.carray


def sees_all(view, base):
    """Whether that is all of plain memory that nobody else knows: 3 references are the view's, `base` here and the call below."""
    return type(base) is ndarray and base.base is None and base.size == view.size and getrefcount(base) <= 3


def lend(g, leaf, lenders, grads):
    """Makes `.grad` a view of a gradient that `backward` was given, as torch does where only views lie between. False if g is none, or
    another leaf gets the same elements."""
    if type(g) is ndarray and g.base is not None and getrefcount(g) <= 3 and g.flags.carray and len(grads) < FEW:
        if any(type(other) is not ndarray or may_share_memory(g, other) for other in grads.values()):
            return False
        for lender in (lenders,) if isinstance(lenders, Tensor) else lenders:
            array = getattr(lender, "_array", None)
            if array is not None and (g.base is array or g.base is array.base) and lender._cell is not INFERENCE:
                leaf._grad = grad = wrap(g)
                grad._cell, grad.is_lent = lender._cell, True
                return True
    return False


def deliver(leaf, g, captured, create_graph):
    """The complete gradient of a leaf goes through its hooks, and to `.grad` or to the caller."""
    if leaf.hooks is not None:
        g = run_tensor_hooks(leaf.hooks, g, create_graph)
    if captured is None:
        accumulate(leaf, g, create_graph)
    else:
        captured[leaf] = g


def accumulate(leaf, g, create_graph=False):
    """Adds a gradient (a raw array; a tensor if create_graph) to `leaf.grad`."""
    grad = leaf._grad
    if create_graph:
        leaf._grad = g if grad is None else grad + g
    elif grad is None:
        leaf._grad = wrap(copy_of(g))
    elif grad._node is not None:
        leaf._grad = wrap(grad._array + g)
    elif grad.is_lent:  # what was lent stays as it is
        grad._array, grad._cell, grad.is_lent = grad._array + g, [0], False
    else:
        grad._array += g
        grad._cell[0] += 1
    if leaf.hooks is not None:
        for hook in list(leaf.hooks.accumulated.values()):
            hook(leaf)


# ---------------------------------------------------------------------- paths


def consumers(roots):
    """leaf with hooks -> number of times that the graph below `roots` uses it."""
    counts = dict.fromkeys(hooked_leaves.values(), 0)
    for node in reached(roots):
        for edge in node.edges:
            if edge in counts:
                counts[edge] += 1
    return counts


def reached(roots):
    """The nodes below `roots`, each once."""
    stack = [r for r in roots if isinstance(r, Node)]
    seen = set(stack)
    while stack:
        node = stack.pop()
        yield node
        for edge in node.edges:
            if isinstance(edge, Node) and edge not in seen:
                seen.add(edge)
                stack.append(edge)


def leading_to(inputs, roots):
    """The edges on a path from `roots` to one of `inputs`."""
    found = set(inputs)
    for node in sorted(reached(roots), key=lambda n: n.number):
        if not found.isdisjoint(node.edges):
            found.add(node)
    return found


# ---------------------------------------------------------------------- shapes


def fitted(node, results, create_graph):
    """The gradients summed over broadcast dimensions and cast to what each receiver expects."""
    out = []
    for g, (shape, dtype) in zip(results, node.fits, strict=True):
        if g is not None:
            array = g._array if create_graph else g
            if array.shape != shape or array.dtype != dtype:
                g = fit(g, shape, dtype, node, create_graph)
        out.append(g)
    return out


def fit(g, shape, dtype, node, create_graph):
    if create_graph:
        from .. import ops as xp
    else:
        xp = node.xp
    if tuple(g.shape) != tuple(shape):
        g = unbroadcast(xp, g, tuple(shape), node)
    if (g._array if create_graph else g).dtype == dtype:
        return g
    return xp.to_dtype(g, dtype=OF_RAW[dtype]) if create_graph else xp.astype(g, OF_RAW[dtype])


def unbroadcast(xp, g, shape, node):
    if summed(tuple(g.shape), shape) is None:
        raise RuntimeError(
            f"Function {node.name()} returned an invalid gradient: got {list(g.shape)} but expected shape compatible with "
            f"{list(shape)}"
        )
    return sum_to(xp, g, shape)
