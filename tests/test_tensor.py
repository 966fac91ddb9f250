"""The tensor itself: creation, attributes, indexing, assignment and repr, against torch."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

import minitorch

BOTH = (minitorch, torch)
CREATED = {
    "tensor float": lambda T: T.tensor([[1.0, 2.5], [3.0, -4.0]]),
    "tensor int": lambda T: T.tensor([[1, 2], [3, 4]]),
    "tensor bool": lambda T: T.tensor([True, False]),
    "tensor mixed": lambda T: T.tensor([1, 2.5, True]),
    "tensor scalar": lambda T: T.tensor(3.5),
    "tensor empty": lambda T: T.tensor([]),
    "tensor nested empty": lambda T: T.tensor([[], []]),
    "tensor of numpy": lambda T: T.tensor(np.arange(6.0).reshape(2, 3)),
    "tensor of numpy scalar": lambda T: T.tensor(np.float64(2)),
    "tensor of tensors": lambda T: T.tensor([T.tensor(1), T.tensor(2)]),
    "tensor half": lambda T: T.tensor([1.1, 2.2], dtype=T.float16),
    "as_tensor": lambda T: T.as_tensor([1, 2], dtype=T.int16),
    "from_numpy": lambda T: T.from_numpy(np.arange(6, dtype=np.int32).reshape(2, 3).T),
    "zeros": lambda T: T.zeros(2, 3),
    "zeros tuple": lambda T: T.zeros((2, 3), dtype=T.int64),
    "zeros none": lambda T: T.zeros(()),
    "ones": lambda T: T.ones(2, 0, 3),
    "full": lambda T: T.full((2, 2), 7),
    "full float": lambda T: T.full((2, 2), 7.5),
    "full bool": lambda T: T.full((2,), True),
    "eye": lambda T: T.eye(3),
    "eye wide": lambda T: T.eye(2, 4, dtype=T.int32),
    "arange": lambda T: T.arange(5),
    "arange float": lambda T: T.arange(0, 1, 0.1),
    "arange down": lambda T: T.arange(5, 0, -2),
    "arange typed": lambda T: T.arange(1, 4, dtype=T.float64),
    "linspace": lambda T: T.linspace(-1, 1, 7),
    "linspace one": lambda T: T.linspace(2, 3, 1),
    "linspace double": lambda T: T.linspace(0, 10, 11, dtype=T.float64),
    "zeros_like": lambda T: T.zeros_like(T.ones(2, 3, dtype=T.int8)),
    "ones_like": lambda T: T.ones_like(T.zeros(2), dtype=T.bool),
    "full_like": lambda T: T.full_like(T.zeros(2, 2), 3),
    "rand": lambda T: T.rand(2, 3),
    "randn": lambda T: T.randn(20),
    "randint": lambda T: T.randint(0, 10, (2, 3)),
    "randperm": lambda T: T.randperm(10),
    "rand_like": lambda T: T.rand_like(T.ones(3, dtype=T.float64)),
    "randn_like": lambda T: T.randn_like(T.ones(3)),
    "randint_like": lambda T: T.randint_like(T.ones(3), 5),
    "t": lambda T: T.arange(6).reshape(2, 3).t(),
    "T": lambda T: T.arange(6).reshape(2, 3).T,
    "expanded": lambda T: T.arange(3).expand(2, 3),
    "requires grad": lambda T: T.ones(2, requires_grad=True),
    "special": lambda T: T.tensor([float("nan"), float("inf"), -0.0, 1e-20]),
    "to long": lambda T: T.tensor([1.7, -1.7]).long(),
    "to float": lambda T: T.tensor([1, 2]).float(),
    "to byte": lambda T: T.tensor([1, 255]).byte(),
    "to": lambda T: T.tensor([1, 2]).to(T.float64),
    "view": lambda T: T.arange(6).view(3, -1),
    "clone of transpose": lambda T: T.arange(6).reshape(2, 3).t().clone(),
    "contiguous of transpose": lambda T: T.arange(6).reshape(2, 3).t().contiguous(),
    "to of transpose": lambda T: T.arange(6).reshape(2, 3).t().float(),
    "sum of transpose": lambda T: T.arange(6.0).reshape(2, 3).t() * 2,
    "zeros_like of transpose": lambda T: T.zeros_like(T.arange(6).reshape(2, 3).t()),
    "ones_like of permuted": lambda T: T.ones_like(T.arange(24).reshape(2, 3, 4).permute(2, 0, 1)),
    "full_like of strided": lambda T: T.full_like(T.arange(24).reshape(4, 6)[:, ::2], 3),
    "long list": lambda T: T.arange(2000),
}


def described(t):
    """All that a tensor says of itself."""
    return dict(
        dtype=str(t.dtype),
        shape=tuple(t.shape),
        size=tuple(t.size()),
        dim=(t.dim(), t.ndim),
        numel=(t.numel(), t.nelement()),
        values=repr(t.tolist()),
        repr=repr(t),
        device=(str(t.device), repr(t.device)),
        requires_grad=t.requires_grad,
        leaf=t.is_leaf,
        grad=t.grad,
        grad_fn=t.grad_fn,
        kind=(t.is_floating_point(), t.is_signed(), t.is_complex()),
        itemsize=(t.element_size(), t.itemsize, t.nbytes),
        size_repr=repr(t.shape),
        default_dtype=str(type(t).__name__),
    )


@pytest.mark.parametrize("name", CREATED)
def test_created(name):
    found = []
    for T in BOTH:
        T.manual_seed(3)
        found.append(CREATED[name](T))
    ours, theirs = found
    assert described(ours) == described(theirs)
    if ours.numel():
        assert (ours.stride(), ours.is_contiguous()) == (theirs.stride(), theirs.is_contiguous())
    array = ours.detach().numpy()
    assert array.dtype == theirs.detach().numpy().dtype
    assert np.array_equal(array, theirs.detach().numpy(), equal_nan=array.dtype.kind == "f")


def test_shared_memory():
    """from_numpy, as_tensor, numpy() and detach() share; tensor() and clone() copy."""
    for T in BOTH:
        array = np.zeros(3, np.float32)
        shared, copied = T.from_numpy(array), T.tensor(array)
        array[0] = 5
        shared[1] = 6
        T.as_tensor(array)[2] = 7
        assert array.tolist() == shared.tolist() == shared.numpy().tolist() == [5, 6, 7]
        assert copied.tolist() == [0, 0, 0]
        clone, detached = shared.clone(), shared.detach()
        shared.zero_()
        assert detached.tolist() == [0, 0, 0]
        assert clone.tolist() == [5, 6, 7]
        assert T.zeros(2, 3).t().data_ptr() is not None


def test_python_protocols():
    for T in BOTH:
        x = T.tensor([[1, 2, 3], [4, 5, 6]])
        assert len(x) == 2
        assert [row.tolist() for row in x] == x.tolist()
        assert (3 in x, 9 in x) == (True, False)
        assert (x.size(-1), x.shape[1], x.stride(0), x.shape.numel()) == (3, 3, 3, 6)
        assert f"{T.tensor(2.5):.2f}" == "2.50"
        assert [10, 20, 30][T.tensor(1)] == 20
        assert (float(T.tensor(2)), int(T.tensor(2.7)), bool(T.tensor([0.0]))) == (2.0, 2, False)
        assert type(T.tensor(2).item()) is int
        assert type(T.tensor(True).item()) is bool
        assert (2 - x)[0].tolist() == [1, 0, -1]
        assert (2**x)[0].tolist() == [2, 4, 8]
        assert (1 / T.tensor([2.0])).tolist() == [0.5]
        assert (~T.tensor([True, False])).tolist() == [False, True]
        y = x
        y += 1
        assert y is x
        assert np.asarray(x).tolist() == x.tolist()


INDEXES = {
    "int": lambda T: 1,
    "negative": lambda T: -1,
    "ints": lambda T: (0, 2),
    "slice": lambda T: slice(1, None),
    "steps": lambda T: (slice(None), slice(0, 3, 2)),
    "empty slice": lambda T: slice(2, 1),
    "far slice": lambda T: slice(-10, 10),
    "none": lambda T: None,
    "ellipsis": lambda T: ...,
    "ellipsis last": lambda T: (..., 0),
    "none in the middle": lambda T: (slice(None), None, 1),
    "mask": lambda T: T.arange(24).reshape(2, 3, 4) % 5 == 0,
    "row mask": lambda T: T.tensor([True, False]),
    "mask in the middle": lambda T: (slice(None), T.tensor([True, False, True])),
    "numpy mask": lambda T: np.array([False, True]),
    "list": lambda T: [0, 1, 0],
    "list of bools": lambda T: [True, False],
    "index tensor": lambda T: T.tensor([1, 0, -1]),
    "index matrix": lambda T: T.tensor([[1, 0], [0, 0]]),
    "two indexes": lambda T: (T.tensor([0, 1]), T.tensor([2, 0])),
    "two apart": lambda T: (T.tensor([0, 1]), slice(None), T.tensor([3, 0])),
    "broadcast": lambda T: (T.tensor([[0], [1]]), T.tensor([2, 0])),
    "mixed": lambda T: (T.tensor([0, 1]), 1),
    "after slice": lambda T: (slice(None), T.tensor([2, 1])),
    "with none": lambda T: (None, T.tensor([1])),
    "with ellipsis": lambda T: (..., T.tensor([1, 3])),
    "0-d tensor": lambda T: T.tensor(1),
    "numpy int": lambda T: np.int64(1),
    "numpy array": lambda T: np.array([1, 1]),
    "empty list": lambda T: [],
    "true": lambda T: True,
    "false": lambda T: False,
    "slice of tensors": lambda T: slice(T.tensor(0), T.tensor(1)),
    "empty tuple": lambda T: (),
    "int32 index": lambda T: T.tensor([1, 0], dtype=T.int32),
    "int and array apart": lambda T: (0, slice(None), T.tensor([1, 2])),
    "array and int apart": lambda T: (T.tensor([1, 0]), slice(None), 2),
    "slice and array": lambda T: (slice(1), slice(0, 3, 2), T.tensor([1, 2])),
    "none and array": lambda T: (slice(None), None, T.tensor([1, 2]), slice(1, 3)),
    "0-d and array": lambda T: (T.tensor(0), slice(None), T.tensor([1, 2])),
    "mask of two": lambda T: (T.arange(6).reshape(2, 3) % 2 == 0, slice(1, 3)),
    "mask after int": lambda T: (1, T.tensor([True, False, True])),
    "range": lambda T: list(range(2)),
}


@pytest.mark.parametrize("name", INDEXES)
def test_indexing(name):
    """Value, gradient, and whether the result is a view."""
    found = []
    for T in BOTH:
        x = T.arange(24.0, dtype=T.float64).reshape(2, 3, 4).requires_grad_()
        out = x[INDEXES[name](T)]
        weight = T.arange(1.0, out.numel() + 1, dtype=T.float64).reshape(out.shape)
        (grad,) = T.autograd.grad((out * weight).sum(), x)
        found.append((out.tolist(), tuple(out.shape), grad.tolist(), out._is_view()))
    assert found[0] == found[1]


@pytest.mark.parametrize("value", ["number", "tensor", "other dtype"])
@pytest.mark.parametrize("name", INDEXES)
def test_assignment(name, value):
    """Values, version, and gradients to the old values and to the new ones."""
    found = []
    for T in BOTH:
        leaf = T.arange(24.0, dtype=T.float64).reshape(2, 3, 4).requires_grad_()
        x = leaf * 1
        index = INDEXES[name](T)
        shape = x[index].shape
        v = T.arange(float(shape.numel()), dtype=T.float64).reshape(shape).requires_grad_()
        if value == "other dtype" and name in ("true", "false"):
            return  # torch casts for these two, and refuses for other masks
        new = {"number": -1.0, "tensor": v, "other dtype": v.detach().float()}[value]
        if name in ("list", "numpy array", "index tensor", "index matrix") and value != "number":
            new = T.full(
                (), 2.5, dtype=new.dtype
            )  # one place assigned twice: which value stays is not defined
        try:
            x[index] = new
        except RuntimeError as error:
            found.append((str(error), x.tolist(), x._version))
            continue
        weight = T.arange(1.0, 25.0, dtype=T.float64).reshape(2, 3, 4)
        grads = T.autograd.grad((x * weight).sum(), [leaf, v], allow_unused=True)
        found.append(
            (
                x.tolist(),
                name == "false" or x._version,
                [None if g is None or not g.numel() else g.tolist() for g in grads],
            )
        )
    assert found[0] == found[1]


def test_assignment_broadcasts():
    """A value of fewer dimensions, and its gradient summed over the places."""
    for index in (slice(None), [0, 1], ..., (slice(None), 1)):
        found = []
        for T in BOTH:
            x, v = T.zeros(2, 3, 4), T.arange(4.0).requires_grad_()
            x[index] = v
            (x * T.arange(24.0).reshape(2, 3, 4)).sum().backward()
            found.append((x.tolist(), v.grad.tolist()))
        assert found[0] == found[1]


def test_grad_attributes():
    for T in BOTH:
        x = T.ones(2, requires_grad=True)
        y = x * 2
        assert (x.is_leaf, y.is_leaf, x.grad_fn, type(y.grad_fn).__name__ != "NoneType") == (
            True,
            False,
            None,
            True,
        )
        assert y.grad_fn.name() == "MulBackward0"
        y.retain_grad()
        y.sum().backward()
        assert (x.grad.tolist(), y.grad.tolist()) == ([2, 2], [1, 1])
        assert y.detach().requires_grad is False
        assert x.requires_grad_(False).requires_grad is False


def test_import_is_light():
    """`import minitorch` brings in neither torch nor numba."""
    code = "import sys, minitorch; print([m for m in ('torch', 'numba', 'pandas', 'matplotlib') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def inference_flags(T):
    a = T.ones(2)
    with T.inference_mode():
        made = [a + 1, a > 1, T.zeros(2), T.rand(2), T.sort(a)[0], T.cat([a, a]), a.nonzero(), T.softmax(a, 0)]
        normal = [a[0], a.view(2), a.mul_(1)]
    assert not T.is_inference_mode_enabled()
    after = [made[0][0], made[0].detach(), made[0].clone(), made[0] + 1]
    return [x.is_inference() for x in made + normal + after], a._version


def test_inference_mode():
    """What is made inside is marked; views of normal tensors, and what is computed later, are not."""
    assert inference_flags(minitorch) == inference_flags(torch)
    p = minitorch.ones(2, requires_grad=True)
    with minitorch.inference_mode():
        x = minitorch.ones(2)
        x.add_(1)
        x[0] = 5
        x.uniform_()
    (p + x).sum().backward()  # x is not saved
    assert p.grad.tolist() == [1, 1]


def test_filling_expanded():
    """Writing one number to elements that share their memory is allowed."""
    for T in (torch, minitorch):
        x = T.ones(1, 3).expand(2, 3)
        x.fill_(2)
        assert x.tolist() == [[2, 2, 2]] * 2
        with pytest.warns(UserWarning, match="masked_fill_ on expanded"):
            x.masked_fill_(T.tensor([[True, False, False], [False, False, False]]), 7)
        assert x.tolist() == [[7, 2, 2]] * 2
        with warnings.catch_warnings(action="ignore"):  # that index_put_ and masked_fill_ on expanded tensors are deprecated
            x.index_put_((x == 7,), T.tensor(3.0))
            x[T.tensor([1, 0]), T.tensor([1, 1])] = T.tensor([5.0, 6.0])
        assert x.tolist() == [[3, 6, 2]] * 2
        assert x.zero_().sum() == 0


INDEXING = {
    "mask, one number of another dtype": lambda T, x: x.__setitem__(x > 3, T.tensor(2, dtype=T.int64)),
    "mask, many of another dtype": lambda T, x: x.__setitem__(x > 3, T.ones(8, dtype=T.float64)),
    "array, another dtype": lambda T, x: x.__setitem__(T.tensor([0, 1]), T.ones(4, dtype=T.float64)),
    "array, one number of another dtype": lambda T, x: x.__setitem__(T.tensor([0]), T.tensor(1, dtype=T.int64)),
    "slice, another dtype": lambda T, x: x.__setitem__(slice(1), T.ones(4, dtype=T.float64)),
    "True": lambda T, x: x.__setitem__(True, T.ones(4)),
    "False": lambda T, x: x.__setitem__(False, 5.0),
    "a tensor True": lambda T, x: x.__setitem__(T.tensor(True), 5.0),
    "a list": lambda T, x: x.__setitem__(0, [1.0, 2.0, 3.0, 4.0]),
    "None as a value": lambda T, x: x.__setitem__(0, None),
    "leading ones": lambda T, x: x.__setitem__((slice(None), 0), T.ones(1, 1, 3)),
    "leading twos": lambda T, x: x.__setitem__((slice(None), 0), T.ones(2, 3)),
    "arrays that do not broadcast": lambda T, x: x[T.tensor([0, 1, 2]), T.tensor([0, 1])],
    "mask and array that do not broadcast": lambda T, x: x[T.tensor([True, True, True]), T.tensor([0, 1])],
    "int8": lambda T, x: x[T.tensor([0, 1], dtype=T.int8)],
    "uint8": lambda T, x: x[T.tensor([0, 1, 1], dtype=T.uint8)],
    "range": lambda T, x: x[range(2)],
    "tuple in tuple": lambda T, x: x[(0, 1),],
    "out of range after None": lambda T, x: x[None, 0, 9],
    "copy_ of too many dimensions": lambda T, x: x.copy_(T.ones(1, 3, 4)),
    "copy_ that does not broadcast": lambda T, x: x.copy_(T.ones(3)),
}


@pytest.mark.parametrize("name", INDEXING)
def test_index_or_refuse(name):
    """The same values, or the same error: torch's words, which ours may follow by what to do."""
    results = []
    for T in BOTH:
        x = T.arange(12.0).reshape(3, 4)
        try:
            with warnings.catch_warnings(action="ignore"):
                out = INDEXING[name](T, x)
            results.append((x if out is None else out).tolist())
        except (RuntimeError, IndexError, TypeError) as error:
            results.append((type(error), str(error), x.tolist()))
    ours, theirs = results
    if isinstance(theirs, tuple):
        assert (ours[0], ours[2]) == (theirs[0], theirs[2])
        assert ours[1].startswith(theirs[1])
    else:
        assert ours == theirs


def test_nested_list_is_a_tuple():
    for T in BOTH:
        x = T.arange(12.0).reshape(3, 4)
        with pytest.warns(UserWarning, match="non-tuple sequence"):
            assert x[[[0, 1], [1, 2]]].tolist() == [1, 6]


OUTS = {
    "creation": lambda T: [
        f(*a, out=T.zeros(0, dtype=T.float64))
        for f, a in ((T.zeros, (2,)), (T.eye, (2,)), (T.arange, (3,)), (T.linspace, (0, 1, 3)), (T.full, ((2,), 7)))
    ],
    "composites": lambda T: [
        T.stack([T.ones(2)] * 2, out=T.empty(0)),
        *T.topk(T.arange(4.0), 2, out=(T.empty(0), T.empty(0, dtype=T.int64))),
        *T.max(T.eye(2), 1, out=(T.empty(0), T.empty(0, dtype=T.int64))),
    ],
    "a wider dtype": lambda T: [T.add(T.ones(2), 1, out=T.zeros(2, dtype=T.float64))],
    "into a view": lambda T: T.add(T.ones(2), 1, out=(x := T.zeros(4))[::2]) is not x and [x],
    "twice": lambda T: [T.mul(x := T.ones(2), 2, out=x)],
    "int for float": lambda T: T.add(T.ones(2), 1, out=T.zeros(2, dtype=T.int64)),
    "input requires grad": lambda T: T.add(T.ones(2, requires_grad=True), 1, out=T.zeros(2)),
    "out requires grad": lambda T: T.add(T.ones(2), 1, out=T.zeros(2, requires_grad=True)),
    "expanded": lambda T: T.add(T.ones(2), 1, out=T.zeros(1).expand(2)),
    "no tensor": lambda T: T.exp(T.ones(2), out=3),
    "other dtype asked for": lambda T: T.zeros(2, dtype=T.float64, out=T.zeros(2)),
}


@pytest.mark.parametrize("name", OUTS)
def test_out(name):
    """The same tensors, or the same error, nothing written."""
    results = []
    for T in BOTH:
        try:
            results.append([(str(o.dtype), o.tolist()) for o in OUTS[name](T)])
        except (RuntimeError, TypeError) as error:
            results.append((type(error), str(error)))
    assert results[0] == results[1]


def test_out_is_resized_and_random():
    for T in BOTH:
        x = T.zeros(2)
        with pytest.warns(UserWarning, match="resized"):
            assert T.add(T.ones(3), 1, out=x) is x
        assert x.tolist() == [2, 2, 2]
    both = []
    for T in BOTH:
        T.manual_seed(0)
        out = T.empty(3, dtype=T.float64)
        T.rand(3, out=out)
        both.append(out.tolist())
    assert both[0] == both[1]


def test_storage_offset():
    """Also of views without elements."""
    for view in (
        lambda x: x[1:, 2:],
        lambda x: x.t()[-1],
        lambda x: x[2:2],
        lambda x: x[3:, 2:],
        lambda x: x[:, 4:].t(),
        lambda x: x[1:1][0:0],
        lambda x: x[-1].narrow(0, 1, 0),
        lambda x: x.expand(2, 3, 4)[:, 1:][:, :, 4:],
    ):
        assert view(minitorch.ones(3, 4)).storage_offset() == view(torch.ones(3, 4)).storage_offset()


def modes(T):
    """What is recorded in the modes, one in another."""
    w, seen = T.ones(2, requires_grad=True), []

    def look():
        y = w * 2
        seen.append(
            (T.is_grad_enabled(), T.is_inference_mode_enabled(), y.requires_grad, y.is_inference(), y.grad_fn is None)
        )

    with T.inference_mode():
        look()
        with T.enable_grad():
            look()
            leaf = T.ones(2, requires_grad=True)
            seen.append((leaf.requires_grad, leaf.is_inference(), (leaf * 2).requires_grad))
            with T.no_grad():
                look()
            with T.inference_mode(False):
                look()
            look()
        with T.set_grad_enabled(True):
            look()
        with T.inference_mode(False):
            look()
            with T.inference_mode():
                look()
        look()
        T.set_grad_enabled(True)
        look()
    look()
    with T.no_grad(), T.inference_mode(False):
        look()
    return seen


def test_modes_in_one_another():
    assert modes(minitorch) == modes(torch)
