"""Random small programs on random shapes, with views and in-place changes: equal to torch in value and gradient."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch

QUIET = settings(derandomize=True, deadline=None, max_examples=120, database=None)


@st.composite
def broadcastable(draw):
    """Two shapes that broadcast."""
    whole = draw(st.lists(st.integers(0, 4), min_size=0, max_size=4))
    shapes = []
    for _ in range(2):
        start = draw(st.integers(0, len(whole)))
        shapes.append(tuple(1 if draw(st.booleans()) else n for n in whole[start:]))
    return shapes


def values(shape, seed):
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


BINARY = {
    "add": lambda T, a, b: a + b,
    "sub": lambda T, a, b: a - b,
    "mul": lambda T, a, b: a * b,
    "div": lambda T, a, b: a / b,
    "pow": lambda T, a, b: a**b,
    "maximum": lambda T, a, b: T.maximum(a, b),
    "where": lambda T, a, b: T.where(a > b, a, b * 2),
    "lerp": lambda T, a, b: T.lerp(a, b, 0.3),
    "atan2": lambda T, a, b: T.atan2(a, b),
}


def same(ours, theirs):
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-12)


@QUIET
@given(broadcastable(), st.sampled_from(sorted(BINARY)))
def test_broadcast(shapes, name):
    results = []
    for T in (minitorch, torch):
        xs = [T.tensor(values(s, i), requires_grad=True) for i, s in enumerate(shapes)]
        out = BINARY[name](T, *xs)
        weight = T.tensor(values(tuple(out.shape), 7))
        results.append([out, *T.autograd.grad((out * weight).sum(), xs)])
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs)


# A step is (name, number); the number chooses dimensions, positions, operands. A step that a shape does not allow is left out.


def dim(x, n):
    return n % x.ndim if x.ndim else 0


VIEWS = {
    "transpose": lambda x, n: x.transpose(dim(x, n), dim(x, n // 5)) if x.ndim else x,
    "permute": lambda x, n: x.permute(*[(i + n) % x.ndim for i in range(x.ndim)]) if x.ndim else x,
    "slice": lambda x, n: (
        x[(slice(None),) * dim(x, n) + (slice(n % 2, None, 1 + n // 7 % 2),)] if x.ndim else x
    ),
    "select": lambda x, n: x.select(dim(x, n), -1) if x.ndim and x.shape[dim(x, n)] else x,
    "none": lambda x, n: x[None] if n % 2 else x[..., None],
    "squeeze": lambda x, n: x.squeeze(),
    "narrow": lambda x, n: x.narrow(dim(x, n), 0, x.shape[dim(x, n)] // 2) if x.ndim else x,
    "flatten": lambda x, n: x.reshape(-1),
    "expand": lambda x, n: x.expand(2, *x.shape) if x.ndim < 4 else x,
    "diagonal": lambda x, n: x.diagonal() if x.ndim == 2 else x,
    "unsqueeze": lambda x, n: x.unsqueeze(dim(x, n)),
    "alias": lambda x, n: x[...],
}
OPS = {
    "exp": lambda T, x, n: (x * 0.1).exp(),
    "tanh": lambda T, x, n: x.tanh(),
    "sigmoid": lambda T, x, n: T.sigmoid(x),
    "square": lambda T, x, n: x * x,
    "sum": lambda T, x, n: x.sum(dim(x, n), keepdim=n % 2 == 0),
    "mean": lambda T, x, n: x - x.mean(),
    "softmax": lambda T, x, n: T.softmax(x, dim(x, n)),
    "cumsum": lambda T, x, n: x.cumsum(dim(x, n)),
    "clamp": lambda T, x, n: x.clamp(0.7, 1.5),
    "cat": lambda T, x, n: T.cat([x, x * 2], dim(x, n)) if x.ndim else x,
    "stack": lambda T, x, n: T.stack([x, x.sin()], dim(x, n)),
    "flip": lambda T, x, n: x.flip(dim(x, n)) if x.ndim else x,
    "matmul": lambda T, x, n: x @ x.transpose(-1, -2) * 0.1 if x.ndim > 1 else x,
    "mask": lambda T, x, n: x[x > 0.9] if n % 3 == 0 else T.where(x > 0.9, x, 0.5),
    "take": lambda T, x, n: x[T.tensor([0, 0, -1])] if x.ndim and x.shape[0] else x,
    "contiguous": lambda T, x, n: x.contiguous(),
    "clone": lambda T, x, n: x.clone(),
}
INPLACE = {
    "add_": lambda T, x, n, y: x.add_(1.5),
    "add_other_": lambda T, x, n, y: x.add_(y, alpha=2),
    "mul_": lambda T, x, n, y: x.mul_(T.full((), 0.5 + n % 3, dtype=T.float64)),
    "mul_other_": lambda T, x, n, y: x.mul_(y),
    "div_other_": lambda T, x, n, y: x.div_(y + 1) if n % 2 else x.div_(y),
    "addcmul_": lambda T, x, n, y: x.addcmul_(y, x if n % 2 else y),
    "lerp_": lambda T, x, n, y: x.lerp_(y, 0.25),
    "pow_": lambda T, x, n, y: x.pow_(2),
    "sigmoid_": lambda T, x, n, y: x.sigmoid_(),
    "exp_": lambda T, x, n, y: x.mul_(0.1).exp_(),
    "sin_": lambda T, x, n, y: x.sin_(),
    "clamp_": lambda T, x, n, y: x.clamp_(min=0.75) if n % 2 else x.clamp_(y, y + 1),
    "square_": lambda T, x, n, y: x.mul_(x),
    "cumsum_": lambda T, x, n, y: x.cumsum_(dim(x, n)),
    "tril_": lambda T, x, n, y: x.tril_() if x.ndim > 1 else x,
    "assign": lambda T, x, n, y: x.__setitem__((..., slice(0, 1)) if x.ndim else ..., 0.25),
    "assign_self": lambda T, x, n, y: x.__setitem__(0, x[-1] * 2) if x.ndim and x.shape[0] else None,
    "assign_other": lambda T, x, n, y: x.__setitem__(-1, y.sum()) if x.ndim and x.shape[0] else None,
    "assign_array": lambda T, x, n, y: (
        x.__setitem__(T.tensor([0, -1]), y.mean() if y.numel() else 1.0) if x.ndim and x.shape[0] > 1 else None
    ),
    "masked": lambda T, x, n, y: x.masked_fill_(x > 1.2, 0.5),
    "mask_assign": lambda T, x, n, y: x.__setitem__(x > 1.0, 0.75),
    "copy_": lambda T, x, n, y: x.copy_(T.full_like(x, 0.7)) if n % 2 else x.copy_((x * 3).sum() * 0.1),
    "copy_other_": lambda T, x, n, y: x.copy_(y),
    "zero_": lambda T, x, n, y: x.zero_() if n % 4 == 0 else x.neg_(),
    "detached": lambda T, x, n, y: x.detach().mul_(2),
}
STEPS = st.tuples(st.sampled_from([*VIEWS, *OPS, *INPLACE]), st.integers(0, 99), st.booleans())


def apart(y, x):
    """y, copied if only some of its memory is x's: then torch refuses, or reads what it has just written."""
    a, b = y.detach().numpy(), x.detach().numpy()
    same = a.shape == b.shape and a.strides == b.strides and a.ctypes.data == b.ctypes.data
    return y if same or not np.shares_memory(a, b) else y * 1


def run(T, shape, program, start=None):
    """The values after each step, the gradient of their weighted sum, or the error with its step."""
    leaf = T.tensor(values(shape, 0) if start is None else start, requires_grad=start is None)
    x = leaf * 1.0
    kept = [x]
    for i, (name, n, from_earlier) in enumerate(program):
        source = kept[n % len(kept)] if from_earlier else kept[-1]
        if source.numel() > 400:
            continue
        try:
            if name in VIEWS:
                kept.append(VIEWS[name](source, n))
            elif name in OPS:
                kept.append(OPS[name](T, source, n))
            elif not source.numel() or not any(
                n > 1 and s == 0 for n, s in zip(source.shape, source.stride(), strict=True)
            ):
                INPLACE[name](T, source, n, apart(kept[n // 3 % len(kept)], source))
        except (RuntimeError, IndexError) as error:
            return [k.detach() for k in kept], (type(error), i)
    total = 0
    for i, k in enumerate(kept):
        total = total + (k * T.tensor(values(tuple(k.shape), i))).sum()
    if start is not None:
        return total.item()
    try:
        total.backward()
    except RuntimeError as error:
        return [k.detach() for k in kept], (type(error), "backward")
    return [k.detach() for k in kept], leaf.grad


@settings(QUIET, max_examples=800)
@given(st.lists(st.integers(1, 3), max_size=3).map(tuple), st.lists(STEPS, min_size=3, max_size=8))
def test_program(shape, program):
    ours, our_grad = run(minitorch, shape, program)
    theirs, their_grad = run(torch, shape, program)
    for a, b in zip(ours, theirs, strict=True):
        same(a, b)
    if isinstance(their_grad, tuple) and their_grad[1] == "backward" and not isinstance(our_grad, tuple):
        # torch sends zeros through values that were overwritten and finds stale ones on the way; we send nothing
        if not any(name == "detached" for name, *_ in program):
            difference_quotients(our_grad, shape, program)
    elif isinstance(their_grad, tuple) or isinstance(our_grad, tuple):
        assert our_grad == their_grad
    else:
        same(our_grad, their_grad)


def difference_quotients(grad, shape, program, step=1e-5):
    """The gradient is the slope of the program's value, unless a kink is near (then the two one-sided slopes differ)."""
    at = values(shape, 0)
    for i in np.ndindex(shape):
        moved = at.copy(), at, at.copy()
        moved[0][i] -= step
        moved[2][i] += step
        low, here, high = (run(torch, shape, program, m) for m in moved)
        if not isinstance(low, tuple) and abs((high - here) - (here - low)) < 1e-3 * step * (1 + abs(here)):
            assert abs((high - low) / (2 * step) - float(grad[i])) < 1e-4 * (1 + abs(here))


@settings(QUIET, max_examples=80)
@given(
    st.lists(st.integers(0, 4), max_size=4).map(tuple),
    st.lists(st.tuples(st.sampled_from(sorted(VIEWS)), st.integers(0, 99)), min_size=1, max_size=5),
)
def test_views(shape, chain):
    """Views of views: torch's shapes, strides and shared memory."""
    results = []
    for T in (minitorch, torch):
        base = T.tensor(values(shape, 0))
        x = base
        for name, n in chain:
            x = VIEWS[name](x, n)
        results.append((base, x))
    (our_base, ours), (their_base, theirs) = results
    same(ours, theirs)
    assert ours.is_contiguous() == theirs.is_contiguous()
    if ours.numel() > 1:
        big = [i for i, n in enumerate(ours.shape) if n > 1]
        assert [ours.stride(i) for i in big] == [theirs.stride(i) for i in big]
    our_base.zero_()
    their_base.zero_()
    same(ours, theirs)
