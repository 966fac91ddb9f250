"""RMSprop."""

from __future__ import annotations

from ..ops.table import switches
from .arithmetic import add, add_, addcdiv_, addcmul_, copy, lerp_, sqrt
from .optimizer import (
    Optimizer,
    check,
    check_lr,
    count_step,
    full_like,
    gradient_vector,
    kernels,
    new_step,
    scalar,
)


def update(p, g, v, mean, buf, *, lr, alpha, eps, weight_decay=0.0, momentum=0.0, maximize=False):
    """One step on raw arrays; changes `p, v`, `mean` (None unless centered), `buf` (None without momentum) in place.

    g    = g + weight_decay * p                    (-g if maximize)
    v    = alpha * v + (1 - alpha) * g * g
    mean = mean + (1 - alpha) * (g - mean)         (centered)
    s    = sqrt(v) + eps                           (sqrt(v - mean * mean) + eps if centered)
    p    = p - lr * g / s
    or with momentum:  buf = momentum * buf + g / s;  p = p - lr * buf
    """
    if maximize:
        g = -g
    if weight_decay != 0:
        g = add(g, p, weight_decay)
    v *= alpha
    addcmul_(v, g, g, 1 - alpha)
    if mean is None:
        s = sqrt(v)
    else:
        lerp_(mean, g, 1 - alpha)
        s = sqrt(addcmul_(copy(v), mean, mean, -1))
    s += eps
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
        params: tensors or groups, see `Optimizer`.
        lr: learning rate, >= 0; a number or a tensor of one element.
        alpha: decay of the mean square, >= 0.
        eps: added to the denominator, >= 0.
        weight_decay: L2 penalty, >= 0, added to the gradient.
        momentum: >= 0; 0 keeps no buffer.
        centered: divides by the standard deviation instead.
        maximize: goes up the gradient.
        foreach: accepted, without effect.

    Raises:
        ValueError: a negative option.
        NotImplementedError: capturable=True or differentiable=True.

    Source: Hinton, lecture 6 of Neural networks for machine learning (2012); centered: Graves, Generating sequences
    with recurrent neural networks (2013); https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
    """

    _unsupported = ("capturable", "differentiable")

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
        check_lr(lr)
        check("epsilon value", eps)
        check("momentum value", momentum)
        check("weight_decay value", weight_decay)
        check("alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("momentum", 0)
            group.setdefault("centered", False)
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("capturable", False)

    def _step_group(self, group):
        options = {
            name: scalar(group[name])
            for name in ("lr", "alpha", "eps", "weight_decay", "momentum", "maximize")
        }
        numbers = [float(options[name]) for name in ("lr", "alpha", "eps", "weight_decay")]
        momentum = float(options["momentum"])
        centered, with_momentum, maximize = (
            bool(group["centered"]),
            group["momentum"] > 0,
            bool(group["maximize"]),
        )
        for p in group["params"]:
            if p._grad is None:
                continue
            state = self.state[p]
            if not state:
                state["step"] = new_step()
                state["square_avg"] = full_like(p)
                if with_momentum:
                    state["momentum_buffer"] = full_like(p)
                if centered:
                    state["grad_avg"] = full_like(p)
            array, g, v = p._array, p._grad._array, state["square_avg"]._array
            mean = state["grad_avg"]._array if centered else None
            buf = state["momentum_buffer"]._array if with_momentum else None
            count_step(state)
            p._cell[0] += 1
            plain = mean is None and buf is None
            # The kernel with options takes v for an array that isn't there, and doesn't touch it.
            given = (array, v) if plain else (array, v, mean if centered else v, buf if with_momentum else v)
            vectors = self._vectors(p, *given) if switches.fused else None
            if vectors is None:
                update(array, g, v, mean, buf, **options)
            elif plain:
                p1, v1 = vectors
                kernels().rmsprop(p1, gradient_vector(g), v1, *numbers, maximize)
            else:
                p1, *others = vectors
                flags = momentum, centered, with_momentum, maximize
                kernels().rmsprop_options(p1, gradient_vector(g), *others, *numbers, *flags)
