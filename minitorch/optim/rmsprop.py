"""RMSprop."""

from __future__ import annotations

from .arithmetic import add, add_, addcdiv_, addcmul_, copy, lerp_, sqrt
from .optimizer import Optimizer
from .options import checked, scalar


def update(p, g, v, buf, mean, lr, alpha, eps, weight_decay, momentum, maximize):
    """One step on raw arrays; changes `p, v, buf` (None without momentum) and `mean` (None unless centered) in place.

    g    = g + weight_decay * p                (-g if maximize)
    v    = alpha * v + (1 - alpha) * g * g
    mean = mean + (1 - alpha) * (g - mean)
    s    = sqrt(v - mean * mean) + eps         (sqrt(v) + eps unless centered)
    buf  = momentum * buf + g / s
    p    = p - lr * buf                        (lr * g / s without momentum)
    """
    if maximize:
        g = -g
    if weight_decay != 0:
        g = add(g, p, weight_decay)
    v *= alpha
    addcmul_(v, g, g, 1 - alpha)
    if mean is not None:
        lerp_(mean, g, 1 - alpha)
        v = addcmul_(copy(v), mean, mean, -1)
    s = sqrt(v) + eps
    if buf is None:
        addcdiv_(p, g, s, -lr)
    else:
        buf *= momentum
        addcdiv_(buf, g, s)
        add_(p, buf, -lr)


class RMSprop(Optimizer):
    """Divides the gradient by a running root mean square of it: `p -= lr * g / (sqrt(v) + eps)`; see `update`.

        >>> import minitorch as torch
        >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = torch.optim.RMSprop([w], lr=0.01)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.9000, 1.9000], requires_grad=True)

    Args:
        alpha: decay of the mean square, >= 0.
        eps: added to the denominator, >= 0.
        momentum: >= 0; 0 keeps no buffer.
        centered: divides by the standard deviation instead.
        params, lr, weight_decay, capturable, foreach, maximize, differentiable: see `Optimizer`.

    Source: Hinton, lecture 6 of Neural networks for machine learning (2012); centered: Graves, Generating sequences
    with recurrent neural networks (2013); https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
    """

    update, kernel = staticmethod(update), "rmsprop"

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        options = checked(
            lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay,
            capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable,
        )  # fmt: skip
        super().__init__(params, options)

    def _state_names(self, group):
        buf = "momentum_buffer" if group["momentum"] > 0 else None
        return "square_avg", buf, "grad_avg" if group["centered"] else None

    def _numbers(self, group):
        numbers = [float(scalar(group[name])) for name in ("lr", "alpha", "eps", "weight_decay", "momentum")]
        numbers = (*numbers, bool(group["maximize"]))
        return lambda step: numbers
