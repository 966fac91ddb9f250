"""Every optimizer, one update of 10^3 to 10^7 parameters in eight tensors."""

from __future__ import annotations

import inspect

from .workload import Workload

SIZES = (10**3, 10**4, 10**5, 10**6, 10**7)
FEWER = (10**3, 10**5, 10**7)
TENSORS = 8

#: options with which an optimizer is a different one
VARIANTS = {
    "SGD": {"plain": {}, "momentum": {"momentum": 0.9}, "Nesterov": {"momentum": 0.9, "nesterov": True}},
    "Adam": {"plain": {}, "amsgrad": {"amsgrad": True}},
    "RMSprop": {"plain": {}, "centered": {"centered": True}},
}


#: optimizers that torch has no fused form of on a GPU
FUSED_ON_CPU = ("Adagrad",)


def fastest(T, optimizer):
    """The keyword that asks for torch's fastest form: fused where it has that, else `foreach`."""
    known = inspect.signature(optimizer).parameters
    gpu = T.get_default_device().type == "cuda" and optimizer.__name__ in FUSED_ON_CPU
    return next(({word: True} for word in ("fused", "foreach")[gpu:] if word in known), {})


def prepared(T, name, size, options):
    """The optimizer, its parameters' gradients given."""
    T.manual_seed(0)
    parameters = [T.nn.Parameter(T.randn(size // TENSORS)) for _ in range(TENSORS)]
    for p in parameters:
        p.grad = T.randn(size // TENSORS)
    optimizer = getattr(T.optim, name)
    return optimizer(parameters, lr=1e-3, **fastest(T, optimizer), **options)


def update(T, name, size, options):
    """One step of the optimizer with fixed gradients."""
    optimizer = prepared(T, name, size, options)

    def step():
        optimizer.step()

    return step


def names():
    """The optimizers of minitorch that work on gradients as they are, without a closure."""
    import minitorch

    found = vars(minitorch.optim).items()
    base = minitorch.optim.Optimizer
    return [
        n
        for n, c in found
        if isinstance(c, type) and issubclass(c, base) and c is not base and n not in NEED_MORE
    ]


#: left out: a closure, sparse gradients, matrices
NEED_MORE = ("LBFGS", "SparseAdam", "Muon")


def workloads(choices):
    found = []
    for name in sorted(names()):
        for variant, options in VARIANTS.get(name, {"plain": {}}).items():
            title = name if variant == "plain" else f"{name}, {variant}"
            for size in FEWER if choices.brief else SIZES:
                found.append(Workload("optim", title, f"{__name__}:update", (name, size, options), size=size))
    return found
