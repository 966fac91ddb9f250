"""Adagrad."""

from __future__ import annotations

from ..ops.table import switches
from .arithmetic import add, addcdiv_, addcmul_, sqrt
from .optimizer import (
    Optimizer,
    check,
    check_implementation,
    check_lr,
    count_step,
    full_like,
    gradient_vector,
    kernels,
    new_step,
    scalar,
)


def update(p, g, total, step, *, lr, lr_decay=0.0, weight_decay=0.0, eps=1e-10, maximize=False):
    """Step number `step` (from 1) on raw arrays; changes `p` and `total` in place.

    g     = g + weight_decay * p         (-g if maximize)
    total = total + g * g
    p     = p - lr / (1 + (step - 1) * lr_decay) * g / (sqrt(total) + eps)
    """
    if maximize:
        g = -g
    if weight_decay != 0:
        g = add(g, p, weight_decay)
    addcmul_(total, g, g, 1)
    s = sqrt(total)
    s += eps
    addcdiv_(p, g, s, -decayed(lr, lr_decay, step))


def decayed(lr, lr_decay, step):
    """The learning rate of step number `step`."""
    return lr / (1 + (step - 1) * lr_decay)


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of all its squares so far; see `update`.

        >>> import minitorch as torch
        >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = torch.optim.Adagrad([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.9000, 1.9000], requires_grad=True)

    Args:
        params: tensors or groups, see `Optimizer`.
        lr: learning rate, >= 0; a number or a tensor of one element.
        lr_decay: step t has the rate `lr / (1 + (t - 1) * lr_decay)`; >= 0.
        weight_decay: L2 penalty, >= 0, added to the gradient.
        initial_accumulator_value: where the sum of squares starts, >= 0.
        eps: added to the denominator, >= 0.
        maximize: goes up the gradient.
        foreach, fused: accepted, without effect.

    Raises:
        ValueError: a negative option.
        NotImplementedError: differentiable=True.

    Source: Duchi et al., Adaptive subgradient methods for online learning and stochastic optimization (2011);
    https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
    """

    _unsupported = ("differentiable",)

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_lr(lr)
        check("lr_decay value", lr_decay)
        check("weight_decay value", weight_decay)
        check("initial_accumulator_value value", initial_accumulator_value)
        check("epsilon value", eps)
        check_implementation(foreach, fused, differentiable)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self._start(p)

    def _start(self, p):
        state = self.state[p]
        state["step"] = new_step()
        state["sum"] = full_like(p, self.defaults["initial_accumulator_value"])

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("fused", None)

    def _step_group(self, group):
        options = {
            name: scalar(group[name]) for name in ("lr", "lr_decay", "weight_decay", "eps", "maximize")
        }
        decay, eps, maximize = (
            float(options["weight_decay"]),
            float(options["eps"]),
            bool(options["maximize"]),
        )
        for p in group["params"]:
            if p._grad is None:
                continue
            state = self.state[p]
            if not state:
                self._start(p)
            array, g, total, step = p._array, p._grad._array, state["sum"]._array, count_step(state)
            p._cell[0] += 1
            vectors = self._vectors(p, array, total) if switches.fused else None
            if vectors is None:
                update(array, g, total, step, **options)
            else:
                rate = float(decayed(options["lr"], options["lr_decay"], step))
                kernels().adagrad(vectors[0], gradient_vector(g), vectors[1], rate, decay, eps, maximize)
