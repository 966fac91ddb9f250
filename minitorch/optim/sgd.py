"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from .arithmetic import add, add_
from .optimizer import Optimizer
from .options import checked, scalar


def update(p, g, buf, first, lr, momentum, rate, weight_decay, nesterov, maximize):
    """One step on raw arrays; changes `p` and `buf` (None without momentum) in place.

    g   = g + weight_decay * p                 (-g if maximize)
    buf = momentum * buf + rate * g            (g in the first step; rate = 1 - dampening)
    p   = p - lr * buf                         (lr * (g + momentum * buf) if nesterov; lr * g without momentum)
    """
    if maximize:
        g = -g
    if weight_decay != 0:
        g = add(g, p, weight_decay)
    if buf is not None:
        if first:
            buf[...] = g
        else:
            buf *= momentum
            add_(buf, g, rate)
        g = add(g, buf, momentum) if nesterov else buf
    add_(p, g, -lr)


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
        momentum: >= 0; 0 keeps no buffer.
        dampening: the gradient enters the buffer times `1 - dampening`.
        nesterov: looks ahead; needs a momentum and no dampening.
        params, lr, weight_decay, maximize, foreach, differentiable, fused: see `Optimizer`. Unlike torch: the first
            step is differentiable with respect to its gradient with a momentum, too (torch detaches the buffer).

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning (2013);
    https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """

    update, kernel, _counts_steps = staticmethod(update), "sgd", False

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
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        options = checked(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused,
        )  # fmt: skip
        super().__init__(params, options)

    def _state_names(self, group):
        return ("momentum_buffer",) if group["momentum"] != 0 else (None,)

    def _numbers(self, group):
        lr, decay, momentum = scalar(group["lr"]), scalar(group["weight_decay"]), scalar(group["momentum"])
        fixed = float(lr), float(momentum), 1 - float(group["dampening"]), float(decay)
        flags = bool(group["nesterov"]), bool(group["maximize"])
        return lambda step: (step == 1, *fixed, *flags)
