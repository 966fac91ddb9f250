"""Adagrad."""

from __future__ import annotations

from .arithmetic import add, addcdiv_, addcmul_, sqrt
from .optimizer import Optimizer
from .options import checked, scalar
from .state import full_like, new_step


def update(p, g, total, rate, eps, weight_decay, maximize):
    """One step on raw arrays; changes `p` and `total` in place.

    g     = g + weight_decay * p               (-g if maximize)
    total = total + g * g
    p     = p - rate * g / (sqrt(total) + eps)

    rate = lr / (1 + (step - 1) * lr_decay) in step 1, 2 ...
    """
    if maximize:
        g = -g
    if weight_decay != 0:
        g = add(g, p, weight_decay)
    addcmul_(total, g, g, 1)
    addcdiv_(p, g, sqrt(total) + eps, -rate)


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
        lr_decay: the rate of step t is `lr / (1 + (t - 1) * lr_decay)`; >= 0.
        initial_accumulator_value: where the sum of squares starts, >= 0.
        eps: added to the denominator, >= 0.
        params, lr, weight_decay, foreach, maximize, differentiable, fused: see `Optimizer`.

    Source: Duchi et al., Adaptive subgradient methods for online learning and stochastic optimization (2011);
    https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
    """

    update, kernel = staticmethod(update), "adagrad"

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
        options = checked(
            lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value,
            foreach=foreach, maximize=maximize, differentiable=differentiable, fused=fused,
        )  # fmt: skip
        super().__init__(params, options)
        for group in self.param_groups:  # the others make their state in the first step
            for p in group["params"]:
                self.state[p] = {"step": new_step(), "sum": full_like(p, self._first_value)}

    @property
    def _first_value(self):
        return self.defaults["initial_accumulator_value"]

    def _state_names(self, group):
        return ("sum",)

    def _numbers(self, group):
        lr, lr_decay = scalar(group["lr"]), scalar(group["lr_decay"])
        fixed = float(group["eps"]), float(scalar(group["weight_decay"])), bool(group["maximize"])
        return lambda step: (float(lr / (1 + (step - 1) * lr_decay)), *fixed)
