"""EarlyStopping: stop when the validation value no longer improves, and go back to the best weights."""

from __future__ import annotations

import copy
import math
import warnings


class EarlyStopping:
    """Says when to stop: at the `patience`-th call in a row without an improvement.

    A value `v` improves if `v < best - min_delta` (mode `"min"`) or `v > best + min_delta` (`"max"`).
    By hand, one call an epoch:

    >>> class Model:
    ...     w = 0.0
    ...     def state_dict(self): return {"w": self.w}
    ...     def load_state_dict(self, state): self.w = state["w"]
    >>> model, stopper = Model(), EarlyStopping(patience=2)
    >>> for epoch, loss in enumerate([3.0, 1.0, 2.0, 2.0, 2.0, 2.0]):
    ...     model.w = loss
    ...     if stopper.step(loss, model):
    ...         break
    >>> epoch, stopper.best_epoch, stopper.best, model.w
    (3, 1, 1.0, 1.0)

    or as a callback: `fit(..., validation=data, callbacks=[EarlyStopping(5)])`.

    Args:
        patience: the stop is at this many calls in a row without an improvement, >= 0 (0 acts as 1).
        min_delta: how much better a value must be, in the value's own unit, >= 0.
        mode: `"min"` for losses, `"max"` for accuracies.
        restore_best: keep a copy of the model's state at the best value and load it when stopping. It only
            uses `state_dict()` and `load_state_dict()`.
        monitor: as a callback, which column of the history to watch; default `"val_loss"`, or `"loss"` if
            there is no validation data.

    A NaN stops at once, with a UserWarning that names the call: a model that gives NaN doesn't recover.

    Raises:
        ValueError: negative or non-integer `patience`, negative or NaN `min_delta`, unknown `mode`.

    Source: Prechelt, "Early Stopping - But When?" (1998); the patience rule is Keras's and Lightning's.
    """

    def __init__(
        self,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "min",
        restore_best: bool = True,
        *,
        monitor: str | None = None,
    ):
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 0:
            raise ValueError(
                f"patience should be a whole number of calls >= 0, but got patience={patience!r}"
            )
        if not min_delta >= 0:
            raise ValueError(
                f"min_delta should be >= 0, but got min_delta={min_delta!r}; `mode` sets the direction"
            )
        if mode not in ("min", "max"):
            raise ValueError(f"mode should be 'min' (a loss) or 'max' (a score), but got mode={mode!r}")
        self.patience = patience
        self.min_delta = float(min_delta)
        self.mode = mode
        self.restore_best = restore_best
        self.monitor = monitor
        self.reset()

    def reset(self) -> None:
        """Forgets everything it has seen, for another training."""
        self.best = math.inf if self.mode == "min" else -math.inf
        self.best_epoch: int | None = None
        self.best_state = None
        self.epoch = -1
        self.bad_epochs = 0
        self.stopped = False

    def step(self, value, model=None) -> bool:
        """Takes the value of one epoch (a number or a tensor of one element); True when it is time to stop.

        When it returns True, and `restore_best`, the best weights are already back in `model`.

        Raises:
            ValueError: `restore_best` and no `model`.
        """
        if self.restore_best and model is None:
            raise ValueError(
                "restore_best=True needs the model to copy its weights: call step(value, model), "
                "or make EarlyStopping(restore_best=False)"
            )
        value = float(value)
        self.epoch += 1
        if math.isnan(value):
            return self._stop_on_nan(model)
        if self._improves(value):
            self.best, self.best_epoch, self.bad_epochs = value, self.epoch, 0
            if self.restore_best:
                self.best_state = snapshot(model)
            return False
        self.bad_epochs += 1
        if self.bad_epochs < self.patience:
            return False
        return self._stop(model)

    def restore(self, model) -> None:
        """Loads the best weights into `model`. RuntimeError if none were kept."""
        if self.best_state is None:
            raise RuntimeError(
                "there are no best weights to restore: no step(value, model) yet, or restore_best=False"
            )
        model.load_state_dict(self.best_state)

    def state_dict(self) -> dict:
        """What a checkpoint must hold to go on from here, the best weights included."""
        return {k: v for k, v in self.__dict__.items() if k not in ("monitor", "restore_best")}

    def load_state_dict(self, state: dict) -> None:
        self.__dict__.update(state)

    def on_epoch_end(self, run) -> bool:
        """The callback of `fit`: `run` has `.model` and `.history`. True stops the training."""
        return self.step(run.history.last(self.monitor, by="EarlyStopping"), run.model)

    def on_fit_end(self, run) -> None:
        """The best weights also if `fit` came to its last epoch without a stop."""
        if self.restore_best and self.best_state is not None and not self.stopped:
            self.restore(run.model)

    def _improves(self, value: float) -> bool:
        if self.best_epoch is None:
            return True  # the first value, even an infinite one: something must be the best
        return (
            value < self.best - self.min_delta if self.mode == "min" else value > self.best + self.min_delta
        )

    def _stop(self, model) -> bool:
        self.stopped = True
        if self.restore_best and self.best_state is not None:
            self.restore(model)
        return True

    def _stop_on_nan(self, model) -> bool:
        back = (
            f"the weights of epoch {self.best_epoch} (value {self.best:.6g}) are restored"
            if self.restore_best and self.best_state is not None
            else "there are no earlier weights to restore"
        )
        warnings.warn(
            f"EarlyStopping: the value of epoch {self.epoch} is NaN, so training stops; {back}. "
            "Look for a learning rate that is too high, log(0) or 0/0 (detect_anomaly names the line).",
            UserWarning,
            stacklevel=4,
        )
        return self._stop(model)

    def __repr__(self) -> str:
        return (
            f"EarlyStopping(patience={self.patience}, min_delta={self.min_delta}, mode={self.mode!r}, "
            f"restore_best={self.restore_best})"
        )


def snapshot(model) -> dict:
    """A copy of `model.state_dict()` that later steps don't change: tensors are detached and cloned."""
    return {
        key: value.detach().clone() if hasattr(value, "clone") else copy.deepcopy(value)
        for key, value in model.state_dict().items()
    }
