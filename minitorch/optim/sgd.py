"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from ..ops.table import switches
from ..tensor import wrap
from .arithmetic import add, add_, copy
from .optimizer import Optimizer, check, check_implementation, check_lr, flat_gradient, is_flat, scalar


def update(p, g, buf, *, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    """One step on raw arrays; changes `p` and `buf` in place, returns the buffer (None without momentum).

        d   = g + weight_decay * p                          (-g if maximize)
        buf = momentum * buf + (1 - dampening) * d          (d in the first step, when buf is None)
        p  -= lr * buf                                      (lr * (d + momentum * buf) if nesterov)
    """
    d = -g if maximize else g
    if weight_decay != 0:
        d = add(d, p, weight_decay)
    if momentum != 0:
        if buf is None:
            buf = copy(d)
        else:
            buf *= momentum
            add_(buf, d, 1 - dampening)
        d = add(d, buf, momentum) if nesterov else buf
    add_(p, d, -lr)
    return buf


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
        options = {
            "lr": float(scalar(group["lr"])),
            "momentum": float(scalar(group["momentum"])),
            "dampening": float(group["dampening"]),
            "weight_decay": float(scalar(group["weight_decay"])),
            "nesterov": bool(group["nesterov"]),
            "maximize": bool(group["maximize"]),
        }
        momentum, fused = options["momentum"], switches.fused
        for p in group["params"]:
            if p._grad is None:
                continue
            array, g, buf = p._array, p._grad._array, None
            if momentum != 0:
                state = self.state[p]
                buf = state.get("momentum_buffer")
                buf = None if buf is None else buf._array
            if not (fused and self._launch(p, array, g, buf, **options)):
                new = update(array, g, buf, **options)
                if buf is None and new is not None:
                    state["momentum_buffer"] = wrap(new)
            p._cell[0] += 1

    def _launch(self, p, array, g, buf, *, lr, momentum, dampening, weight_decay, nesterov, maximize) -> bool:
        """The same as `update`, by a kernel; False if these arrays aren't for one."""
        flat = self._flat.get(id(p))
        first = momentum != 0 and buf is None
        if flat is None or flat[0] is not array or flat[1] is not buf or first:
            if first:
                buf = array.copy() if is_flat(array) else None
            if not (is_flat(array) if buf is None else is_flat(array, buf)) or (first and buf is None):
                return False
            if first:
                self.state[p]["momentum_buffer"] = wrap(buf)
            flat = array, buf, array.reshape(-1), None if buf is None else buf.reshape(-1)
            self._flat[id(p)] = flat
        g = flat_gradient(g)
        if momentum == 0:
            _kernels().sgd(flat[2], g, weight_decay, lr, maximize)
        else:
            _kernels().sgd_momentum(
                flat[2], g, flat[3], first, weight_decay, momentum, 1 - dampening, nesterov, lr, maximize
            )
        return True


def _kernels():
    """Imported on the first step: Numba takes a moment to load."""
    global _kernels
    from ..kernels import optim

    _kernels = lambda: optim
    return optim
