"""Every row of the table against its torch twin: value, dtype, gradient, second gradient, on all of its samples."""

import numpy as np
import pytest
import torch
from conftest import convert, floats, leaves, resolve

import minitorch
from minitorch.ops import OPS

ROWS = sorted(name for name, row in OPS.items() if row.torch and row.samples)
TOLERANCE = {"float32": dict(rtol=1.3e-5, atol=1e-5), "float64": dict(rtol=1e-9, atol=1e-9)}


def call(T, row, sample, requires_grad, function=None):
    args = [convert(T, a, requires_grad) for a in sample.args]
    kwargs = {k: convert(T, v) for k, v in sample.kwargs.items()}
    function = function or ((row.public_front or row.front) if T is minitorch else resolve(row.torch))
    if row.name in ("gather", "scatter", "scatter_add", "scatter_reduce", "index_select", "index_add"):
        x, *rest = args
        return args, function(x, kwargs.pop("dim"), *rest, **kwargs)
    if row.varargs or row.torch.startswith("Tensor."):
        return args, function(args[0], *args[1:], **kwargs)
    return args, function(*args, **kwargs)


def check(ours, theirs, dtype):
    assert isinstance(ours, tuple) == isinstance(theirs, tuple)
    for a, b in zip(
        ours if isinstance(ours, tuple) else [ours],
        theirs if isinstance(theirs, tuple) else [theirs],
        strict=True,
    ):
        assert str(a.dtype) == str(b.dtype)
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(force=True), **TOLERANCE[dtype])


def cotangent(T, shape, dtype, seed):
    return T.tensor(np.random.default_rng(seed).uniform(-1, 1, tuple(shape)).astype(dtype))


def gradients(T, args, out, dtype):
    """First gradients of a fixed cotangent, and the gradients of their weighted sum.

    The first gradients are computed on raw arrays and on tensors (`create_graph`): the rules must mean the same on both.
    """
    xs = list(leaves(args))
    outs = [o for o in floats(out) if o.requires_grad]
    if not xs or not outs:
        return [], []
    gs = [cotangent(T, o.shape, dtype, i) for i, o in enumerate(outs)]
    raw = T.autograd.grad(outs, xs, gs, retain_graph=True, allow_unused=True)
    first = T.autograd.grad(outs, xs, gs, create_graph=True, allow_unused=True)
    for a, b in zip(raw, first, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype == b.dtype
            np.testing.assert_allclose(
                a.cpu().numpy(force=True), b.detach().cpu().numpy(force=True), **TOLERANCE[dtype]
            )
    total = None
    for i, g in enumerate(first):
        if g is not None and g.requires_grad:
            part = (g * cotangent(T, g.shape, dtype, 10 + i)).sum()
            total = part if total is None else total + part
    second = (
        T.autograd.grad(total, xs, allow_unused=True) if total is not None and total.requires_grad else []
    )
    return first, second


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_like_torch(name, dtype):
    row = OPS[name]
    for sample in row.samples(dtype):
        try:
            theirs, their_out = call(torch, row, sample, row.differentiable)
        except RuntimeError as error:  # e.g. a view that the memory layout forbids
            with pytest.raises(type(error)):
                call(minitorch, row, sample, row.differentiable)
            continue
        ours, our_out = call(minitorch, row, sample, row.differentiable)
        check(our_out, their_out, dtype)
        g1, h1 = gradients(minitorch, ours, our_out, dtype)
        g2, h2 = gradients(torch, theirs, their_out, dtype)
        for a, b in zip(g1, g2, strict=True):
            if a is not None and b is not None:
                check(a, b, dtype)
            else:
                assert (a is None) == (b is None) or not (a if b is None else b).any()
        for i in range(
            max(len(h1), len(h2))
        ):  # a gradient that is constant may be None on one side, zero on the other
            a, b = (h[i] if i < len(h) else None for h in (h1, h2))
            if a is not None and b is not None:
                check(a, b, dtype)
            else:
                assert (a is None and b is None) or not (a if b is None else b).any()


@pytest.mark.parametrize("name", [name for name in ROWS if OPS[name].differentiable])
def test_gradients_have_the_shape_and_dtype_of_their_inputs(name):
    """Also of float16, where a rule's numbers could promote; the engine does not look after those that are `exact`."""
    for sample in OPS[name].samples("float16"):
        try:
            args, out = call(minitorch, OPS[name], sample, True)
        except (RuntimeError, NotImplementedError):  # an operation that float16 doesn't have
            continue
        xs, outs = list(leaves(args)), [o for o in floats(out) if o.requires_grad]
        given = [minitorch.ones(o.shape, dtype=o.dtype) for o in outs]
        for x, g in zip(xs, minitorch.autograd.grad(outs, xs, given, allow_unused=True) if xs and outs else (), strict=False):
            assert g is None or (g.dtype, g.shape) == (x.dtype, x.shape)


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8"])
@pytest.mark.parametrize("name", ROWS)
def test_other_dtypes(name, dtype):
    """Integers and bools: the same result, or the same error. (`linear` of bools is not looked for on its hot path.)"""
    row = OPS[name]
    for sample in row.samples(dtype):
        try:
            _, theirs = call(torch, row, sample, False)
        except (RuntimeError, TypeError, IndexError, NotImplementedError) as error:
            if (name, dtype) != ("linear", "bool"):
                with pytest.raises(type(error)):
                    call(minitorch, row, sample, False)
            continue
        _, ours = call(minitorch, row, sample, False)
        check(ours, theirs, "float32")


@pytest.mark.parametrize("name", [n for n in ROWS if not OPS[n].view and "." not in OPS[n].torch])
def test_out(name):
    """`out=` for exactly the functions for which torch has it: the result is written into the tensor given."""
    row = OPS[name]
    dtype = "int64" if name.startswith("bitwise") else "float32"
    sample = next(iter(row.samples(dtype)))
    results = []
    for T in (torch, minitorch):
        _, expected = call(T, row, sample, False)
        out = [T.empty(0, dtype=o.dtype) for o in (expected if isinstance(expected, tuple) else [expected])]
        sample.kwargs["out"] = tuple(out) if isinstance(expected, tuple) else out[0]
        function = resolve(row.torch) if T is torch else getattr(minitorch, row.torch)
        try:
            call(T, row, sample, False, function)
            results.append(out)
        except TypeError:
            results.append(None)
        del sample.kwargs["out"]
    theirs, ours = results
    if None in (theirs, ours):
        assert theirs is ours or name in OUT_WHERE_TORCH_HAS_NONE
    else:
        check(tuple(ours), tuple(theirs), "float32")


#: torch's sum and prod take `out=` only with `dim`
OUT_WHERE_TORCH_HAS_NONE = {"sum", "prod"}
