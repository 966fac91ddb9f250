"""Programs written once, run in torch and in minitorch: the results must be equal, errors included."""

import gc
import threading
import warnings

import numpy as np
import pytest
import torch

import minitorch

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def leaf(T, *shape):
    """A leaf with the values 1, 2, 3 ..."""
    x = T.arange(1, int(np.prod(shape)) + 1).reshape(shape).to(T.float64)
    return x.requires_grad_()


def refused(function):
    """The type of the error that a call ends with."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__


def grad_of(x):
    g = x.grad.tolist()
    x.grad = None
    return g


@program
def write_into_columns(T):
    x = leaf(T, 2, 3)
    y = x.clone()
    y[:, 1] = x[:, 0] * 2
    y[0] *= 3
    (y * y).sum().backward()
    return grad_of(x)


@program
def base_changed_after_view(T):
    x = leaf(T, 2, 3)
    b = x * 1
    v = b[0]
    b.mul_(2)
    (v * v).sum().backward()
    return grad_of(x)


@program
def constant_base_becomes_differentiable(T):
    x = leaf(T, 2, 3)
    z = T.zeros(2, 3, dtype=T.float64)
    v = z[1]
    v += x[0] ** 2
    z.sum().backward()
    return grad_of(x), v.requires_grad, z.requires_grad, v._version, z._version


@program
def view_of_view(T):
    x = leaf(T, 2, 3)
    b = x * 1
    b.t()[1:].mul_(b.sum())
    (b**2).sum().backward()
    return grad_of(x)


@program
def stale_saved_result(T):
    x = leaf(T, 2, 3)
    y = x.exp()
    y.add_(1)
    y.sum().backward()


@program
def stale_saved_input(T):
    x = leaf(T, 2, 3)
    y = x * 1
    z = y * y
    y.add_(1)
    z.sum().backward()


@program
def in_place_saves_the_old_value(T):
    x = leaf(T, 2, 3)
    y = (x * 1).mul_(x)
    y.sum().backward()
    return grad_of(x)


@program
def masked_assignment(T):
    x = leaf(T, 2, 3)
    m = x * 1
    m[m > 3] = 0
    m.sum().backward()
    return grad_of(x)


@program
def assignment_second_order(T):
    x = leaf(T, 2, 3)
    m = x * 1
    v = m[0]
    v[1:] = v[:2] * 2
    (g,) = T.autograd.grad((m**3).sum(), x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x)
    return h.tolist()


@program
def leaf_in_place(T):
    leaf(T, 2).add_(1)


@program
def leaf_view_in_place(T):
    leaf(T, 2)[0].add_(1)


@program
def repeated_index(T):
    x = leaf(T, 3, 2)
    (x[T.tensor([0, 0, 2])] * T.tensor([[1.0], [2.0], [3.0]])).sum().backward()
    return grad_of(x)


@program
def backward_twice(T):
    y = leaf(T, 2).exp().sum()
    y.backward()
    y.backward()


@program
def retained_graph(T):
    x = leaf(T, 2)
    y = x.exp().sum()
    y.backward(retain_graph=True)
    y.backward()
    return grad_of(x)


@program
def not_a_scalar(T):
    leaf(T, 2).exp().backward()


@program
def without_grad(T):
    T.ones(1).backward()


@program
def only_some_inputs(T):
    x, w = leaf(T, 2), leaf(T, 2)
    y = x * w
    (y * y).sum().backward(inputs=[w])
    return x.grad, grad_of(w)


@program
def gradient_of_intermediate(T):
    x = leaf(T, 2)
    y = x * 3
    z = (y**2).sum()
    return [g.tolist() for g in T.autograd.grad(z, [y, x])]


@program
def unused_input(T):
    x, w = leaf(T, 2), leaf(T, 2)
    T.autograd.grad(x.sum(), w)


@program
def unused_input_allowed(T):
    x, w = leaf(T, 2), leaf(T, 2)
    return T.autograd.grad(x.sum(), w, allow_unused=True)[0], T.autograd.grad(
        x.sum(), w, materialize_grads=True
    )[0].tolist()


@program
def third_derivative(T):
    x = leaf(T, 3)
    y = (x**4).sum()
    for _ in range(3):
        (g,) = T.autograd.grad(y, x, create_graph=True)
        y = g.sum()
    return g.tolist()


@program
def order_of_hooks(T):
    log = []
    w = leaf(T, 2)
    w.register_hook(lambda g: log.append(("w", g.tolist())))
    w.register_post_accumulate_grad_hook(lambda p: log.append(("accumulated", p.grad.tolist())))
    z = w * 2
    z.register_hook(lambda g: g * 10)
    z.retain_grad()
    u = z * w
    u.register_hook(lambda g: log.append(("u", g.tolist())))
    removed = u.register_hook(lambda g: log.append("never"))
    removed.remove()
    u.sum().backward()
    return log, z.grad.tolist(), w.grad.tolist()


@program
def names_of_nodes(T):
    x = leaf(T, 2)
    y = x.tanh() * x
    first = y.grad_fn.next_functions
    return y.grad_fn.name(), first[0][0].name(), first[1][0].variable is x, y.is_leaf, x.is_leaf


@program
def own_function(T):
    class Exp(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            y = (x * scale).exp()
            ctx.save_for_backward(y)
            ctx.scale = scale
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y * ctx.scale, None

    x = leaf(T, 2)
    (g,) = T.autograd.grad(Exp.apply(x, 0.5).sum(), x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x)
    check = (
        T.autograd.gradcheck(lambda x: Exp.apply(x, 0.5), (x,)),
        T.autograd.gradgradcheck(lambda x: Exp.apply(x, 0.5), (x,)),
    )
    return g.tolist(), h.tolist(), check


@program
def own_function_in_place(T):
    class Double(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(T, 2)
    y = x * 1
    z = Double.apply(y)
    (z * y).sum().backward()
    return z is y, grad_of(x)


@program
def two_outputs(T):
    class Both(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            index = x.argmax()
            ctx.mark_non_differentiable(index)
            return x * 2, x**2, index

        @staticmethod
        def backward(ctx, g1, g2, g3):
            (x,) = ctx.saved_tensors
            return g1 * 2 + g2 * 2 * x

    x = leaf(T, 3)
    a, b, i = Both.apply(x)
    b.sum().backward()
    return grad_of(x), i.item(), i.requires_grad, a.requires_grad


@program
def once_differentiable(T):
    class Square(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @T.autograd.function.once_differentiable
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(T, 2)
    (g,) = T.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    g.sum().backward()


@program
def wrong_number_of_gradients(T):
    class Wrong(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    Wrong.apply(leaf(T, 2), leaf(T, 2)).sum().backward()


@program
def functional(T):
    f = lambda a, b: (a * b).sin().sum()
    a, b = leaf(T, 2).detach(), leaf(T, 2).detach() + 1
    F = T.autograd.functional
    hessian = [[h.tolist() for h in row] for row in F.hessian(f, (a, b))]
    jacobian = F.jacobian(lambda a: a.exp() * a.sum(), a).tolist()
    pairs = [F.jvp(lambda a: a**2, a, b), F.vjp(lambda a: a**3, a, b), F.hvp(lambda a: (a**3).sum(), a, b)]
    return hessian, jacobian, [[t.tolist() for t in p] for p in pairs]


@program
def modes(T):
    x = leaf(T, 2)
    seen = []
    with T.no_grad():
        seen.append((x * 2).requires_grad)
        with T.enable_grad():
            seen.append((x * 2).requires_grad)

    @T.no_grad()
    def f(x):
        return x * 2

    seen.append(f(x).requires_grad)
    with T.set_grad_enabled(False):
        seen.append((x * 2).requires_grad)
    seen.append(T.is_grad_enabled())
    return seen


@program
def full_backward_hook(T):
    seen = []
    layer = T.nn.Linear(2, 2).double()
    with T.no_grad():
        layer.weight.fill_(1.0)
    layer.register_full_backward_hook(
        lambda m, gi, go: seen.append(([g.tolist() for g in gi], [g.tolist() for g in go]))
    )
    layer.register_forward_hook(lambda m, a, out: out * 2)
    layer.register_forward_pre_hook(lambda m, a: (a[0] + 1,))
    out = layer(leaf(T, 1, 2))
    out.sum().backward()
    return seen


@program
def geometry_changed_in_place(T):
    x = leaf(T, 2, 1, 3)
    y, same = x * 2, []
    for change in (
        lambda y: y.squeeze_(),
        lambda y: y.t_(),
        lambda y: y.unsqueeze_(-1),
        lambda y: y.transpose_(0, 1),
        lambda y: y.swapaxes_(0, 2),
        lambda y: y.squeeze_(dim=0),
    ):
        same.append(change(y) is y)
    (y * T.arange(6.0, dtype=T.float64).reshape(y.shape)).sum().backward()
    return same, y.shape, y.stride(), y._version, y._is_view(), y._base, y.is_leaf, grad_of(x)


@program
def geometry_of_a_base(T):
    x = leaf(T, 2, 3)
    b = x * 1
    v = b[0]
    b.t_()
    v.mul_(3)  # the base sees it, in its new geometry
    b[1] *= 5  # and the view this
    (b * T.arange(6.0, dtype=T.float64).reshape(3, 2)).sum().backward(retain_graph=True)
    first = grad_of(x)
    (v * v).sum().backward()
    return first, grad_of(x), v.tolist(), b.tolist()


@program
def geometry_of_a_view(T):
    x = leaf(T, 2, 3)
    b = x * 1
    v = b[:, 1:]
    v.t_()
    v.mul_(2)
    (b * b).sum().backward()
    return b.tolist(), v.shape, v._is_view(), v._base is b, grad_of(x)


@program
def geometry_of_a_constant(T):
    x, z = leaf(T, 3), T.zeros(2, 3, dtype=T.float64)
    v = z[1]
    z.t_()
    z[:, 0] = x
    z += 1
    (z * z).sum().backward()
    return grad_of(x), z.requires_grad, v.requires_grad, v.tolist()


@program
def geometry_of_what_becomes_a_leaf(T):
    z = T.zeros(2, 3)
    z.t_()
    z.requires_grad_()
    (z * 2).sum().backward()
    with T.no_grad():
        z.unsqueeze_(0)
    return z.grad.shape, z.shape, z.is_leaf, z.requires_grad, z._version


@program
def geometry_of_a_leaf(T):
    leaf(T, 2, 3).t_()


@program
def geometry_under_a_saved_value(T):
    y = leaf(T, 2, 2) * 1
    z = y * y
    y.t_()
    z.sum().backward()


@program
def geometry_refused(T):
    x, said = T.zeros(2, 3, 4), []
    for change in (lambda: x.t_(), lambda: x.squeeze_(5), lambda: x.transpose_(0, 3), lambda: x.unsqueeze_(9)):
        said.append(refused(change))
    return said, x.shape, x._version


@program
def detached_after_a_change_of_geometry(T):
    y = leaf(T, 2, 3) * 1
    y.t_()
    y.detach_()
    y += 1
    return y.requires_grad, y.shape


@program
def becoming_a_leaf_in_place_is_refused(T):
    z = T.zeros(2, 3)
    z.t_()
    z.requires_grad_()
    z[0] += 1


def outcome(T, function):
    try:
        return function(T)
    except Exception as error:
        return type(error).__name__, str(error)[:60]


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_program(name):
    theirs = outcome(torch, PROGRAMS[name])
    ours = outcome(minitorch, PROGRAMS[name])
    if (
        isinstance(theirs, tuple)
        and len(theirs) == 2
        and isinstance(theirs[0], str)
        and theirs[0].endswith("Error")
    ):
        assert ours[0] == theirs[0]  # the type is torch's; the texts are compared in test_mistakes
    else:
        assert ours == theirs


# ---------------------------------------------------------------------- size, depth, memory


def test_a_million_operations():
    x = minitorch.ones(1, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 0.0
    y.backward()
    assert x.grad.item() == 1
    del y  # freed without recursion


def test_sixty_doublings():
    x = minitorch.ones(1, dtype=minitorch.float64, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def alive():
    from minitorch.autograd.graph import Node

    return sum(issubclass(type(o), (minitorch.Tensor, Node)) for o in gc.get_objects())


def test_no_reference_cycles():
    """With the collector off, as many tensors and nodes live after 1,000 training steps as after 10."""
    model = minitorch.nn.Sequential(minitorch.nn.Linear(2, 4), minitorch.nn.Tanh(), minitorch.nn.Linear(4, 1))
    optimizer = minitorch.optim.Adam(model.parameters())
    x, target = minitorch.randn(8, 2), minitorch.randn(8, 1)

    def steps(n):
        for _ in range(n):
            optimizer.zero_grad()
            hidden = model(x)
            hidden[0] = hidden[1] * 2  # in place, on a view
            loss = minitorch.nn.functional.mse_loss(hidden, target)
            loss.backward()
            optimizer.step()

    gc.collect()
    gc.disable()
    try:
        steps(10)
        after_ten = alive()
        steps(990)
        assert alive() == after_ten
    finally:
        gc.enable()


def test_saves_only_what_rules_read():
    """tanh's rule reads its result: the input's array dies with the input."""
    import weakref

    x = minitorch.randn(3, requires_grad=True)
    a = x * 2.0
    y = a.tanh()
    array = weakref.ref(a._array)
    del a
    assert array() is None
    y.sum().backward()


def test_saved_values_of_a_node():
    x = minitorch.ones(2, requires_grad=True)
    y = x * 3
    node = (y * y).grad_fn
    assert node._saved_x.tolist() == node._saved_y.tolist() == [3, 3]
    assert node._saved_x.grad_fn is y.grad_fn
    for absent in ("_saved_out", "_saved_z", "saves"):
        with pytest.raises(AttributeError, match=absent):
            getattr(node, absent)
    out = y.tanh().sum()
    tanh = out.grad_fn.next_functions[0][0]
    assert tanh._saved_out.requires_grad
    out.backward()
    with pytest.raises(RuntimeError, match="already been freed"):
        getattr(tanh, "_saved_out")  # noqa: B009


def test_anomaly_names_the_forward_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with minitorch.autograd.detect_anomaly():
            x = minitorch.zeros(1, requires_grad=True)
            y = x.sqrt() * 0  # the line to be named
            with pytest.raises(RuntimeError, match="nan"):
                y.backward()
    assert any("the line to be named" in str(w.message) for w in caught)


@pytest.mark.parametrize(
    ("fused", "names"),
    [(True, ["mse_loss"]), (False, ["mse_loss", "sub", "square", "mean"])],
)
def test_tracers_see_every_call(fused, names, monkeypatch, traced):
    from minitorch.ops import switches

    monkeypatch.setattr(switches, "fused", fused)
    minitorch.nn.functional.mse_loss(minitorch.ones(2), minitorch.zeros(2))
    assert traced == names


def order_with_leaves(T):
    """Names in the order in which hooks of leaves and of results ran."""
    ran = []
    a, b = (T.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    h = a * 2
    out = (h * b).sum() + (a * 1).sum()
    for name, t in dict(a=a, b=b, h=h).items():
        t.register_hook(lambda g, name=name: ran.append(name))
    b.register_post_accumulate_grad_hook(lambda t: ran.append("b accumulated"))
    out.backward()
    return ran


def test_hooks_of_a_leaf_run_when_its_gradient_is_complete():
    assert order_with_leaves(minitorch) == order_with_leaves(torch)


@pytest.mark.parametrize("wanted", [(1,), (2,), (1, 2)])
def test_next_functions_of_where(wanted):
    def names(T):
        xs = [T.tensor([True, False]), T.ones(2), T.ones(2)]
        for i in wanted:
            xs[i].requires_grad_()
        node = T.where(*xs).grad_fn
        return [f and f.name() for f, _ in node.next_functions]

    assert [n for n in names(minitorch) if n] == [n for n in names(torch) if n]


def test_watchers_see_every_node_once():
    from minitorch.autograd.engine import watchers

    seen = []

    def watch(node, g, call):
        seen.append(node.name())
        return call()

    x = minitorch.ones(3, requires_grad=True)
    watchers.append(watch)
    try:
        (x * x).tanh().sum().backward()
    finally:
        watchers.remove(watch)
    assert seen == ["SumBackward0", "TanhBackward0", "MulBackward0"]
    assert x.grad.tolist() == pytest.approx([2 * (1 - np.tanh(1.0) ** 2)] * 3)


@pytest.mark.parametrize("T", [minitorch, torch], ids=["minitorch", "torch"])
def test_an_input_handed_on_can_be_non_differentiable(T):
    class Split(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.mark_non_differentiable(y)
            return x * 2, y

        @staticmethod
        def backward(ctx, gx, gy):
            return gx * 2, None

    x, y = T.ones(2, requires_grad=True), T.ones(2, requires_grad=True)
    a, b = Split.apply(x, y)
    assert (a.requires_grad, b.requires_grad) == (True, False)


def test_a_thread_that_ends_without_recording_leaves_nothing_to_the_next():
    """Threads are known by an ident, which the next thread may be given."""
    found = []

    def forget():
        minitorch.set_grad_enabled(False)
        found.append(minitorch.is_grad_enabled())

    def work():
        with minitorch.inference_mode():
            found.append(minitorch.is_inference_mode_enabled() and not minitorch.is_grad_enabled())
        found.append(minitorch.is_grad_enabled() and (minitorch.ones(1, requires_grad=True) * 2).requires_grad)

    for target in (forget, work) * 3:
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    assert found == [False, True, True] * 3
    assert minitorch.is_grad_enabled()
    from minitorch.autograd.mode import inferring, silent

    assert not silent
    assert not inferring


@pytest.mark.parametrize("T", [minitorch, torch], ids=["minitorch", "torch"])
def test_a_view_of_a_number_that_is_changed_in_place(T):
    """The gradient of the number is one of NumPy's scalars by then, which nothing can be written into."""
    leaf = T.tensor(1.5, requires_grad=True)
    x = leaf * 1
    view = x[None]
    view.add_(2.0)
    (x * 3 + view.sum()).backward()
    assert leaf.grad.item() == 4.0
