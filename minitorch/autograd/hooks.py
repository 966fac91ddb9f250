"""Running the hooks of a node or leaf (`graph.Hooks`). A hook sees tensors, while the engine mostly has raw arrays."""

from __future__ import annotations

import numpy as np

from ..backends import backend_of
from ..backends import numpy as NUMPY
from ..tensor import Tensor, wrap


def copy_of(g):
    return NUMPY.copied(np.asarray(g)) if isinstance(g, (np.ndarray, np.generic)) else g.clone()


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


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


def run_pre_hooks(hooks, g, create_graph):
    outputs = as_tensor(g, create_graph)
    many = isinstance(outputs, tuple)
    outputs = as_tuple(outputs)
    for hook in list(hooks.pre.values()):
        replaced = hook(outputs)
        if replaced is not None:
            outputs = as_tuple(replaced)
    return as_raw(outputs if many else outputs[0], create_graph)


def run_post_hooks(hooks, results, g, create_graph):
    outputs = as_tuple(as_tensor(g, create_graph))
    inputs = as_tensor(tuple(results), create_graph)
    for hook in list(hooks.post.values()):
        replaced = hook(inputs, outputs)
        if replaced is not None:
            inputs = as_tuple(replaced)
    return tuple(as_raw(x, create_graph) for x in inputs)
