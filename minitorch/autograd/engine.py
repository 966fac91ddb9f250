"""The backward pass.

Nodes are visited by descending creation number: everything that uses a result is younger than it, so when a node is
popped its gradient is complete. No recursion, no count of dependencies. The engine alone un-broadcasts, casts, accumulates,
checks and runs hooks; rules only compute.
"""

from __future__ import annotations

import heapq
import sys

from numpy import ndarray

from ..backends import backend_of
from ..tensor import Tensor, wrap
from .graph import Node, Output
from .mode import state


def run(roots, gradients, *, keep_graph, create_graph, inputs=None, accumulate=True):
    """Pushes `gradients` (raw arrays, or tensors if create_graph) from `roots` (edges) to the leaves.

    inputs      edges to compute gradients for; None: all leaves
    accumulate  add to `.grad`; else return the gradients of `inputs`, in order (None: not reached)
    """
    only = None if inputs is None else leading_to(inputs, roots)
    captured = {}
    wanted_edges = set() if inputs is None else {id(e) for e in inputs}
    grads: dict = {}
    heap: list = []
    waiting = consumers_of_hooked_leaves(roots) if hooked_leaves else None

    def finish(leaf):
        deliver_to_leaf(leaf, grads.pop(leaf), create_graph, accumulate, captured)

    for edge, g in zip(roots, gradients, strict=True):
        if edge in grads:
            grads[edge] = grads[edge] + g
        else:
            grads[edge] = g
            if isinstance(edge, Node):
                heapq.heappush(heap, (-edge.number, edge))
    before = state.grad
    state.grad = create_graph
    try:
        while heap:
            node = heapq.heappop(heap)[1]
            g = grads.pop(node)
            hooks = node.hooks
            if hooks is not None:
                g = run_tensor_hooks(hooks, g, create_graph)
            if wanted_edges and id(node) in wanted_edges:
                captured[node] = g
            edges = node.edges
            if only is None:
                wanted = None
            else:
                wanted = tuple(id(e) in only for e in edges)
                if not any(wanted):
                    continue
            if type(node) is Output:
                into = grads.get(edges[0])
                if into is None:
                    into = grads[edges[0]] = [None] * len(edges[0].shape)
                    heapq.heappush(heap, (-edges[0].number, edges[0]))
                into[node.index] = g if into[node.index] is None else into[node.index] + g
                continue
            if hooks is not None and hooks.pre:
                g = run_pre_hooks(hooks, g, create_graph)
            if node.trace is not None:
                results = run_traced(node, g, create_graph, wanted)
            elif create_graph:
                results = node.backward_tensors(g, wanted)
            else:
                results = node.backward(g, wanted)
            if hooks is not None and hooks.post:
                results = run_post_hooks(hooks, results, g, create_graph)
            if not keep_graph:
                node.release()
            for i in range(len(edges)):
                g = results[i]
                edge = edges[i]
                if g is None or (wanted is not None and not wanted[i]):
                    if waiting is not None and not isinstance(edge, Node):
                        ready(edge, waiting, grads, finish)
                    continue
                is_node = isinstance(edge, Node)
                shape, dtype = (edge.shape, edge.dtype) if is_node else (edge._array.shape, edge._array.dtype)
                if type(shape) is not list:
                    array = g._array if create_graph else g
                    if array.shape != shape or array.dtype != dtype:
                        g = fit(g, shape, dtype, node, create_graph)
                if edge in grads:
                    grads[edge] = grads[edge] + g
                else:
                    grads[edge] = g
                    if is_node:
                        heapq.heappush(heap, (-edge.number, edge))
                if waiting is not None and not is_node:
                    ready(edge, waiting, grads, finish)
        g = results = None  # the leaves may then take their arrays over
        for leaf in list(grads):
            finish(leaf)
    finally:
        state.grad = before
    if accumulate:
        return None
    return [captured.get(e) for e in inputs]


# ---------------------------------------------------------------------- leaves


def deliver_to_leaf(leaf, g, create_graph, accumulate, captured):
    hooks = leaf.hooks
    if hooks is not None and hooks.tensor:
        g = run_tensor_hooks(hooks, g, create_graph)
    if not accumulate:
        captured[leaf] = g
        return
    if create_graph:
        leaf._grad = g if leaf._grad is None else leaf._grad + g
    elif leaf._grad is None:
        # The array becomes `.grad` itself if nobody else holds it: 2 references are `g` here and the call's argument.
        own = isinstance(g, ndarray) and g.flags.owndata and g.flags.c_contiguous and sys.getrefcount(g) <= 3
        leaf._grad = wrap(g if own else copy_of(g))
    elif leaf._grad._node is not None:
        leaf._grad = wrap(leaf._grad._array + g)
    else:
        leaf._grad._array += g
        leaf._grad._cell[0] += 1
    if hooks is not None:
        for hook in list(hooks.accumulated.values()):
            hook(leaf)


def copy_of(g):
    if hasattr(g, "clone"):
        return g.clone()
    import numpy as np

    return np.array(g, order="C")


#: leaves with hooks: torch runs those as soon as the leaf's gradient is complete, which needs a count of its consumers
hooked_leaves: set = set()


def consumers_of_hooked_leaves(roots):
    counts, seen, stack = {}, set(), [r for r in roots if isinstance(r, Node)]
    seen.update(stack)
    while stack:
        for edge in stack.pop().edges:
            if not isinstance(edge, Node):
                counts[edge] = counts.get(edge, 0) + 1
            elif edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return counts


def ready(leaf, waiting, grads, finish):
    waiting[leaf] -= 1
    if waiting[leaf] == 0 and leaf in grads and leaf.hooks is not None:
        finish(leaf)


def leading_to(inputs, roots):
    """ids of the edges that lie on a path from `roots` to one of `inputs`."""
    seen, order, stack = set(), [], [r for r in roots if isinstance(r, Node)]
    seen.update(stack)
    while stack:
        node = stack.pop()
        order.append(node)
        for edge in node.edges:
            if isinstance(edge, Node) and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    found = {id(e) for e in inputs}
    for node in sorted(order, key=lambda n: n.number):
        if any(id(e) in found for e in node.edges):
            found.add(id(node))
    return found


# ---------------------------------------------------------------------- shapes


def fit(g, shape, dtype, node, create_graph):
    """`g` summed over broadcast dimensions and cast to what the receiver expects."""
    if create_graph:
        from .. import ops as xp
        from ..dtypes import OF_RAW

        if tuple(g.shape) != tuple(shape):
            g = unbroadcast(xp, g, tuple(shape), node)
        return g if g._array.dtype == dtype else xp.to_dtype(g, dtype=OF_RAW[dtype])
    xp = node.xp
    if g.shape != shape:
        g = unbroadcast(xp, g, tuple(shape), node)
    if g.dtype != dtype:
        from ..dtypes import OF_RAW

        g = xp.astype(g, OF_RAW[dtype])
    return g


def unbroadcast(xp, g, shape, node):
    have = tuple(g.shape)
    extra = len(have) - len(shape)
    dims = [i for i in range(len(have)) if i < extra or (shape[i - extra] == 1 and have[i] != 1)]
    fits = extra >= 0 and all(have[i + extra] == n or n == 1 for i, n in enumerate(shape))
    if not fits:
        raise RuntimeError(
            f"Function {node.name()} returned an invalid gradient: got {list(have)} but expected shape compatible with "
            f"{list(shape)}"
        )
    if dims:
        g = xp.sum(g, dim=tuple(dims), keepdim=True)
    return xp.reshape(g, shape=shape) if tuple(g.shape) != shape else g


# ---------------------------------------------------------------------- hooks, anomaly mode


def as_tensor(g, create_graph):
    """A hook sees tensors: of several results a tuple of gradients."""
    if isinstance(g, (list, tuple)):
        return tuple(as_tensor(x, create_graph) for x in g)
    return g if g is None or create_graph else wrap(backend_of(g).asarray(g))


def as_raw(g, create_graph):
    if isinstance(g, (list, tuple)):
        return [as_raw(x, create_graph) for x in g]
    return g if g is None or create_graph else g._array


def run_tensor_hooks(hooks, g, create_graph):
    if not hooks.tensor and not hooks.retain:
        return g
    t = as_tensor(g, create_graph)
    for hook in list(hooks.tensor.values()):
        replaced = hook(t)
        if replaced is not None:
            if not isinstance(replaced, Tensor) or replaced.shape != t.shape:
                raise RuntimeError(
                    f"a tensor hook must return None or a gradient of shape {list(t.shape)}, but returned {replaced!r}"
                )
            t = replaced
    for ref in hooks.retain:
        kept = ref()
        if kept is not None:
            new = t if create_graph else wrap(copy_of(t._array))
            kept._grad = new if kept._grad is None else kept._grad + new
    return as_raw(t, create_graph)


def run_pre_hooks(hooks, g, create_graph):
    outputs = as_tensor(g, create_graph)
    many = isinstance(outputs, tuple)
    outputs = outputs if many else (outputs,)
    for hook in list(hooks.pre.values()):
        replaced = hook(outputs)
        if replaced is not None:
            outputs = replaced if isinstance(replaced, tuple) else (replaced,)
    return as_raw(outputs if many else outputs[0], create_graph)


def run_post_hooks(hooks, results, g, create_graph):
    outputs = as_tensor(g, create_graph)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    inputs = as_tensor(tuple(results), create_graph)
    for hook in list(hooks.post.values()):
        replaced = hook(inputs, outputs)
        if replaced is not None:
            inputs = replaced if isinstance(replaced, tuple) else (replaced,)
    return tuple(as_raw(x, create_graph) for x in inputs)


def run_traced(node, g, create_graph, wanted):
    """Under `detect_anomaly`: an error, or a NaN in a gradient, names the forward line."""
    import traceback
    import warnings

    def where():
        return "".join(traceback.format_list(node.trace))

    try:
        results = node.backward_tensors(g, wanted) if create_graph else node.backward(g, wanted)
    except Exception:
        warnings.warn(
            f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{where()}",
            stacklevel=4,
        )
        raise
    if state.anomaly_nan:
        for i, r in enumerate(results):
            array = r._array if isinstance(r, Tensor) else r
            if array is not None and bool((array != array).any()):
                warnings.warn(
                    f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{where()}",
                    stacklevel=4,
                )
                raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")
    return results
