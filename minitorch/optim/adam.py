"""Adam."""

from __future__ import annotations

from ..tensor import Tensor
from .arithmetic import add, addcdiv_, addcmul_, lerp_, maximum_, sqrt
from .optimizer import Optimizer
from .options import checked, scalar


def update(p, g, m, v, v_max, size, root, beta1, beta2, eps, weight_decay, shrink, maximize):
    """One step on raw arrays; changes `p, m, v` and `v_max` (None without amsgrad) in place.

    p     = shrink * p                         (AdamW: shrink = 1 - lr * weight_decay, and then weight_decay = 0)
    g     = g + weight_decay * p               (-g if maximize)
    m     = m + (1 - beta1) * (g - m)
    v     = beta2 * v + (1 - beta2) * g * g
    v_max = maximum(v_max, v)                  (amsgrad; it takes the place of v below)
    p     = p - size * m / (sqrt(v) / root + eps)

    size = lr / (1 - beta1**step) and root = sqrt(1 - beta2**step): m and v start at zero and are too small at first.
    """
    if maximize:
        g = -g
    if shrink != 1:
        p *= shrink
    if weight_decay != 0:
        g = add(g, p, weight_decay)
    lerp_(m, g, 1 - beta1)
    v *= beta2
    addcmul_(v, g, g, 1 - beta2)
    if v_max is not None:
        v = maximum_(v_max, v)
    addcdiv_(p, m, sqrt(v) / root + eps, -size)


class Adam(Optimizer):
    """Steps of a size that hardly depends on the gradient's: `p -= lr * m / (sqrt(v) + eps)`; see `update`.

        >>> import minitorch as torch
        >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = torch.optim.Adam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.9000, 1.9000], requires_grad=True)

    Args:
        betas: decay of the means of the gradient and of its square, in [0, 1).
        eps: added to the denominator, >= 0.
        amsgrad: divides by the largest mean square so far.
        decoupled_weight_decay: shrinks the parameter instead, as `AdamW`.
        params, lr, weight_decay, foreach, maximize, capturable, differentiable, fused: see `Optimizer`.

    Source: Kingma and Ba, Adam (2015); Reddi et al., On the convergence of Adam and beyond (2018);
    https://pytorch.org/docs/stable/generated/torch.optim.Adam.html
    """

    update, kernel = staticmethod(update), "adam"

    def __init__(
        self,
        params,
        lr=1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        options = checked(
            lr=lr, betas=checked_betas(betas, foreach, capturable), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad,
            maximize=maximize, foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=decoupled_weight_decay,
        )  # fmt: skip
        super().__init__(params, options)

    def _state_names(self, group):
        return "exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else None

    def _numbers(self, group):
        lr, decay, maximize = scalar(group["lr"]), scalar(group["weight_decay"]), bool(group["maximize"])
        beta1, beta2 = map(scalar, group["betas"])
        decays = (0.0, float(1 - lr * decay)) if group["decoupled_weight_decay"] else (float(decay), 1.0)
        fixed = float(beta1), float(beta2), float(group["eps"]), *decays, maximize
        return lambda step: (float(lr / (1 - beta1**step)), float((1 - beta2**step) ** 0.5), *fixed)


def checked_betas(betas, foreach, capturable) -> tuple:
    """The betas, tensors among them without dimensions. ValueError for what torch refuses."""
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
    if not (all(isinstance(b, float) for b in betas) or all(isinstance(b, Tensor) for b in betas)):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor) and foreach and not capturable:
            raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
        if isinstance(beta, Tensor) and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element")
    return tuple(beta.squeeze() if isinstance(beta, Tensor) else beta for beta in betas)
