"""Optimizers and gradient clipping: the same gradients to minitorch and torch, the same numbers."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import minitorch
from minitorch import optim as mine
from minitorch.nn.utils import clip_grad, convert_parameters
from minitorch.ops.table import switches
from minitorch.optim import step as step_file
from minitorch.tensor import wrap

torch = pytest.importorskip("torch")
theirs = torch.optim
SHAPES = [(7, 5), (103,), (), (2, 3, 4), (0,)]


def exact_roots(monkeypatch):
    """torch's square root comes from MKL and is not always the nearest float; with NumPy's all bits must agree."""
    monkeypatch.setattr(
        torch.Tensor, "sqrt", lambda x: torch.from_numpy(np.array(np.sqrt(x.detach().numpy())))
    )
    monkeypatch.setattr(torch.Tensor, "sqrt_", lambda x: x.copy_(x.sqrt()))


@pytest.fixture(params=["kernel", "update"])
def fused(request, monkeypatch):
    monkeypatch.setattr(switches, "fused", request.param == "kernel")
    return switches.fused


def pair(dtype="float32", shapes=SHAPES, seed=0):
    random = np.random.default_rng(seed)
    arrays = [np.asarray(random.standard_normal(s), dtype) for s in shapes]
    ours = [minitorch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    return ours, [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]


def give_gradients(ours, ref, random, skip=None):
    for i, (p, q) in enumerate(zip(ours, ref, strict=True)):
        g = np.asarray(random.standard_normal(tuple(p.shape)), str(p.dtype).split(".")[1])
        p.grad = None if i == skip else minitorch.from_numpy(g.copy())
        q.grad = None if i == skip else torch.from_numpy(g.copy())


def numpy_state(optimizer):
    return {k: {n: v.numpy() for n, v in s.items()} for k, s in optimizer.state_dict()["state"].items()}


def close(x, y):
    """A few units in the last place of numbers of size 1, added up over some steps."""
    tolerance = 4e-6 if x.dtype == np.float32 else 1e-13
    np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def assert_same(ours, ref, exact, a=None, b=None):
    for p, q in zip(ours, ref, strict=True):
        p, q = p.detach().numpy(), q.detach().numpy()
        if exact:
            np.testing.assert_array_equal(p, q)
        else:
            close(p, q)
    if a is None:
        return
    x, y = numpy_state(a), numpy_state(b)
    assert x.keys() == y.keys()
    for k in x:
        assert list(x[k]) == list(y[k])
        for name in x[k]:
            assert x[k][name].dtype == y[k][name].dtype
            assert x[k][name].shape == y[k][name].shape
            if exact:
                np.testing.assert_array_equal(x[k][name], y[k][name])
            else:
                close(x[k][name], y[k][name])


CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "maximize": True, "foreach": False}),
    ("SGD", {"lr": 1, "momentum": 1, "foreach": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.3, 0.5), "eps": 1e-3}),
    ("Adam", {"betas": (0.0, 0.0)}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "maximize": True, "weight_decay": 0}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.4, "centered": True, "eps": 1e-2, "weight_decay": 0.1}),
    ("RMSprop", {"momentum": 0.9, "maximize": True}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "eps": 1e-2}),
    ("Adagrad", {}),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "maximize": True},
    ),
]
IDS = [f"{name}-{'-'.join(options)}" for name, options in CASES]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("roots", ["torch's", "exact"])
def test_equal_to_torch(name, options, dtype, fused, roots, monkeypatch):
    if roots == "exact":
        exact_roots(monkeypatch)
    ours, ref = pair(dtype)
    a, b = getattr(mine, name)(ours, **options), getattr(theirs, name)(ref, **options)
    random = np.random.default_rng(1)
    for step in range(30):
        give_gradients(ours, ref, random, skip=1 if step in (0, 4) else None)
        versions = [p._version for p in ours]
        before = [None if p.grad is None else p.grad.numpy().copy() for p in ours]
        assert a.step() is None
        b.step()
        for p, v, g in zip(ours, versions, before, strict=True):
            assert p._version == v + (g is not None)
            assert g is None or np.array_equal(p.grad.numpy(), g)
    bitwise = (name == "SGD" or roots == "exact") and (fused or dtype == "float32")
    assert_same(ours, ref, bitwise, a, b)
    assert repr(a) == repr(b)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_layouts_and_read_only_gradients(name):
    """Parameters and gradients that aren't contiguous give the same as contiguous ones."""
    random = np.random.default_rng(0)
    value, g = random.standard_normal((2, 6, 4)).astype("float32")
    plain = minitorch.from_numpy(value.copy()).requires_grad_()
    turned = minitorch.from_numpy(np.asfortranarray(value)).requires_grad_()
    strided = minitorch.from_numpy(np.repeat(value, 2, axis=1)[:, ::2]).requires_grad_()
    leaves = [plain, turned, strided]
    optimizer = getattr(mine, name)(leaves, lr=0.1, **({"momentum": 0.9} if name == "SGD" else {}))
    for i in range(5):
        read_only = g.copy()
        read_only.flags.writeable = False
        plain.grad = minitorch.tensor(g) if i % 2 else wrap(read_only)
        turned.grad = minitorch.from_numpy(np.asfortranarray(g))
        strided.grad = minitorch.tensor(g)
        optimizer.step()
    np.testing.assert_array_equal(plain.detach().numpy(), turned.detach().numpy())
    np.testing.assert_array_equal(plain.detach().numpy(), strided.detach().numpy())


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_threads_give_the_same(name, options, team, in_pieces):
    results = []
    for size in (1, 2, 4):
        team(size, helpers=True)
        in_pieces(503 if size > 1 else None)
        ours, _ = pair(shapes=[(1 << 14,), (3,), (129, 128), (20011,)])
        optimizer = getattr(mine, name)(ours, **options)
        random = np.random.default_rng(1)
        for _ in range(3):
            for p in ours:
                p.grad = minitorch.from_numpy(random.standard_normal(p.shape).astype("float32"))
            optimizer.step()
        results.append([p.detach().numpy() for p in ours])
    for other in results[1:]:
        for x, y in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(x, y)


def test_threads_and_one_memory_twice(team, in_pieces):
    team(2, helpers=True)
    in_pieces(1000)
    w = minitorch.zeros(1 << 17).requires_grad_()
    v = minitorch.zeros(1 << 17).requires_grad_()
    v.data = w.data
    w.grad, v.grad = minitorch.ones(1 << 17), 2 * minitorch.ones(1 << 17)
    optimizer = mine.SGD([w, v], lr=1.0)
    for _ in range(20):
        optimizer.step()
    assert bool((w == -60).all())


def test_threads_and_memory_that_overlaps(team, in_pieces):
    team(2, helpers=True)
    in_pieces(1000)
    base = np.zeros((1 << 17) + 1, np.float32)
    w, v = (minitorch.from_numpy(base[i : i + (1 << 17)]).requires_grad_() for i in (0, 1))
    w.grad, v.grad = minitorch.ones(1 << 17), 2 * minitorch.ones(1 << 17)
    optimizer = mine.SGD([w, v], lr=1.0)
    for _ in range(20):
        optimizer.step()
    assert base[[0, 1, -1]].tolist() == [-20, -60, -40]
    assert (base[1:-1] == -60).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_threads_after_a_fork(team, in_pieces):
    team(2, helpers=True)
    in_pieces(1000)
    w = minitorch.zeros(1 << 18).requires_grad_()
    optimizer = mine.SGD([w], lr=1.0)
    w.grad = minitorch.ones(1 << 18)
    optimizer.step()
    child = os.fork()
    if child == 0:
        optimizer.step()
        os._exit(0 if bool((w == -2).all()) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert bool((w == -1).all())


def test_data_and_state_replaced_between_steps():
    """The vectors that are kept for the kernels are those of the present arrays."""
    ours, ref = pair()
    a, b = mine.SGD(ours, lr=0.1, momentum=0.9), theirs.SGD(ref, lr=0.1, momentum=0.9)
    random = np.random.default_rng(1)
    for step in range(6):
        give_gradients(ours, ref, random)
        a.step(), b.step()
        if step == 2:
            for p, q in zip(ours, ref, strict=True):
                p.data, q.data = p.data.clone(), q.data.clone()
        if step == 4:
            a.state.clear(), b.state.clear()
    assert_same(ours, ref, True, a, b)


def mixed(T):
    """Parameters of one group of which kernels take some together, some alone, and some not at all."""
    random = np.random.default_rng(0)
    arrays = [random.standard_normal((6, 4)).astype(t) for t in ("f4", "f4", "f8", "f4", "f4", "f8")]
    arrays[3] = np.asfortranarray(arrays[3])
    leaves = [T.from_numpy(a).requires_grad_() for a in arrays]
    for p in leaves:
        p.grad = T.from_numpy(random.standard_normal((6, 4)).astype(str(p.dtype).split(".")[1]))
    leaves[4].grad = T.from_numpy(random.standard_normal((4, 6)).astype("f4")).t()
    return leaves


@pytest.mark.parametrize(("name", "options"), [("SGD", {"momentum": 0.9}), ("Adam", {}), ("Adagrad", {})])
def test_a_group_of_many_kinds(name, options, fused, monkeypatch):
    exact_roots(monkeypatch)
    ours, ref = mixed(minitorch), mixed(torch)
    a, b = getattr(mine, name)(ours, **options), getattr(theirs, name)(ref, **options)
    for i in range(4):
        ours[1].grad, ref[1].grad = (None, None) if i < 2 else (minitorch.ones(6, 4), torch.ones(6, 4))
        a.step(), b.step()
    for p, q in zip(ours, ref, strict=True):
        tolerance = 0 if p.dtype is minitorch.float32 else 1e-15
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), tolerance, tolerance)


def test_step_counts_that_are_one_tensor(monkeypatch):
    """Counted once for each parameter, one after the other, as torch's loop does."""
    exact_roots(monkeypatch)
    ours, ref = pair(shapes=[(3,), (4,)])
    a, b = mine.Adam(ours), theirs.Adam(ref)
    random = np.random.default_rng(1)
    for _ in range(3):
        give_gradients(ours, ref, random)
        a.step(), b.step()
        for optimizer, (p, q) in ((a, ours), (b, ref)):
            optimizer.state[q]["step"] = optimizer.state[p]["step"]
    assert_same(ours, ref, True, a, b)


def test_what_goes_to_a_kernel(monkeypatch):
    """All of a group in one call, with dtypes that were unpickled too; nothing where arrays can't be read."""
    arrays = [np.ones((2, 3), np.float32), pickle.loads(pickle.dumps(np.ones(5, np.float32)))]
    leaves = [minitorch.from_numpy(a).requires_grad_() for a in arrays]
    for p in leaves:
        p.grad = minitorch.ones(p.shape)
    optimizer = mine.Adam(leaves)
    step = step_file.GroupStep(optimizer, optimizer.param_groups[0])
    assert step.fused
    assert sum(p.size for p in step.arrays[:: step.layout.columns]) == 11
    monkeypatch.setattr(step_file, "FLOATS", {})
    assert not step_file.GroupStep(optimizer, optimizer.param_groups[0]).fused
    optimizer.step()
    np.testing.assert_allclose(leaves[1].detach().numpy(), np.float32(0.999), rtol=1e-6)


def test_without_jit():
    """As plain Python the kernels give the same bits."""
    program = (
        "import minitorch as torch\n"
        "for name in ('SGD', 'Adam', 'RMSprop', 'Adagrad'):\n"
        "    torch.manual_seed(0); w, v = (torch.randn(2, 3).requires_grad_() for _ in range(2))\n"
        "    optimizer = getattr(torch.optim, name)([w, v], lr=0.1)\n"
        "    for _ in range(3):\n"
        "        w.grad, v.grad = torch.randn(2, 3), torch.randn(2, 3)\n"
        "        print(torch.nn.utils.clip_grad_norm_([w, v], 1.0).item())\n"
        "        optimizer.step()\n"
        "    print(name, w.tolist(), v.tolist())\n"
    )
    outputs = []
    for disabled in "01":
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled}
        command = [sys.executable, "-c", program]
        outputs.append(
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        )
    assert outputs[0] == outputs[1] != ""


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("direction", ["own", "from torch", "to torch"])
def test_state_dict(name, options, direction, monkeypatch):
    exact_roots(monkeypatch)
    (p_old, q_old), random = pair(), np.random.default_rng(1)
    a, b = getattr(mine, name)(p_old, **options), getattr(theirs, name)(q_old, **options)
    for _ in range(4):
        give_gradients(p_old, q_old, random)
        a.step(), b.step()
    p_new = [minitorch.from_numpy(q.detach().numpy().copy()).requires_grad_() for q in q_old]
    q_new = [torch.from_numpy(q.detach().numpy().copy()).requires_grad_() for q in q_old]
    a2, b2 = getattr(mine, name)(p_new, lr=0.7), getattr(theirs, name)(q_new, lr=0.7)
    b2.load_state_dict(copy.deepcopy(b.state_dict()) if direction != "to torch" else as_torch(a.state_dict()))
    a2.load_state_dict(copy.deepcopy(a.state_dict()) if direction == "own" else b.state_dict())
    assert str(a2) == str(b2)
    assert list(a2.state_dict()) == list(b2.state_dict())
    assert [list(g) for g in a2.state_dict()["param_groups"]] == [
        list(g) for g in b2.state_dict()["param_groups"]
    ]
    for _ in range(3):
        give_gradients(p_new, q_new, random)
        a2.step(), b2.step()
    assert_same(p_new, q_new, True, a2, b2)


def as_torch(value):
    if isinstance(value, minitorch.Tensor):
        return torch.from_numpy(value.detach().numpy().copy())
    if isinstance(value, dict):
        return {k: as_torch(v) for k, v in value.items()}
    return [as_torch(v) for v in value] if isinstance(value, list) else value


def test_groups_and_changed_options():
    ours, ref = pair()

    def make(module, p):
        groups = [{"params": p[:2], "lr": 0.5}, {"params": iter(p[2:3]), "momentum": 0.0}]
        optimizer = module.SGD(groups, lr=0.1, momentum=0.9)
        optimizer.add_param_group({"params": p[3], "weight_decay": 0.1})
        return optimizer

    a, b = make(mine, ours), make(theirs, ref)
    assert str(a) == str(b)
    random = np.random.default_rng(1)
    for step in range(10):
        give_gradients(ours, ref, random)
        a.step(), b.step()
        for optimizer in (a, b):
            optimizer.param_groups[0]["lr"] *= 0.9
            optimizer.param_groups[1]["momentum"] = 0.5 if step > 4 else 0.0
    assert_same(ours, ref, True, a, b)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_lr_that_is_a_tensor(name, monkeypatch):
    exact_roots(monkeypatch)
    ours, ref = pair()
    a = getattr(mine, name)(ours, lr=minitorch.tensor(0.1), weight_decay=0.1)
    b = getattr(theirs, name)(ref, lr=torch.tensor(0.1), weight_decay=0.1)
    assert str(a) == str(b)
    random = np.random.default_rng(1)
    for _ in range(10):
        give_gradients(ours, ref, random)
        a.step(), b.step()
        a.param_groups[0]["lr"].fill_(0.05), b.param_groups[0]["lr"].fill_(0.05)
    assert_same(ours, ref, True, a, b)


def test_named_parameters():
    ours, ref = pair()
    a = mine.SGD([(f"p{i}", p) for i, p in enumerate(ours)], lr=0.1)
    b = theirs.SGD([(f"p{i}", p) for i, p in enumerate(ref)], lr=0.1)
    assert a.state_dict() == b.state_dict()
    with pytest.raises(ValueError, match="with/without names"):
        a.add_param_group({"params": [minitorch.zeros(1)]})
    with pytest.raises(ValueError, match="Some param names are missing"):
        mine.SGD([("a", ours[0]), ours[1]])


# ------------------------------------------------------------------ calls


def test_closure_and_zero_grad():
    w = minitorch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = mine.SGD([w], lr=0.25)

    @minitorch.no_grad()
    def train():
        def closure():
            optimizer.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            return loss

        return optimizer.step(closure)

    assert train().item() == 5.0
    assert w.tolist() == [0.5, 1.0]
    grad = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is grad
    assert grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert w.grad is None


def test_backward_after_a_step_sees_the_change():
    w = minitorch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = mine.Adam([w])
    loss = (w * w).sum()
    w.grad = minitorch.ones(2)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_hooks():
    from minitorch.optim import optimizer as module

    torch_module = sys.modules["torch.optim.optimizer"]
    for optim, global_hooks, one in (
        (mine, module, minitorch.ones(1).requires_grad_()),
        (theirs, torch_module, torch.ones(1).requires_grad_()),
    ):
        seen = []
        a = optim.SGD([one])
        handles = [
            a.register_step_pre_hook(lambda o, args, kwargs, seen=seen: seen.append("pre")),
            a.register_step_post_hook(lambda o, args, kwargs, seen=seen: seen.append("post")),
            global_hooks.register_optimizer_step_pre_hook(lambda *_, seen=seen: seen.append("all pre")),
            global_hooks.register_optimizer_step_post_hook(lambda *_, seen=seen: seen.append("all post")),
            a.register_state_dict_pre_hook(lambda o, seen=seen: seen.append("state pre")),
            a.register_state_dict_post_hook(lambda o, s: {**s, "more": 1}),
            a.register_load_state_dict_pre_hook(lambda o, s, seen=seen: seen.append(s["more"])),
            a.register_load_state_dict_post_hook(lambda o, seen=seen: seen.append("loaded"), prepend=True),
        ]
        a.step()
        a.load_state_dict(a.state_dict())
        assert seen == ["all pre", "pre", "post", "all post", "state pre", 1, "loaded"]
        for handle in handles:
            handle.remove()
        a.step()
        assert len(seen) == 7
        handle = a.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7), {}))
        assert a.step() == 7
        handle.remove()
        a.register_step_pre_hook(lambda o, args, kwargs: 3)
        with pytest.raises(RuntimeError, match="must return None or a tuple"):
            a.step()


def test_own_optimizer():
    class SignSGD(mine.Optimizer):
        def __init__(self, params, lr=0.5):
            super().__init__(params, {"lr": lr})

        @minitorch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_(group["lr"] * p.grad.sign())

    class Louder(SignSGD):
        def step(self, closure=None):
            return super().step(closure)

    w = minitorch.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    optimizer = Louder([w])
    optimizer.register_step_pre_hook(lambda *_: seen.append(1))
    w.grad = minitorch.tensor([3.0, -3.0])
    optimizer.step()
    assert w.tolist() == [0.5, 2.5]
    assert seen == [1]
    with pytest.raises(NotImplementedError):
        mine.Optimizer([w], {}).step()


def test_copies():
    w = minitorch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = mine.Adam([w])
    w.grad = minitorch.ones(2)
    optimizer.step()
    other = copy.deepcopy(optimizer)
    w2 = other.param_groups[0]["params"][0]
    assert w2 is not w
    for o in (optimizer, other):
        o.step()
    assert w2.tolist() == w.tolist()
    assert pickle.loads(pickle.dumps(optimizer.defaults)) == optimizer.defaults


def test_scheduler_drives_it():
    w = minitorch.tensor([1.0], requires_grad=True)
    optimizer = mine.SGD([w], lr=1.0)
    scheduler = mine.lr_scheduler.ExponentialLR(optimizer, 0.5)
    w.grad = minitorch.ones(1)
    for _ in range(3):
        optimizer.step(), scheduler.step()
    assert w.item() == 1 - 1.75
    assert scheduler.get_last_lr() == [0.125]


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_differentiable(name, options):
    """Two steps, differentiated with respect to the parameter and both gradients, against differences; values: torch's."""
    random = np.random.default_rng(0)
    options = {k: v for k, v in options.items() if k != "foreach"}
    values = [random.standard_normal(5) for _ in range(3)]

    def steps(module, optim, p, g1, g2):
        p = p.clone()
        optimizer = getattr(optim, name)([p], differentiable=True, **options)
        for g in (g1, g2):
            p.grad = g
            with module.no_grad():
                optimizer.step()
        return p

    leaves = [minitorch.from_numpy(v.copy()).requires_grad_() for v in values]
    p = steps(minitorch, mine, *leaves)
    ref = steps(torch, theirs, *[torch.from_numpy(v.copy()).requires_grad_() for v in values])
    # torch then computes the corrections in float32
    np.testing.assert_allclose(p.detach().numpy(), ref.detach().numpy(), rtol=1e-4)
    gradients = minitorch.autograd.grad((p * p).sum(), leaves)
    for i, gradient in enumerate(gradients):
        ends = []
        for h in (1e-6, -1e-6):
            moved = [minitorch.from_numpy(v + h * (i == k)) for k, v in enumerate(values)]
            end = steps(minitorch, mine, *moved).numpy()
            ends.append(end * end)
        np.testing.assert_allclose(gradient.numpy(), (ends[0] - ends[1]) / 2e-6, rtol=1e-4, atol=1e-7)


def test_options_without_effect():
    w, v = minitorch.ones(3).requires_grad_(), minitorch.ones(3).requires_grad_()
    a, b = mine.Adam([w]), mine.Adam([v], capturable=True, foreach=True)
    for _ in range(3):
        w.grad, v.grad = minitorch.arange(3.0), minitorch.arange(3.0)
        a.step(), b.step()
    np.testing.assert_allclose(w.detach().numpy(), v.detach().numpy(), rtol=1e-6)


def python_calls(function):
    """How many Python functions run during `function()`: a cost that doesn't depend on the machine."""
    calls = []
    sys.setprofile(lambda frame, event, arg: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("layers", [1, 8])
def test_a_step_takes_few_calls(layers):
    """A tiny model's step is Python's time: so many calls, however many parameters, and none to forget a gradient."""
    ours, _ = pair(shapes=[(16, 2), (16,), (2, 16), (2,)] * layers)
    optimizer = mine.Adam(ours)
    for p in ours:
        p.grad = minitorch.ones(p.shape)
    optimizer.step()
    calls = python_calls(optimizer.step)
    assert len(calls) <= 20, calls
    assert len(python_calls(optimizer.zero_grad)) <= 2


# ------------------------------------------------------------------ a failed step


def everything(optimizer):
    params = [p.tolist() for group in optimizer.param_groups for p in group["params"]]
    versions = [p._version for group in optimizer.param_groups for p in group["params"]]
    return params, versions, {k: {n: t.tolist() for n, t in s.items()} for k, s in optimizer.state.items()}


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_a_failed_step_changes_nothing(name, begun):
    ours = [minitorch.ones(2, 3).requires_grad_(), minitorch.ones(4).requires_grad_()]
    optimizer = getattr(mine, name)([{"params": ours[:1]}, {"params": ours[1:]}], lr=0.1)
    if name == "SGD":
        optimizer.param_groups[0]["momentum"] = optimizer.param_groups[1]["momentum"] = 0.9

    def good():
        for p in ours:
            p.grad = minitorch.ones(p.shape)

    if begun:
        good()
        optimizer.step()
    before = everything(optimizer)

    def fails():
        raise KeyError("closure")

    good()
    with pytest.raises(KeyError, match="closure"):
        optimizer.step(fails)
    assert everything(optimizer) == before
    for wrong in (minitorch.ones(4, dtype=minitorch.float64), minitorch.ones(5)):
        good()
        ours[1]._grad = wrong
        with pytest.raises(RuntimeError, match="has a gradient of shape"):
            optimizer.step()
        assert everything(optimizer) == before
    good()
    optimizer.param_groups[1]["lr"] = "fast"
    with pytest.raises((ValueError, TypeError)):
        optimizer.step()
    assert everything(optimizer) == before
    optimizer.param_groups[1]["lr"] = 0.1
    if begun:
        key = list(optimizer.state[ours[1]])[-1]
        kept = optimizer.state[ours[1]][key]
        optimizer.state[ours[1]][key] = minitorch.ones(7)
        with pytest.raises(RuntimeError, match="the state of a parameter"):
            optimizer.step()
        optimizer.state[ours[1]][key] = kept
        assert everything(optimizer) == before
    optimizer.step()
    assert everything(optimizer) != before


def test_a_parameter_twice_in_a_group():
    w, v = minitorch.ones(2).requires_grad_(), torch.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        a, b = mine.Adagrad([w, w], lr=0.1), theirs.Adagrad([v, v], lr=0.1)
    for _ in range(3):
        w.grad, v.grad = minitorch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])
        a.step(), b.step()
    np.testing.assert_allclose(w.detach().numpy(), v.detach().numpy(), rtol=1e-6)


# ------------------------------------------------------------------ errors

WRONG = {
    "empty": lambda o, T, p: o.SGD([]),
    "a tensor": lambda o, T, p: o.SGD(p),
    "numbers": lambda o, T, p: o.SGD([1.0]),
    "set": lambda o, T, p: o.SGD([{"params": {p}}]),
    "not a group": lambda o, T, p: o.SGD([{"params": [p]}, 3]),
    "non-leaf": lambda o, T, p: o.SGD([p * 2]),
    "two groups": lambda o, T, p: o.SGD([{"params": [p]}, {"params": [p]}]),
    "lr": lambda o, T, p: o.SGD([p], lr=-1),
    "lr tensor": lambda o, T, p: o.SGD([p], lr=T.ones(2)),
    "momentum": lambda o, T, p: o.SGD([p], momentum=-1),
    "sgd decay": lambda o, T, p: o.SGD([p], weight_decay=-0.5),
    "nesterov": lambda o, T, p: o.SGD([p], nesterov=True),
    "nesterov dampening": lambda o, T, p: o.SGD([p], nesterov=True, momentum=0.9, dampening=0.1),
    "fused foreach": lambda o, T, p: o.SGD([p], fused=True, foreach=True),
    "fused differentiable": lambda o, T, p: o.Adam([p], fused=True, differentiable=True),
    "adam lr": lambda o, T, p: o.Adam([p], lr=-1e-3),
    "adam lr nan": lambda o, T, p: o.Adam([p], lr=float("nan")),
    "adam lr foreach": lambda o, T, p: o.Adam([p], lr=T.tensor(0.1), foreach=True),
    "adam eps": lambda o, T, p: o.Adam([p], eps=-1),
    "beta 0": lambda o, T, p: o.Adam([p], betas=(1.0, 0.9)),
    "beta 1": lambda o, T, p: o.AdamW([p], betas=(0.9, -0.1)),
    "betas": lambda o, T, p: o.Adam([p], betas=(0.9, T.tensor(0.9))),
    "betas shape": lambda o, T, p: o.Adam(
        [p], betas=(T.tensor([0.9, 0.9])[:1], T.tensor([[0.9]])), foreach=True
    ),
    "adam decay": lambda o, T, p: o.AdamW([p], weight_decay=-1),
    "rms lr": lambda o, T, p: o.RMSprop([p], lr=-1),
    "rms eps": lambda o, T, p: o.RMSprop([p], eps=-1),
    "rms momentum": lambda o, T, p: o.RMSprop([p], momentum=-1),
    "rms decay": lambda o, T, p: o.RMSprop([p], weight_decay=-1),
    "rms alpha": lambda o, T, p: o.RMSprop([p], alpha=-1),
    "ada lr": lambda o, T, p: o.Adagrad([p], lr=-1),
    "ada lr_decay": lambda o, T, p: o.Adagrad([p], lr_decay=-1),
    "ada decay": lambda o, T, p: o.Adagrad([p], weight_decay=-1),
    "ada value": lambda o, T, p: o.Adagrad([p], initial_accumulator_value=-1),
    "ada eps": lambda o, T, p: o.Adagrad([p], eps=-1),
    "groups": lambda o, T, p: o.SGD([p]).load_state_dict({"state": {}, "param_groups": []}),
    "group size": lambda o, T, p: o.SGD([p]).load_state_dict(
        {"state": {}, "param_groups": [{"params": [0, 1]}]}
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_errors_are_torchs(wrong):
    with pytest.raises(Exception) as ref:  # noqa: PT011
        wrong(theirs, torch, torch.ones(2, requires_grad=True))
    with pytest.raises(type(ref.value)) as ours:
        wrong(mine, minitorch, minitorch.ones(2).requires_grad_())
    expected = str(ref.value).split(", but got")[0].split(" is torch.")[0]
    assert str(ours.value).startswith(expected.split("<class")[0])


def test_a_refused_group_changes_nothing():
    w, v = minitorch.ones(2).requires_grad_(), minitorch.ones(3).requires_grad_()
    optimizer = mine.Adam([w])
    for group in (
        {"params": [v, w]},
        {"params": [v, 3]},
        {"params": [v * 2]},
    ):
        before = dict(group)
        with pytest.raises((ValueError, TypeError)):
            optimizer.add_param_group(group)
        assert group.keys() == before.keys()
        assert len(optimizer.param_groups) == 1
    with pytest.warns(UserWarning, match="duplicate parameters"):
        mine.SGD([w, w])


def test_required_option():
    from minitorch.optim.optimizer import required

    with pytest.raises(ValueError, match="didn't specify a value of required optimization parameter lr"):
        mine.Optimizer([minitorch.ones(1)], {"lr": required})


# ------------------------------------------------------------------ clipping


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm_type", [2, 1.0, "inf", float("-inf"), 0, 0.5, 3])
@pytest.mark.parametrize("max_norm", [0.1, 1e9])
def test_clip_grad_norm(norm_type, max_norm, dtype):
    ours, ref = pair(dtype, SHAPES[:4])
    give_gradients(ours, ref, np.random.default_rng(1), skip=1)
    a = clip_grad.clip_grad_norm_(ours, max_norm, norm_type)
    b = torch.nn.utils.clip_grad_norm_(ref, max_norm, norm_type)
    rtol = 1e-6 if dtype == "float32" else 1e-14
    assert a.shape == ()
    assert str(a.dtype) == str(b.dtype)
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=rtol)
    for p, q in zip(ours, ref, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=rtol)


def test_clip_of_many_kinds():
    ours, ref = mixed(minitorch), mixed(torch)
    for a, b in ((ours, ref), (ours[:2] + ours[4:5], ref[:2] + ref[4:5])):
        total = clip_grad.clip_grad_norm_(a, 0.5).item()
        np.testing.assert_allclose(total, torch.nn.utils.clip_grad_norm_(b, 0.5).item(), rtol=1e-6)
    for p, q in zip(ours, ref, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)
        assert p.grad._version > 0


def test_clip_is_torchs_bit_for_bit_given_the_norm():
    for total in np.random.default_rng(0).uniform(0.5, 3, 50).astype("float32"):
        ours, ref = pair(shapes=[(40,)])
        give_gradients(ours, ref, np.random.default_rng(1))
        clip_grad.clip_grads_with_norm_(ours[0], 1.3, minitorch.from_numpy(np.array(total)))
        torch.nn.utils.clip_grads_with_norm_(ref[0], 1.3, torch.tensor(total))
        np.testing.assert_array_equal(ours[0].grad.numpy(), ref[0].grad.numpy())


def test_clip_nonfinite_and_empty():
    w = minitorch.ones(3).requires_grad_()
    w.grad = minitorch.tensor([1.0, float("nan"), 2.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        clip_grad.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
    assert w.grad.tolist()[::2] == [1.0, 2.0]
    clip_grad.clip_grad_value_(w, 1.5)
    assert w.grad.tolist()[::2] == [1.0, 1.5]
    assert np.isnan(w.grad.numpy()[1])
    clip_grad.clip_grad_norm_(w, 1.0)
    assert np.isnan(w.grad.numpy()).all()
    assert clip_grad.clip_grad_norm_([], 1.0).item() == 0.0
    with pytest.warns(UserWarning, match="empty generator"):
        clip_grad.clip_grad_norm_((p for p in ()), 1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 3, 4, 7, 8, 9, 31, 1000])
def test_norm_is_torchs_but_for_the_root(size, dtype, monkeypatch):
    g = np.random.default_rng(size).standard_normal(size).astype(dtype)
    w = minitorch.from_numpy(g.copy()).requires_grad_()
    w.grad = minitorch.from_numpy(g)
    ours = clip_grad.get_total_norm([w.grad]).item()
    ref = torch.nn.utils.get_total_norm([torch.from_numpy(g)]).item()
    assert abs(ours - ref) <= 2 * np.spacing(np.asarray(ref, dtype))


def test_clip_changes_read_only_gradients_by_a_copy():
    w = minitorch.ones(4).requires_grad_()
    g = np.broadcast_to(np.float32(2.0), 4)
    for clip in (clip_grad.clip_grad_norm_, clip_grad.clip_grad_value_):
        w.grad = wrap(g)
        clip([w], 1.0)
        assert w.grad.tolist() == pytest.approx([0.5 if clip is clip_grad.clip_grad_norm_ else 1.0] * 4)
    assert g.tolist() == [2.0] * 4


def test_clip_value():
    ours, ref = pair()
    give_gradients(ours, ref, np.random.default_rng(1))
    clip_grad.clip_grad_value_(ours, 0.3)
    torch.nn.utils.clip_grad_value_(ref, 0.3)
    for p, q in zip(ours, ref, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


def test_vector_and_back():
    ours, ref = pair()
    a, b = convert_parameters.parameters_to_vector(ours), torch.nn.utils.parameters_to_vector(ref)
    assert a.requires_grad
    np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    vec = a.detach() * 2
    convert_parameters.vector_to_parameters(vec, ours)
    torch.nn.utils.vector_to_parameters(b.detach() * 2, ref)
    assert_same(ours, ref, True)
    assert all(p.requires_grad for p in ours)
    with pytest.raises(TypeError, match=r"expected torch\.Tensor"):
        convert_parameters.vector_to_parameters([1.0], ours)
    before = [p.tolist() for p in ours]
    with pytest.raises(RuntimeError):
        convert_parameters.vector_to_parameters(vec[:20], ours)
    assert [p.tolist() for p in ours] == before
