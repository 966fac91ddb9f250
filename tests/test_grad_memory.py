"""Whose memory a `.grad` lies in: its own, or, as in torch, that of the gradient that `backward` was given."""

import numpy as np
import pytest
import torch

import minitorch

#: functions of T and a leaf (4, 5)
CALLS = dict(
    view=lambda T, x: x.view(-1),
    view_as_it_is=lambda T, x: x.view(4, 5),
    reshape=lambda T, x: x.reshape(2, 10),
    reshape_as_it_is=lambda T, x: x.reshape(4, 5),
    flatten=lambda T, x: x.flatten(),
    unflatten=lambda T, x: x.unflatten(1, (5, 1)),
    transpose=lambda T, x: x.transpose(0, 1),
    t=lambda T, x: x.t(),
    permute=lambda T, x: x.permute(1, 0),
    permute_not=lambda T, x: x.permute(0, 1),
    unsqueeze=lambda T, x: x.unsqueeze(1),
    squeeze=lambda T, x: x.unsqueeze(1).squeeze(1),
    squeeze_nothing=lambda T, x: x.squeeze(),
    expand=lambda T, x: x.expand(3, 4, 5),
    expand_nothing=lambda T, x: x.expand(4, 5),
    expand_by_one=lambda T, x: x.expand(1, 4, 5),
    all_of_it=lambda T, x: x[:],
    ellipsis=lambda T, x: x[...],
    a_row=lambda T, x: x[1],
    narrow=lambda T, x: x.narrow(0, 1, 2),
    split=lambda T, x: x.split(2)[0],
    chunk_of_one=lambda T, x: x.chunk(1)[0],
    diagonal=lambda T, x: x.diagonal(),
    unfold=lambda T, x: x.unfold(0, 2, 2),
    contiguous=lambda T, x: x.contiguous().view(-1),
    clone=lambda T, x: x.clone(),
    clone_and_view=lambda T, x: x.clone().view(-1),
    add=lambda T, x: x + 1,
    mul=lambda T, x: x * 1,
    type=lambda T, x: x.to(T.float64),
    same_type=lambda T, x: x.to(T.float32),
    cat=lambda T, x: T.cat([x, T.ones(2, 5)]),
    cat_of_one=lambda T, x: T.cat([x]),
    cat_of_columns=lambda T, x: T.cat([x, T.ones(4, 1)], 1),
    stack=lambda T, x: T.stack([x, T.ones(4, 5)]),
    flip=lambda T, x: x.flip(0),
    tril=lambda T, x: x.tril(),
    pad=lambda T, x: T.nn.functional.pad(x, (1, 1)),
    gather=lambda T, x: x.gather(0, T.zeros(1, 5, dtype=T.int64)),
    sum=lambda T, x: x.sum(0),
    movedim=lambda T, x: x.movedim(0, 1),
    where=lambda T, x: T.where(T.ones(4, 5) > 0, x, 0.0),
    relu=lambda T, x: T.relu(x),
    dropout=lambda T, x: T.nn.functional.dropout(x, 0.5, False),
    used_twice=lambda T, x: x.view(-1) + x.view(-1),
    matmul=lambda T, x: x.t() @ T.eye(4),
    linear=lambda T, x: T.nn.functional.linear(T.eye(5), x),
)


def share(T, a, b):
    return np.shares_memory(a.detach().numpy(), b.detach().numpy())


def lies_in_what_was_given(T, call, as_the_result):
    x = T.ones(4, 5, requires_grad=True)
    y = call(T, x)
    g = T.ones_like(y.detach()) if as_the_result else T.ones(y.shape, dtype=y.dtype)
    y.backward(g)
    return share(T, x.grad, g)


@pytest.mark.parametrize("as_the_result", [True, False])
@pytest.mark.parametrize("name", CALLS)
def test_only_where_torchs_does(name, as_the_result):
    ours, theirs = (lies_in_what_was_given(T, CALLS[name], as_the_result) for T in (minitorch, torch))
    assert ours <= theirs


@pytest.mark.parametrize("name", ["view", "transpose", "permute", "unsqueeze", "squeeze", "reshape", "flatten", "cat", "stack"])
def test_views_do(name):
    assert lies_in_what_was_given(minitorch, CALLS[name], True)


@pytest.mark.parametrize("T", [minitorch, torch])
def test_what_is_done_to_one_is_done_to_both(T):
    x, g = T.ones(4, 5, requires_grad=True), T.ones(20)
    x.view(-1).backward(g)
    g.zero_()
    assert x.grad.sum() == 0
    x.grad += 2
    assert g.sum() == 40
    w = T.ones(4, 5, requires_grad=True)
    loss = (w * x.grad).sum()
    g.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_adding_leaves_what_was_given():
    """Unlike torch, where g doubles with every further call."""
    x, g = minitorch.ones(4, 5, requires_grad=True), minitorch.ones(20)
    x.view(-1).backward(g)
    grad = x.grad
    for n in (2, 3, 4):
        x.view(-1).backward(g)
        assert x.grad is grad
        assert (g.tolist(), grad.tolist()) == ([1.0] * 20, [[float(n)] * 5] * 4)
        assert not share(minitorch, grad, g)


@pytest.mark.parametrize("given", [True, False])
def test_gradients_of_two_leaves_are_two(given):
    """Unlike torch, whose third step adds 2."""
    x, y, w = (minitorch.ones(20, requires_grad=True) for _ in range(3))
    g = minitorch.ones(20)
    for n in (1, 2, 3):
        out = x.view(4, 5) + y.view(4, 5)
        if given:
            out.backward(g.view(4, 5))
        else:
            (out * w.view(4, 5)).sum().backward()
        assert not share(minitorch, x.grad, y.grad)
        assert (x.grad.tolist(), y.grad.tolist()) == ([float(n)] * 20, [float(n)] * 20)
    assert g.tolist() == [1.0] * 20


@pytest.mark.parametrize("T", [minitorch, torch])
@pytest.mark.parametrize("join", ["cat", "stack"])
def test_several_leaves_have_parts_of_what_was_given(T, join):
    leaves = [T.ones(4, 5, requires_grad=True) for _ in range(3)]
    out = getattr(T, join)(leaves)
    g = T.arange(out.numel(), dtype=out.dtype).view(out.shape)
    out.backward(g)
    assert all(share(T, x.grad, g) for x in leaves)
    assert [x.grad.sum().item() for x in leaves] == [190, 590, 990]
    if T is minitorch:  # in torch adding changes g
        getattr(T, join)(leaves).backward(g)
        assert [x.grad.sum().item() for x in leaves] == [380, 1180, 1980]
        assert g.sum().item() == 1770


def test_a_gradient_of_a_view_takes_memory_that_nobody_else_has(monkeypatch):
    """Without a copy, unless a hook keeps it."""
    from minitorch.autograd import engine

    copies = []
    monkeypatch.setattr(engine, "copy_of", lambda g: copies.append(g) or g.copy())
    w = minitorch.ones(4, 5, requires_grad=True)
    (w.view(20) * 2).sum().backward()
    assert not copies
    kept = []
    h = w.view(20)
    h.register_hook(kept.append)
    w.grad = None
    (h * 2).sum().backward()
    assert len(copies) == 1
    assert not share(minitorch, w.grad, kept[0])


def test_a_part_of_an_intermediate_gradient_does_not_keep_the_whole():
    x = minitorch.ones(2, 5, requires_grad=True)
    (minitorch.cat([x, minitorch.ones(100, 5)]) * 2).sum().backward()
    assert x.grad.numpy().base is None or x.grad.numpy().base.size == 10
