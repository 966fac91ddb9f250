"""ReduceLROnPlateau: a smaller step when the validation loss stands still."""

from __future__ import annotations

import math
import warnings

from .base import EPOCH_IS_DEPRECATED, LRScheduler, check_optimizer, group_values, set_value


class ReduceLROnPlateau(LRScheduler):
    """`lr = max(lr * factor, min_lr)` after more than `patience` epochs without gain: `step(val_loss)`.

    Unlike torch: a NaN metric raises ValueError and changes nothing; torch counts it as one more epoch
    without improvement, and trains on with weights that are lost.

    Args:
        mode: `"min"` for losses, `"max"` for scores.
        factor: < 1.
        patience: epochs without improvement that are tolerated.
        threshold, threshold_mode: an improvement is `< best * (1 - threshold)` (`"rel"`) or
            `< best - threshold` (`"abs"`); mirrored for `"max"`.
        cooldown: epochs after a reduction in which bad epochs aren't counted.
        min_lr: a number, or one for each group.
        eps: changes no larger than this are not made.

    Raises:
        ValueError: `factor >= 1`, an unknown mode, a `min_lr` list of the wrong length; in `step`, NaN.
        TypeError: not an optimizer.
    """

    def __init__(
        self,
        optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ):
        if factor >= 1.0:
            raise ValueError(f"Factor should be < 1.0, but got {factor}: it multiplies the learning rate")
        check_optimizer(optimizer)
        self.factor = factor
        groups = len(optimizer.param_groups)
        if isinstance(min_lr, (list, tuple)):
            if len(min_lr) != groups:
                raise ValueError(f"expected {groups} min_lrs, one for each group, got {len(min_lr)}")
            self.default_min_lr = None
            self.min_lrs = list(min_lr)
        else:
            self.default_min_lr = min_lr
            self.min_lrs = [min_lr] * groups
        self.optimizer = optimizer
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = group_values(optimizer, "lr")
        self._set_modes(mode, threshold, threshold_mode)
        self._reset()

    def _set_modes(self, mode, threshold, threshold_mode) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown! It should be 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown! It should be 'rel' or 'abs'")
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode

    def _reset(self) -> None:
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics, epoch=None) -> None:
        """Takes the metric of one epoch: a number or a tensor of one element."""
        current = float(metrics)
        if epoch is None:
            epoch = self.last_epoch + 1
        else:
            warnings.warn(EPOCH_IS_DEPRECATED, UserWarning, stacklevel=2)
        if math.isnan(current):
            raise ValueError(
                f"ReduceLROnPlateau: the metric of step {epoch} is NaN, and no learning rate brings such weights "
                "back: stop here, reload the best weights (training.EarlyStopping does both), and start again with "
                "a lower learning rate or clipped gradients (nn.utils.clip_grad_norm_)"
            )
        self.last_epoch = epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(epoch)
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = group_values(self.optimizer, "lr")

    def _reduce_lr(self, epoch) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due to a new param "
                    "group being added to the optimizer. Set the `min_lrs` field to one value for each group."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_value(group, "lr", new)

    @property
    def in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def _is_better(self, a, best) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "rel":
            bound = best * (1.0 + sign * self.threshold)
        else:
            bound = best + sign * self.threshold
        return a < bound if self.mode == "min" else a > bound

    def load_state_dict(self, state_dict: dict) -> None:
        self.__dict__.update(state_dict)
        self._set_modes(self.mode, self.threshold, self.threshold_mode)
