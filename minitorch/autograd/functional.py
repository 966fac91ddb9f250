"""jacobian, hessian, vjp, jvp, hvp, vhp of a function of tensors."""

from __future__ import annotations

from ..tensor import Tensor
from .api import grad
from .mode import enable_grad


def _tuple(x):
    return (x, False) if isinstance(x, tuple) else ((x,), True)


def _prepared(func, inputs, create_graph):
    """Inputs as fresh leaves (or, with create_graph, as they are, so that the result depends on them), and func's outputs."""
    inputs, one_in = _tuple(inputs)
    for x in inputs:
        if not isinstance(x, Tensor):
            raise TypeError(
                f"The inputs given to the function must be either a Tensor or a tuple of Tensors but got {type(x).__name__}"
            )
    xs = tuple(
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_() for x in inputs
    )
    out = func(*xs)
    outputs, one_out = _tuple(out)
    for y in outputs:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"The outputs of the user-provided function must be Tensors but got {type(y).__name__}"
            )
    return xs, one_in, outputs, one_out


def _grads(y, xs, v=None, create_graph=False):
    if not y.requires_grad:
        return tuple(x.new_zeros(x.shape) for x in xs)
    return grad(y, xs, v, retain_graph=True, create_graph=create_graph, materialize_grads=True)


def _strip(x, create_graph):
    return x if create_graph else x.detach()


@enable_grad()
def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """d func / d inputs: for each output and input a tensor of shape output.shape + input.shape."""
    from ..ops import stack

    xs, one_in, outputs, one_out = _prepared(func, inputs, create_graph)
    rows = []
    for y in outputs:
        flat = y.reshape(-1)
        per_element = [_grads(flat[i], xs, None, create_graph) for i in range(flat.numel())]
        row = []
        for k, x in enumerate(xs):
            parts = [g[k] for g in per_element]
            full = stack(parts) if parts else x.new_zeros((0, *x.shape))
            row.append(_strip(full.reshape((*y.shape, *x.shape)), create_graph))
        rows.append(row[0] if one_in else tuple(row))
    return rows[0] if one_out else tuple(rows)


@enable_grad()
def hessian(
    func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"
):
    """The matrix of second derivatives of a scalar func."""
    _, one_in = _tuple(inputs)

    def gradient(*xs):
        y = func(*xs)
        if not isinstance(y, Tensor) or y.numel() != 1:
            raise RuntimeError(
                "The Tensor returned by the function given to hessian should contain a single element"
            )
        gs = _grads(y.reshape(()), xs, None, True)
        return gs[0] if one_in else gs

    return jacobian(gradient, inputs, create_graph=create_graph)


def _check_v(v, like, name):
    vs, _ = _tuple(v)
    if len(vs) != len(like) or any(a.shape != b.shape for a, b in zip(vs, like, strict=False)):
        raise RuntimeError(
            f"v has invalid size: should be {[tuple(x.shape) for x in like]} but got {[tuple(x.shape) for x in vs]} ({name})"
        )
    return vs


def _default_v(v, outputs, name):
    if v is not None:
        return _check_v(v, outputs, name)
    if len(outputs) != 1 or outputs[0].numel() != 1:
        raise RuntimeError(
            "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
        )
    return (outputs[0].new_ones(outputs[0].shape),)


@enable_grad()
def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), v^T J)"""
    xs, one_in, outputs, one_out = _prepared(func, inputs, create_graph)
    vs = _default_v(v, outputs, "vjp")
    gs = grad(outputs, xs, vs, create_graph=create_graph, materialize_grads=True)
    gs = tuple(_strip(g, create_graph) for g in gs)
    outputs = tuple(_strip(y, create_graph) for y in outputs)
    return outputs[0] if one_out else outputs, gs[0] if one_in else gs


@enable_grad()
def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), J v), by the double-backward trick: J v is the derivative of u^T J with respect to u."""
    xs, _, outputs, one_out = _prepared(func, inputs, create_graph)
    vs = _check_v(v, xs, "jvp") if v is not None else _default_v(None, xs, "jvp")
    us = tuple(y.new_zeros(y.shape).requires_grad_() for y in outputs)
    gs = grad(outputs, xs, us, create_graph=True, materialize_grads=True)
    pairs = [(g, w) for g, w in zip(gs, vs, strict=True) if g.requires_grad]
    if pairs:
        out = grad(
            [g for g, _ in pairs],
            us,
            [w for _, w in pairs],
            create_graph=create_graph,
            materialize_grads=True,
        )
    else:
        out = us
    out = tuple(_strip(o, create_graph) for o in out)
    outputs = tuple(_strip(y, create_graph) for y in outputs)
    return (outputs[0], out[0]) if one_out else (outputs, out)


@enable_grad()
def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(inputs), v^T H) for a scalar func."""
    xs, one_in, outputs, _ = _prepared(func, inputs, create_graph)
    vs = _check_v(v, xs, "vhp") if v is not None else _default_v(None, xs, "vhp")
    gs = grad(outputs[0], xs, create_graph=True, materialize_grads=True)
    pairs = [(g, w) for g, w in zip(gs, vs, strict=True) if g.requires_grad]
    out = (
        grad(
            [g for g, _ in pairs],
            xs,
            [w for _, w in pairs],
            create_graph=create_graph,
            materialize_grads=True,
        )
        if pairs
        else tuple(x.new_zeros(x.shape) for x in xs)
    )
    out = tuple(_strip(o, create_graph) for o in out)
    return _strip(outputs[0], create_graph), out[0] if one_in else out


#: H is symmetric, so H v is v^T H
hvp = vhp
