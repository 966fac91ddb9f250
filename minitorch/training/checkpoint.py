"""Checkpoint: the state of a training in a file, whole or not at all."""

from __future__ import annotations

import math
import os


class Checkpoint:
    """Saves the states of a training when a value is the best so far, or at every call.

    By hand, `checkpoint.step(val_loss, model=model, optimizer=optimizer)`; as a callback,
    `fit(..., callbacks=[Checkpoint("best.pt", monitor="val_loss")])`. The file holds a `state_dict` for each
    name, `"epoch"` and `"value"`: go on with `model.load_state_dict(load(path)["model"])`.

    The file is written by `save`, whole or not at all: a crash leaves the old one as it was.

    Args:
        path: of the file; its folder must exist.
        monitor: as a callback, the column of the history that decides; None: save every epoch.
        mode: `"min"` for losses, `"max"` for scores. A NaN is never the best.

    Raises:
        ValueError: an unknown `mode`.
        FileNotFoundError: no such folder (now, not after the first epoch).
    """

    def __init__(self, path, monitor: str | None = None, mode: str = "min"):
        if mode not in ("min", "max"):
            raise ValueError(f"mode should be 'min' (a loss) or 'max' (a score), but got mode={mode!r}")
        self.path = os.fspath(path)
        folder = os.path.dirname(os.path.abspath(self.path))
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"there is no folder {folder} for the checkpoint; make it first")
        self.monitor = monitor
        self.mode = mode
        self.best = math.inf if mode == "min" else -math.inf
        self.best_epoch: int | None = None
        self.epoch = -1

    def step(self, value=None, **parts) -> bool:
        """Saves `parts` (each has a `state_dict`) if `value` is the best so far or None. True if saved."""
        from .. import save

        epoch, value = self.epoch + 1, None if value is None else float(value)
        best = value is not None and self._improves(value)
        if best or value is None:
            states = {name: part.state_dict() for name, part in parts.items() if part is not None}
            save({**states, "epoch": epoch, "value": value}, self.path)
        self.epoch = epoch
        if best:
            self.best, self.best_epoch = value, epoch
        return best or value is None

    def on_epoch_end(self, run) -> None:
        """The callback of `fit`."""
        value = None if self.monitor is None else run.history.last(self.monitor, by="Checkpoint")
        self.step(value, model=run.model, optimizer=run.optimizer, scheduler=run.scheduler)

    def _improves(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self.best_epoch is None:
            return True
        return value < self.best if self.mode == "min" else value > self.best
