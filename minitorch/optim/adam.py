"""Adam and AdamW."""

from __future__ import annotations

from ..ops.table import switches
from ..tensor import Tensor
from .arithmetic import add, addcdiv_, addcmul_, lerp_, maximum_, sqrt
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


def update(
    p,
    g,
    m,
    v,
    v_max,
    step,
    *,
    lr,
    beta1,
    beta2,
    eps,
    weight_decay=0.0,
    maximize=False,
    decoupled_weight_decay=False,
):
    """Step number `step` (from 1) on raw arrays; changes `p, m, v` and `v_max` (None without amsgrad) in place.

    g     = g + weight_decay * p         (-g if maximize; decoupled: p = (1 - lr * weight_decay) * p instead)
    m     = m + (1 - beta1) * (g - m)
    v     = beta2 * v + (1 - beta2) * g * g
    v_max = maximum(v_max, v)            (amsgrad; it takes the place of v below)
    p     = p - lr / (1 - beta1**step) * m / (sqrt(v) / sqrt(1 - beta2**step) + eps)
    """
    if maximize:
        g = -g
    if weight_decay != 0:
        if decoupled_weight_decay:
            p *= 1 - lr * weight_decay
        else:
            g = add(g, p, weight_decay)
    lerp_(m, g, 1 - beta1)
    v *= beta2
    addcmul_(v, g, g, 1 - beta2)
    if v_max is not None:
        v = maximum_(v_max, v)
    size, root = corrections(lr, beta1, beta2, step)
    denominator = sqrt(v) / root
    denominator += eps
    addcdiv_(p, m, denominator, -size)


def corrections(lr, beta1, beta2, step):
    """`lr / (1 - beta1**step)` and `sqrt(1 - beta2**step)`: m and v start at zero and are too small at first."""
    return lr / (1 - beta1**step), (1 - beta2**step) ** 0.5


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
        params: tensors or groups, see `Optimizer`.
        lr: learning rate, >= 0; a number or a tensor of one element.
        betas: decay of the means of the gradient and of its square, in [0, 1).
        eps: added to the denominator, >= 0.
        weight_decay: L2 penalty, >= 0, added to the gradient.
        amsgrad: divides by the largest mean square so far.
        maximize: goes up the gradient.
        decoupled_weight_decay: shrinks the parameter instead, as `AdamW`.
        foreach, fused: accepted, without effect.

    Raises:
        ValueError: an option out of its range.
        NotImplementedError: capturable=True or differentiable=True.

    Source: Kingma and Ba, Adam (2015); Reddi et al., On the convergence of Adam and beyond (2018);
    https://pytorch.org/docs/stable/generated/torch.optim.Adam.html
    """

    _unsupported = ("capturable", "differentiable")

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
        check_lr(lr)
        check("epsilon value", eps)
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        check("weight_decay value", weight_decay)
        _check_betas(betas, foreach, capturable)
        check_implementation(foreach, fused, differentiable)
        defaults = {
            "lr": lr,
            "betas": tuple(b.squeeze() if isinstance(b, Tensor) else b for b in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("fused", None)

    def _step_group(self, group):
        lr, weight_decay, eps = scalar(group["lr"]), scalar(group["weight_decay"]), group["eps"]
        beta1, beta2 = map(scalar, group["betas"])
        amsgrad, maximize, decoupled = group["amsgrad"], group["maximize"], group["decoupled_weight_decay"]
        shrink, decay = (float(1 - lr * weight_decay), 0.0) if decoupled else (1.0, float(weight_decay))
        b1, b2, e, up = float(beta1), float(beta2), float(eps), bool(maximize)
        fused, states, known = switches.fused, self.state, None
        for p in group["params"]:
            grad = p._grad
            if grad is None:
                continue
            state = states[p]
            if not state:
                _start(p, state, amsgrad)
            m, v = state["exp_avg"]._array, state["exp_avg_sq"]._array
            v_max = state["max_exp_avg_sq"]._array if amsgrad else None
            step = count_step(state)
            array = p._array
            p._cell[0] += 1
            given = (array, m, v) if v_max is None else (array, m, v, v_max)
            vectors = self._vectors(p, *given) if fused else None
            if vectors is None:
                update(
                    array,
                    grad._array,
                    m,
                    v,
                    v_max,
                    step,
                    lr=lr,
                    beta1=beta1,
                    beta2=beta2,
                    eps=eps,
                    weight_decay=weight_decay,
                    maximize=maximize,
                    decoupled_weight_decay=decoupled,
                )
                continue
            if step != known:  # mostly one step count for all
                size, root = corrections(lr, beta1, beta2, step)
                size, root, known = float(size), float(root), step
            g = gradient_vector(grad._array)
            if v_max is None:
                p1, m1, v1 = vectors
                kernels().adam(p1, g, m1, v1, shrink, decay, b1, b2, root, e, size, up)
            else:
                p1, m1, v1, top = vectors
                kernels().amsgrad(p1, g, m1, v1, top, shrink, decay, b1, b2, root, e, size, up)


def _start(p, state, amsgrad):
    state["step"] = new_step()
    state["exp_avg"] = full_like(p)
    state["exp_avg_sq"] = full_like(p)
    if amsgrad:
        state["max_exp_avg_sq"] = full_like(p)


def _check_betas(betas, foreach, capturable):
    if not (all(isinstance(b, float) for b in betas) or all(isinstance(b, Tensor) for b in betas)):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if not isinstance(beta, Tensor):
            continue
        if foreach and not capturable:
            raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
        if beta.numel() != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element")


class AdamW(Adam):
    """Adam with weight decay that shrinks the parameter instead of adding to the gradient; see `update`.

        >>> import minitorch as torch
        >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = torch.optim.AdamW([w], lr=0.1, weight_decay=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.8900, 1.8800], requires_grad=True)

    The options are Adam's; `weight_decay` is 0.01 by default.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization (2019);
    https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
