"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from ..ops.table import switches
from .arithmetic import add, add_
from .optimizer import (
    Optimizer,
    check,
    check_implementation,
    check_lr,
    full_like,
    gradient_vector,
    kernels,
    scalar,
)


def update(
    p, g, buf, first, *, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False
):
    """One step on raw arrays; changes `p` and `buf` (None without momentum) in place.

    d   = g + weight_decay * p                          (-g if maximize)
    buf = momentum * buf + (1 - dampening) * d          (d in the first step)
    p  -= lr * buf                                      (lr * (d + momentum * buf) if nesterov)
    """
    d = -g if maximize else g
    if weight_decay != 0:
        d = add(d, p, weight_decay)
    if buf is not None:
        if first:
            buf[...] = d
        else:
            buf *= momentum
            add_(buf, d, 1 - dampening)
        d = add(d, buf, momentum) if nesterov else buf
    add_(p, d, -lr)


class SGD(Optimizer):
    """Stochastic gradient descent: `p -= lr * g`, with momentum `p -= lr * buf`; see `update`.

        >>> import minitorch as torch
        >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.8000, 1.6000], requires_grad=True)

    Args:
        params: tensors or groups, see `Optimizer`.
        lr: learning rate, >= 0; a number or a tensor of one element.
        momentum: >= 0; 0 keeps no buffer.
        dampening: the gradient enters the buffer times `1 - dampening`.
        weight_decay: L2 penalty, added to the gradient.
        nesterov: looks ahead; needs a momentum and no dampening.
        maximize: goes up the gradient.
        foreach, fused: accepted, without effect.

    Raises:
        ValueError: a negative option; nesterov without momentum.
        NotImplementedError: differentiable=True.

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning (2013);
    https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """

    _unsupported = ("differentiable",)

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_lr(lr)
        check("momentum value", momentum)
        check("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_implementation(foreach, fused, differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)

    def _step_group(self, group):
        lr, weight_decay = float(scalar(group["lr"])), float(scalar(group["weight_decay"]))
        momentum, dampening = float(scalar(group["momentum"])), float(group["dampening"])
        nesterov, maximize = bool(group["nesterov"]), bool(group["maximize"])
        buf, first, vectors = None, False, None
        for p in group["params"]:
            if p._grad is None:
                continue
            array, g = p._array, p._grad._array
            if momentum != 0:
                state = self.state[p]
                first = state.get("momentum_buffer") is None
                if first:
                    state["momentum_buffer"] = full_like(p)
                buf = state["momentum_buffer"]._array
            p._cell[0] += 1
            if switches.fused:
                vectors = self._vectors(p, array) if buf is None else self._vectors(p, array, buf)
            if not switches.fused or vectors is None:
                update(
                    array,
                    g,
                    buf,
                    first,
                    lr=lr,
                    momentum=momentum,
                    dampening=dampening,
                    weight_decay=weight_decay,
                    nesterov=nesterov,
                    maximize=maximize,
                )
            elif buf is None:
                kernels().sgd(vectors[0], gradient_vector(g), weight_decay, lr, maximize)
            else:
                kernels().sgd_momentum(
                    vectors[0],
                    gradient_vector(g),
                    vectors[1],
                    first,
                    weight_decay,
                    momentum,
                    1 - dampening,
                    nesterov,
                    lr,
                    maximize,
                )
