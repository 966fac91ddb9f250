"""`backward` and `grad`: what users call to start the engine."""

from __future__ import annotations

from numpy import array, ndarray

from ..backends import backend_of
from ..tensor import Tensor, wrap
from .engine import accumulate, run
from .graph import LEAF


def edge_of(tensor):
    """Where the gradient of a tensor is delivered: its node, itself if it is a leaf, None if it requires no grad."""
    node = tensor._edge
    return tensor if node is LEAF else node


def _tuple(x):
    return (x,) if x is None or isinstance(x, Tensor) else tuple(x)


def _start(tensors, gradients, create_graph):
    """-> edges and their gradients, raw arrays (tensors if create_graph)"""
    if isinstance(tensors, Tensor) and (gradients is None or isinstance(gradients, Tensor)):  # nearly always
        return [_root(tensors, 0)], [_ones(tensors, create_graph) if gradients is None else _given(tensors, 0, gradients, create_graph)]
    tensors = _tuple(tensors)
    gradients = (None,) * len(tensors) if gradients is None else _tuple(gradients)
    if len(gradients) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    roots, starts = [], []
    for i, (t, g) in enumerate(zip(tensors, gradients, strict=True)):
        roots.append(_root(t, i))
        starts.append(_ones(t, create_graph) if g is None else _given(t, i, g, create_graph))
    return roots, starts


def _root(t, i):
    if not isinstance(t, Tensor):
        raise TypeError(f"element {i} of tensors must be Tensor, not {type(t).__name__}")
    edge = edge_of(t)
    if edge is None:
        raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
    return edge


def _ones(t, create_graph):
    a = t._array
    if a.ndim and t.numel() != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    # (of no dimensions on the CPU: in 0.2 us, where ones_like takes 1.5)
    ones = array(1, a.dtype) if type(a) is ndarray and not a.ndim else backend_of(a).ones_like(a)
    return wrap(ones) if create_graph else ones


def _given(t, i, g, create_graph):
    if not isinstance(g, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if g._array.shape != t._array.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {t.shape}."
        )
    if g._array.dtype is not t._array.dtype:
        g = g.to(t.dtype)
    return g if create_graph else g._array


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None
) -> None:
    """Adds the gradients of `tensors` to `.grad` of the leaves (or of `inputs` only).

    Where only views lie between, `.grad` may be a view of the gradient that was given, or of a part of it, as in torch: zeroing one then
    zeroes the other. Unlike torch: the gradients of two leaves never share an element, and adding to such a `.grad` leaves what was given
    as it is (in torch, `x.view(-1).backward(g)` three times gives 4 g, and doubles g twice).

    Errors (RuntimeError): a tensor without grad, a non-scalar without `grad_tensors`, a graph that was freed.
    """
    if inputs is not None:
        inputs = _tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward` cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    roots, starts = _start(tensors, grad_tensors, create_graph)
    if inputs is None:
        run(roots, starts, keep_graph=keep, create_graph=create_graph, lenders=grad_tensors)
        return
    for t, g in zip(inputs, _gradients(roots, starts, inputs, keep, create_graph), strict=True):
        if g is not None:
            accumulate(t, g, create_graph)


def _gradients(roots, starts, inputs, keep, create_graph):
    edges = []
    for t in inputs:
        edge = edge_of(t)
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        edges.append(edge)
    return run(roots, starts, keep_graph=keep, create_graph=create_graph, inputs=edges)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
) -> tuple:
    """The gradients of `outputs` with respect to `inputs`; nothing is added to `.grad`.

    An input that was not used raises RuntimeError, unless `allow_unused` (None in its place) or `materialize_grads` (zeros).
    """
    from ..ops import zeros_like

    if is_grads_batched:
        raise NotImplementedError(
            "is_grads_batched is not supported: call grad once for each row of grad_outputs"
        )
    inputs = _tuple(inputs)
    keep = create_graph if retain_graph is None else retain_graph
    roots, starts = _start(outputs, grad_outputs, create_graph)
    results = _gradients(roots, starts, inputs, keep, create_graph)
    out = []
    for t, g in zip(inputs, results, strict=True):
        if g is None:
            if materialize_grads:
                out.append(zeros_like(t))
                continue
            if not allow_unused:
                raise RuntimeError(
                    "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is "
                    "the desired behavior."
                )
            out.append(None)
        else:
            out.append(g if isinstance(g, Tensor) else wrap(_array(t, g)))
    return tuple(out)


def _array(t, g):
    return backend_of(t._array).asarray(g)
