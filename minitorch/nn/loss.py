"""Loss modules: each is one call of its function, with its settings."""

from __future__ import annotations

from typing import ClassVar

from . import functional as F
from .module import Module


class Loss(Module):
    """`reduction`: "mean" (default), "sum" or "none". The old `size_average` and `reduce` are translated."""

    function = None
    settings: ClassVar[dict] = {}  # further constructor arguments and their defaults
    tensors: tuple = ()  # those that are buffers (class weights)

    def __init__(self, *args, **kwargs):
        super().__init__()
        names = [*self.order] if hasattr(self, "order") else ["size_average", "reduce", "reduction"]
        given = dict(zip(names, args, strict=False)) | kwargs
        if len(args) > len(names) or set(given) - set(names) - set(self.settings):
            raise TypeError(
                f"{type(self).__name__}.__init__() takes ({', '.join(dict.fromkeys([*names, *self.settings]))}), got {args} {kwargs}"
            )
        size_average, reduce = given.pop("size_average", None), given.pop("reduce", None)
        self.reduction = given.pop("reduction", "mean")
        if size_average is not None or reduce is not None:
            self.reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        for name, default in self.settings.items():
            value = given.get(name, default)
            if name in self.tensors:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, input, target):
        return type(self).function(
            input, target, reduction=self.reduction, **{n: getattr(self, n) for n in self.settings}
        )


OLD = ("size_average", "reduce", "reduction")


class MSELoss(Loss):
    """Mean of (input - target)**2."""

    function = F.mse_loss


class L1Loss(Loss):
    """Mean of |input - target|."""

    function = F.l1_loss


class SmoothL1Loss(Loss):
    """Squared below beta, absolute above."""

    function, settings, order = F.smooth_l1_loss, dict(beta=1.0), (*OLD, "beta")


class HuberLoss(Loss):
    """Squared up to delta, linear above."""

    function, settings, order = F.huber_loss, dict(delta=1.0), ("reduction", "delta")


class CrossEntropyLoss(Loss):
    """-log softmax(input)[target]: logits (N, C, ...), labels (N, ...) or class probabilities."""

    function, tensors = F.cross_entropy, ("weight",)
    settings: ClassVar[dict] = dict(weight=None, ignore_index=-100, label_smoothing=0.0)
    order = ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing")


class NLLLoss(Loss):
    """-input[target]: log-probabilities (N, C, ...), labels (N, ...)."""

    function, tensors, settings = F.nll_loss, ("weight",), dict(weight=None, ignore_index=-100)
    order = ("weight", "size_average", "ignore_index", "reduce", "reduction")


class BCELoss(Loss):
    """Cross-entropy of probabilities in [0, 1] (RuntimeError outside) and targets of the same shape."""

    function, tensors, settings = F.binary_cross_entropy, ("weight",), dict(weight=None)
    order = ("weight", *OLD)


class BCEWithLogitsLoss(Loss):
    """Cross-entropy of sigmoid(input), computed without overflow."""

    function, tensors, settings = (
        F.binary_cross_entropy_with_logits,
        ("weight", "pos_weight"),
        dict(weight=None, pos_weight=None),
    )
    order = ("weight", *OLD, "pos_weight")


class KLDivLoss(Loss):
    """target * (log(target) - input)"""

    function, settings, order = F.kl_div, dict(log_target=False), (*OLD, "log_target")
