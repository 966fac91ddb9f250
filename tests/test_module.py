"""`nn.Module` beside torch's: each program runs in both libraries and must report the same."""

import copy
from collections import OrderedDict

import pytest
import torch

import minitorch

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def ones(T, *shape):
    return T.ones(*shape, dtype=T.float64)


def small(T):
    """Every weight 1, every bias 0.5: the same numbers without the random stream."""
    model = T.nn.Sequential(T.nn.Linear(3, 2), T.nn.ReLU(), T.nn.Linear(2, 1)).double()
    for name, p in model.named_parameters():
        p.data.fill_(1.0 if "weight" in name else 0.5)
    return model


def shown(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (tuple, list)):
        return [shown(v) for v in value]
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    return value


def attempt(function, *args, **kwargs):
    """The result, or the type and the first line of what it raised."""
    try:
        return shown(function(*args, **kwargs))
    except Exception as error:
        return type(error).__name__, str(error).partition(" Please file an issue")[0]


# ---------------------------------------------------------------------- attributes


@program
def reassigned_parameters_keep_their_place(T):
    m = T.nn.Linear(2, 2)
    m.weight = T.nn.Parameter(T.zeros(2, 2))
    model = T.nn.Sequential(T.nn.Linear(2, 2), T.nn.Linear(2, 2))
    model[0] = T.nn.Identity()
    return [n for n, _ in m.named_parameters()], [n for n, _ in model.named_modules()]


@program
def kinds_of_attributes_replace_each_other(T):
    kinds = dict(
        parameter=lambda: T.nn.Parameter(T.ones(1)),
        module=T.nn.Identity,
        buffer=lambda: T.nn.Buffer(T.ones(2)),
        tensor=lambda: T.ones(1),
        none=lambda: None,
        number=lambda: 3,
    )
    seen = {}
    for first in kinds:
        for second in kinds:
            m = T.nn.Module()
            m.x, m.y = kinds[first](), T.nn.Parameter(T.ones(1))
            error = attempt(setattr, m, "x", kinds[second]())
            where = [list(m._parameters), list(m._modules), list(m._buffers), list(m.state_dict())]
            seen[first, second] = error and error[0], where, "x" in m.__dict__, "x" in dir(m)
            del m.x
            seen[first, second] += (hasattr(m, "x"),)
    return seen


@program
def wrong_assignments(T):
    def early(value):
        class Early(T.nn.Module):
            def __init__(self):
                self.x = value
                super().__init__()

        return Early

    m = T.nn.Module()
    m.p, m.c = T.nn.Parameter(T.ones(1)), T.nn.Identity()
    m.register_buffer("b", T.ones(1))
    return [
        attempt(early(T.nn.Parameter(T.ones(1)))),
        attempt(early(T.nn.Identity())),
        attempt(setattr, m, "p", T.ones(1)),
        attempt(setattr, m, "c", 3),
        attempt(setattr, m, "b", "text"),
        attempt(m.register_parameter, "q", T.ones(1)),
        attempt(m.register_parameter, "q", 3.0),
        attempt(m.register_buffer, "forward", T.ones(1)),
        attempt(m.register_buffer, "a.b", T.ones(1)),
        attempt(m.register_buffer, "", T.ones(1)),
        attempt(m.register_buffer, 3, T.ones(1)),
        attempt(m.register_buffer, "q", 3),
        attempt(m.add_module, "m", 3),
        attempt(lambda: m.nothing),
        attempt(delattr, m, "nothing"),
        attempt(m, 1),
    ]


@program
def paths(T):
    model = small(T)
    model.register_buffer("b", T.ones(1))
    return [
        attempt(model.get_parameter, "0.weight"),
        attempt(model.get_buffer, "b"),
        attempt(lambda: type(model.get_submodule("1")).__name__),
        attempt(lambda: model.get_submodule("") is model),
        attempt(model.get_submodule, "7"),
        attempt(model.get_submodule, "b"),
        attempt(model.get_parameter, "0.nothing"),
        attempt(model.get_parameter, "b"),
        attempt(model.get_buffer, "0.weight"),
    ]


@program
def shared_modules_are_seen_once(T):
    layer = T.nn.Linear(2, 2)
    model = T.nn.Sequential(layer, T.nn.Sequential(layer), T.nn.ReLU())
    return [
        [n for n, _ in model.named_modules()],
        [n for n, _ in model.named_modules(remove_duplicate=False)],
        [n for n, _ in model.named_parameters()],
        [n for n, _ in model.named_parameters(remove_duplicate=False)],
        [n for n, _ in model.named_parameters(prefix="net", recurse=True)],
        [n for n, _ in model.named_parameters(recurse=False)],
        [n for n, _ in model.named_children()],
        list(model.state_dict()),
    ]


@program
def a_parameter_replaced_by_a_plain_tensor(T):
    model = small(T)
    weight = model[0].weight
    del model[0].weight
    model[0].weight = weight * 2
    out = model(ones(T, 1, 3))
    out.sum().backward()
    return out, weight.grad


@program
def conversion(T):
    model = T.nn.Sequential(T.nn.Linear(2, 2), T.nn.BatchNorm1d(2))
    p = model[0].weight
    model(T.ones(3, 2)).sum().backward()
    model.double()
    seen = [str(t.dtype).split(".")[1] for t in model.state_dict().values()]
    seen += [p is model[0].weight, str(p.dtype).split(".")[1], str(p.grad.dtype).split(".")[1]]
    return seen, attempt(model.to, T.int64), attempt(lambda: str(model.half()[0].bias.dtype).split(".")[1])


@program
def modes(T):
    model = T.nn.Sequential(T.nn.Dropout(), T.nn.Sequential(T.nn.ReLU()))
    model.eval()
    seen = [m.training for m in model.modules()]
    model[1].train()
    model.requires_grad_(False)
    return seen, [m.training for m in model.modules()], attempt(model.train, 1)


@program
def zeroed_gradients(T):
    model = small(T)
    model(ones(T, 1, 3)).sum().backward()
    g = model[0].weight.grad
    model.zero_grad(set_to_none=False)
    seen = [g is model[0].weight.grad, [shown(p.grad) for p in model.parameters()]]
    model.zero_grad()
    return seen, shown(g), [p.grad for p in model.parameters()]


@program
def copies(T):
    model = small(T)
    model.register_forward_hook(lambda m, a, out: out * 2)
    other = copy.deepcopy(model)
    other[0].weight.data.zero_()
    return model(ones(T, 1, 3)), other(ones(T, 1, 3)), [n for n, _ in other.named_parameters()]


@program
def text(T):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = T.nn.ModuleList([T.nn.Linear(2, 2), T.nn.Linear(2, 2), T.nn.ReLU(inplace=True)])
            self.heads = T.nn.ModuleDict({"a": T.nn.Softmax(dim=1), "b": T.nn.Identity()})
            self.norm = T.nn.BatchNorm1d(3)

        def extra_repr(self):
            return "two\nlines"

    activations = [T.nn.ELU(), T.nn.LeakyReLU(0.2, True), T.nn.GELU(), T.nn.Hardtanh(), T.nn.Softplus()]
    return repr(Net()), repr(T.nn.Sequential()), [repr(a) for a in activations], repr(T.nn.Module())


# ---------------------------------------------------------------------- containers


def failure(function, *args):
    """The type of what it raises: the messages name classes by their modules, or say more than torch's."""
    result = attempt(function, *args)
    return result[0] if isinstance(result, tuple) else result


@program
def sequentials(T):
    nn = T.nn
    a, b = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Sequential(nn.Tanh())
    seen = [repr(m) for m in (a + b, a * 2, 2 * a, a[1:], a)]
    a += b
    a *= 2
    seen += [repr(a), repr(a.pop(1)), repr(a.insert(1, nn.GELU())), repr(a.insert(-1, nn.ELU())), repr(a.extend(b))]
    a[0] = nn.SiLU()
    del a[1:3]
    wrong = [(a.pop, 9), (a.insert, 17, b), (a.insert, 0, 3), (a.append, 3), (a.__setitem__, 0, 3), (a.__setitem__, 9, b)]
    wrong += [(a.__add__, 3), (a.__mul__, 0), (a.__mul__, 1.5), (a.__getitem__, 9), (a.__getitem__, "0"), (nn.Sequential, [b])]
    return seen, [failure(*w) for w in wrong], repr(a), [n for n in dir(a) if n.isdigit()]


@program
def walking_while_modules_are_replaced(T):
    """What is not yet reached is seen as it then is."""
    nn = T.nn
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh())), nn.Linear(2, 1), None)
    seen = []
    for path, module in model.named_modules(prefix="net"):
        seen.append((path, type(module).__name__))
        if path == "net.0":
            model[2] = nn.Sequential(nn.Sigmoid(), nn.Linear(2, 1))
        if path == "net.1":
            module[1] = nn.ELU()
    memo = {model[1]}
    return seen, [p for p, _ in model.named_modules(memo)], len(memo), [p for p, _ in model.named_parameters()]


@program
def layers_whose_parameters_are_plain_attributes(T):
    layer, x = T.nn.BatchNorm1d(2), T.tensor([[1.0, 2.0], [3.0, 5.0]])
    weight, mean = layer.weight.detach() * 2, layer.running_mean + 1
    del layer.weight, layer.running_mean
    layer.weight, layer.running_mean = weight, mean
    out = [round(v, 4) for v in layer(x).detach().flatten().tolist()]
    return out, layer.running_mean.tolist(), list(layer.state_dict())


@program
def module_lists(T):
    nn = T.nn
    m = nn.ModuleList([nn.Linear(2, 2), nn.ReLU()])
    m.insert(0, nn.ELU())
    m += (nn.Tanh() for _ in range(2))
    seen = [repr(m), repr(m + [nn.GELU()]), repr(m[1:3]), repr(m.pop(-1)), repr(m.pop(slice(0, 2)))]
    m[-1] = nn.Softmax(1)
    wrong = [(m.extend, 3), (m.append, 3), (m.pop, 9), (m.__setitem__, 0, 3), (m.__setitem__, 9, m), (nn.ModuleList, 3), (m, 1)]
    return seen, [failure(*w) for w in wrong], repr(m), [n for n, _ in m.named_modules()]


@program
def module_dicts(T):
    nn = T.nn
    m = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Tanh()})
    m.update([("c", nn.ELU()), ["a", nn.GELU()]])
    wrong = [(m.update, 3), (m.update, [3]), (m.update, [("a",)]), (m.update, {"a": 3}), (m.update, {3: m}), (m.pop, "z"), (m, 1)]
    wrong += [(m.__setitem__, "a.b", m), (m.__setitem__, "keys", m), (m.__setitem__, "x", 3), (m.__delitem__, "z")]
    return [failure(*w) for w in wrong], repr(m), repr(m.pop("b")), list(m), "c" in m, len(m)


@program
def parameter_containers(T):
    nn = T.nn
    items = nn.ParameterList([nn.Parameter(T.ones(2)), T.zeros(3, dtype=T.float64), 7])
    items += [T.ones(4)]
    items[-1] = T.zeros(2, 2)
    named = nn.ParameterDict({"b": T.ones(2), "a": nn.Parameter(T.zeros(3))})
    named["z"] = T.ones(1)
    named |= nn.ParameterDict({"n": T.ones(1)})
    model = nn.Module()
    model.items, model.named = items, named
    seen = [repr(model), [n for n, _ in model.named_parameters()], list(model.state_dict()), repr(items[1:]), len(items)]
    seen += [named.pop("z"), named.popitem()[0], named.get("no", 3), list(named.copy()), [k for k, _ in named.items()]]
    wrong = [(items.extend, 3), (items.extend, T.ones(2)), (items.__getitem__, 9), (items.__setitem__, 9, 1), (items, 1), (named, 1)]
    wrong += [(named.__getitem__, "no"), (named.__setitem__, 3, T.ones(1)), (named.update, 3), (named.update, [3]), (named.pop, "no")]
    return seen, [failure(*w) for w in wrong]


@program
def replaced_submodules(T):
    model = small(T)
    model.set_submodule("1", T.nn.Tanh())
    model.set_submodule("new", T.nn.Sequential(T.nn.ReLU()))
    model.set_submodule("new.0", T.nn.GELU(), strict=True)
    wrong = [("", model), ("0", 3), ("no.0", model), ("0.weight", model)]
    seen = [failure(model.set_submodule, *w) for w in wrong] + [failure(model.set_submodule, "no", model, True)]
    layer = T.nn.Sequential(T.nn.Linear(1, 1), model[0], model[0])
    return seen, repr(model), len(list(layer.modules(remove_duplicate=False)))


@program
def emptied_and_cast(T):
    model = T.nn.BatchNorm1d(2)
    empty = model.to_empty(device="cpu").weight
    kinds = [str(v.dtype).split(".")[1] for v in model.type(T.float64).state_dict().values()]
    return shown(empty.shape), empty is model.weight, empty.is_leaf, kinds


# ---------------------------------------------------------------------- layers


@program
def embeddings(T):
    index, seen = T.tensor([[0, 1, 1], [4, 2, 1]]), []
    settings = [{"max_norm": 1.0}, {"max_norm": 0.5, "norm_type": 1.0, "padding_idx": -1}, {"scale_grad_by_freq": True, "padding_idx": 2}]
    for options in settings:
        table = (T.arange(15.0).view(5, 3) - 6) / 8
        layer = T.nn.Embedding.from_pretrained(table, freeze=False, **options)
        version = layer.weight._version
        out = layer(index)
        (out * T.arange(18.0).view(2, 3, 3)).sum().backward()
        seen.append([T.round(t * 1000) for t in (out, layer.weight, layer.weight.grad)])
        seen.append((repr(layer), layer.weight._version - version))
    seen.append(shown(layer(T.zeros(2, 0, dtype=T.int64)).shape))
    wrong = [T.tensor([True]), T.tensor([1], dtype=T.uint8), T.tensor([1], dtype=T.int16), T.tensor([5])]
    F = T.nn.functional.embedding
    return (
        [shown(s) for s in seen],
        [failure(layer, w) for w in wrong],
        failure(F, index, T.ones(3)),
        failure(F, index, T.ones(5, 2), 9),
        failure(T.nn.Embedding.from_pretrained, T.ones(3)),
        failure(lambda: T.nn.Embedding(3, 2, _weight=T.ones(2, 2))),
    )


@program
def batch_norms(T):
    def used(**options):
        layer, x = T.nn.BatchNorm1d(2, **options).double(), T.arange(6.0, dtype=T.float64).view(3, 2) ** 2
        outs = [layer(x), layer(x), layer.eval()(x), *layer.state_dict().values()]
        return [T.round(o * 1e6) for o in outs]

    options = ({"momentum": None}, {"track_running_stats": False}, {"affine": False}, {"bias": False}, {"eps": 0.0})
    seen = [attempt(used, **o) for o in options]
    layer = T.nn.BatchNorm1d(2)
    older = {k: v for k, v in layer.state_dict().items() if k != "num_batches_tracked"}
    F, x = T.nn.functional.batch_norm, T.ones(3, 2)
    wrong = [(x, T.ones(3), T.ones(2)), (x, T.ones(2), T.ones(2), T.ones(3)), (x, T.ones(2), None), (x, None, None)]
    wrong += [(x.double(), T.ones(2), T.ones(2)), (x, None, None, T.ones(2).double(), None, True)]
    half = T.round(T.nn.BatchNorm1d(2)((T.arange(6.0).view(3, 2) * 300).half()) * 100)
    return shown(seen), repr(layer.load_state_dict(older)), [failure(F, *w) for w in wrong], half, str(half.dtype).split(".")[1]


@program
def layer_norms(T):
    F, x = T.nn.functional.layer_norm, T.ones(2, 3)
    wrong = [(x, ()), (x, (3,), T.ones(2)), (x, (3,), T.ones(3), T.ones(2)), (x.double(), (3,), T.ones(3)), (x.long(), (3,), T.ones(3))]
    half = T.nn.LayerNorm(3)((T.arange(6.0).view(2, 3) * 400).half())
    return [failure(F, *w) for w in wrong], T.round(half * 100), str(half.dtype).split(".")[1]


@program
def wrong_layers(T):
    nn = T.nn
    return [
        failure(nn.Unflatten, 1, 4),
        failure(nn.Unflatten, 1, (2, "b")),
        failure(nn.functional.dropout, T.ones(3).long()),
        failure(nn.BatchNorm1d(3), T.ones(3)),
    ]


# ---------------------------------------------------------------------- state


@program
def positional_arguments_of_state_dict(T):
    return list(small(T).state_dict(OrderedDict(), "net.", False))


@program
def state_dicts(T):
    model = T.nn.Sequential(T.nn.Linear(2, 2), T.nn.BatchNorm1d(2))
    model.register_buffer("temporary", T.ones(1), persistent=False)
    model.register_buffer("kept", T.ones(1))
    seen = list(model.state_dict()), list(model.state_dict(prefix="net."))
    vars = model.state_dict(keep_vars=True)
    return seen, vars["0.weight"] is model[0].weight, model.state_dict()["0.weight"].requires_grad


@program
def mistakes_in_state_dicts(T):
    model = small(T)
    good = model.state_dict()
    wrong_shape = OrderedDict(good, **{"0.weight": ones(T, 2, 2)})
    wrong_type = OrderedDict(good, **{"0.weight": "text"})
    missing = OrderedDict((k, v) for k, v in good.items() if k != "2.bias")
    more = OrderedDict(good, extra=ones(T, 1))
    return [
        attempt(lambda: repr(model.load_state_dict(good))),
        attempt(model.load_state_dict, [1, 2]),
        attempt(model.load_state_dict, missing),
        attempt(model.load_state_dict, more),
        attempt(lambda: repr(model.load_state_dict(missing, strict=False))),
        attempt(lambda: repr(model.load_state_dict(more, strict=False))),
        attempt(model.load_state_dict, wrong_shape),
        attempt(model.load_state_dict, wrong_shape, False),
        attempt(model.load_state_dict, {"0.weight": ones(T, 1), "x": 3}),
        attempt(lambda: model.load_state_dict(wrong_type))[0],
    ]


@program
def assigned_state(T):
    model = small(T)
    given = {k: v.clone().float() for k, v in model.state_dict().items()}
    model.load_state_dict(given, assign=True)
    w = model[0].weight
    return (
        str(w.dtype).split(".")[1],
        w.requires_grad,
        isinstance(w, T.nn.Parameter),
        w.data_ptr() == given["0.weight"].data_ptr(),
    )


@program
def extra_state(T):
    class Counter(T.nn.Module):
        n = 0

        def get_extra_state(self):
            return {"n": self.n}

        def set_extra_state(self, state):
            self.n = state["n"]

    a, b = T.nn.Sequential(Counter()), T.nn.Sequential(Counter())
    a[0].n = 7
    b.load_state_dict(a.state_dict())
    return (
        list(a.state_dict()),
        b[0].n,
        attempt(b.load_state_dict, {}),
        attempt(T.nn.Linear(1, 1).get_extra_state),
    )


@program
def state_hooks(T):
    model, seen = small(T), []
    model[0].register_state_dict_pre_hook(lambda m, prefix, keep_vars: seen.append((prefix, keep_vars)))

    def renamed(m, state, prefix, metadata):
        state["renamed"] = state.pop(prefix + "weight")

    handle = model[2].register_state_dict_post_hook(renamed)
    state = model.state_dict()
    seen.append(list(state))
    handle.remove()
    seen.append(list(model.state_dict()))

    def back(m, state, prefix, metadata, strict, missing, unexpected, errors):
        seen.append((prefix, strict))
        if "renamed" in state:
            state[prefix + "weight"] = state.pop("renamed")

    model.register_load_state_dict_pre_hook(
        lambda m, state, *rest: (
            state.update({"2.weight": state.pop("renamed")}) if "renamed" in state else None
        )
    )
    model[0].register_load_state_dict_pre_hook(back)
    seen.append(repr(model.load_state_dict(state)))

    def forgive(m, keys):
        seen.append((type(m).__name__, list(keys.missing_keys)))
        keys.missing_keys.clear()

    model.register_load_state_dict_post_hook(forgive)
    model[0].register_load_state_dict_post_hook(lambda m, keys: seen.append(type(m).__name__))
    seen.append(repr(model.load_state_dict({})))
    seen.append(attempt(model.load_state_dict, {"x": 1}))
    return seen


# ---------------------------------------------------------------------- hooks


@program
def forward_hooks(T):
    model, seen = small(T), []
    first = model.register_forward_pre_hook(lambda m, a: seen.append("pre") or a[0] + 1)
    model.register_forward_pre_hook(lambda m, a: seen.append("first"), prepend=True)
    model.register_forward_hook(lambda m, a, out: seen.append(shown(a)) or out * 2)
    out = model(ones(T, 1, 3))
    first.remove()
    return out, model(ones(T, 1, 3)), seen


@program
def hooks_with_kwargs(T):
    class Scale(T.nn.Module):
        def forward(self, x, *, by):
            return x * by

    m, seen = Scale(), []
    m.register_forward_pre_hook(lambda m, a, k: (a, {"by": k["by"] + 1}), with_kwargs=True)
    m.register_forward_hook(lambda m, a, k, out: seen.append(k) or None, with_kwargs=True)
    m.register_forward_hook(lambda m, a, out: (out, out + 1))
    return m(ones(T, 2), by=2.0), seen


@program
def hooks_that_are_always_called(T):
    class Fails(T.nn.Module):
        def forward(self, x):
            raise ValueError("on purpose")

    m, seen = Fails(), []
    m.register_forward_hook(lambda m, a, out: seen.append("no"))
    m.register_forward_hook(lambda m, a, out: seen.append(out), always_call=True)
    m.register_forward_hook(lambda m, a, k, out: seen.append(k), always_call=True, with_kwargs=True)
    return attempt(m, ones(T, 1)), seen


@program
def backward_hooks(T):
    class Two(T.nn.Module):
        def forward(self, x, text, y):
            return x * y, "between", x + y

    m, seen = Two(), []
    m.register_full_backward_pre_hook(lambda m, go: seen.append(shown(go)))
    m.register_full_backward_hook(lambda m, gi, go: seen.append((shown(gi), shown(go))))
    m.register_full_backward_hook(lambda m, gi, go: tuple(g if g is None else g * 10 for g in gi))
    x, y = (ones(T, 2) * 3).requires_grad_(), (ones(T, 2) * 5).requires_grad_()
    a, _, b = m(x, "text", y)
    (a.sum() + 2 * b.sum()).backward()
    seen.append((shown(x.grad), shown(y.grad)))
    a, _, b = m(x, "text", y.detach())
    b.sum().backward()
    seen.append((shown(x.grad), a.grad_fn.name()))
    with T.no_grad():
        m(x, "text", y)
    return seen


@program
def backward_hooks_of_a_first_layer(T):
    model, seen = small(T), []
    model[0].register_full_backward_hook(lambda m, gi, go: seen.append((shown(gi), shown(go))))
    model[2].register_full_backward_hook(lambda m, gi, go: seen.append((shown(gi), shown(go))))
    model[2].register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
    model(ones(T, 1, 3)).sum().backward()
    return seen, [shown(p.grad) for p in model.parameters()]


@program
def backward_hooks_with_the_wrong_number(T):
    m = T.nn.Linear(1, 1)
    m.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    out = m(T.ones(1, 1, requires_grad=True))
    return attempt(out.sum().backward)[0]


@program
def second_gradient_through_backward_hooks(T):
    m = T.nn.Tanh()
    m.register_full_backward_hook(lambda m, gi, go: (gi[0] * gi[0],))
    x = (ones(T, 2) * 0.5).requires_grad_()
    (g,) = T.autograd.grad(m(x).sum(), x, create_graph=True)
    g.sum().backward()
    return g, x.grad


@program
def old_arguments_of_losses(T):
    F, x, y = T.nn.functional, ones(T, 2, 3) * 0.5, ones(T, 2, 3) * 0.25
    functions = (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.binary_cross_entropy, F.kl_div)
    seen = [f(x, y, size_average=False) for f in functions] + [f(x, y, reduce=False) for f in functions]
    seen += [F.cross_entropy(x, T.tensor([0, 1]), size_average=False), T.nn.MSELoss(False)(x, y)]
    return [shown(s) for s in seen], T.nn.NLLLoss(reduce=False).reduction


@program
def paths_to_classes(T):
    """torch's, and what is an instance of what."""
    nn, names = T.nn, []
    for path in ("batchnorm._BatchNorm", "loss._Loss", "loss._WeightedLoss", "module.Module", "container.Sequential", "linear.Linear"):
        file, name = path.split(".")
        cls = getattr(getattr(nn.modules, file), name)
        layers = nn.BatchNorm1d(2), nn.BatchNorm2d(2), nn.NLLLoss(), nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.Linear(1, 1), nn.Sequential()
        names.append([isinstance(layer, cls) for layer in layers])
    return names, isinstance(nn.BatchNorm2d(2), nn.BatchNorm1d), nn.modules.Dropout is nn.Dropout


@program
def forward_of_an_instance(T):
    m = T.nn.Linear(2, 2)
    m.forward = lambda x: x + 1
    return m(ones(T, 2))


@pytest.mark.filterwarnings("ignore:size_average and reduce")
@pytest.mark.filterwarnings("ignore:Positional args are being deprecated")
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_like_torch(name):
    assert shown(attempt(PROGRAMS[name], minitorch)) == shown(attempt(PROGRAMS[name], torch))


def test_nothing_is_loaded_by_a_failed_call():
    model = minitorch.nn.Sequential(minitorch.nn.Linear(2, 2), minitorch.nn.Linear(2, 2))
    before = {k: v.tolist() for k, v in model.state_dict().items()}
    wrong = {k: minitorch.zeros_like(v) for k, v in before_tensors(model).items()} | {
        "1.bias": minitorch.zeros(3)
    }
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict(wrong)
    assert {k: v.tolist() for k, v in model.state_dict().items()} == before


def before_tensors(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def test_states_of_both_libraries():
    """A state dict of torch loads here and back."""
    ours, theirs = (T.nn.Sequential(T.nn.Linear(2, 3), T.nn.BatchNorm1d(3)) for T in (minitorch, torch))
    ours.load_state_dict(theirs.state_dict())
    assert ours[0].weight.tolist() == theirs[0].weight.tolist()
    theirs.load_state_dict({k: torch.tensor(v.tolist()) + 1 for k, v in ours.state_dict().items()})
    assert theirs[1].bias.tolist() == [1, 1, 1]


def test_a_call_without_hooks_is_one_check():
    """Per call of a module: the frames of `__call__` and of `forward`, and nothing else."""
    import sys

    layer, x, frames = minitorch.nn.Identity(), minitorch.ones(1), []
    sys.setprofile(lambda frame, event, arg: frames.append(frame.f_code.co_name) if event == "call" else None)
    try:
        layer(x)
    finally:
        sys.setprofile(None)
    assert frames == ["__call__", "forward"]
