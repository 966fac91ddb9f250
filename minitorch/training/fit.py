"""fit and evaluate: the loop that everybody writes, with progress, history and callbacks."""

from __future__ import annotations

from dataclasses import dataclass, field


class History(dict):
    """A list for each column, one value an epoch: `history["loss"]`, `"val_loss"`, metrics, `"lr"`."""

    def add(self, row: dict) -> None:
        for name, value in row.items():
            self.setdefault(name, []).append(value)

    def last(self, column: str | None, by: str = "the callback") -> float:
        """The newest value of a column; None: `val_loss`, or `loss` if there is no validation data."""
        if column is None:
            column = "val_loss" if "val_loss" in self else "loss"
        if column not in self:
            raise KeyError(f"{by} monitors {column!r}, but the history has {', '.join(self)}")
        return self[column][-1]

    def plot(self, columns=None, ax=None):
        """Draws columns (default: the losses) over the epochs, from 1, and returns the matplotlib Axes.

        Raises:
            ImportError: matplotlib isn't installed.
            KeyError: no such column.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError("History.plot needs matplotlib: pip install matplotlib") from error
        columns = [c for c in ("loss", "val_loss") if c in self] if columns is None else list(columns)
        missing = [c for c in columns if c not in self]
        if missing:
            raise KeyError(f"the history has no column {missing[0]!r}; it has {', '.join(self)}")
        ax = plt.subplots()[1] if ax is None else ax
        for column in columns:
            ax.plot(range(1, len(self[column]) + 1), self[column], label=column)
        ax.set_xlabel("epoch")
        ax.legend()
        return ax


@dataclass
class Run:
    """What a callback's `on_epoch_end(run)` sees."""

    model: object
    optimizer: object
    scheduler: object
    history: History = field(default_factory=History)
    epoch: int = 0


def fit(
    model,
    loss_fn,
    optimizer,
    train,
    *,
    validation=None,
    epochs: int = 1,
    callbacks=(),
    scheduler=None,
    progress: bool = True,
    metrics=None,
) -> History:
    """Trains `model` and returns the history.

    For each batch `(x, y)`, or `(x1, x2, ..., y)`: `loss_fn(model(x), y)`, backward, `optimizer.step()`.

    Args:
        loss_fn: `(output, target) -> loss`, the mean over the batch; the history has that over all samples.
        train, validation: batches: a DataLoader, or any iterable that can be gone through again each epoch.
        callbacks: things with `on_epoch_end(run)`, which stops the training by returning True, and perhaps
            `on_fit_end(run)`: EarlyStopping, Checkpoint, your own.
        scheduler: stepped once an epoch; ReduceLROnPlateau gets the validation loss (or the training loss). It
            refuses NaN: that error is raised unless a callback, such as EarlyStopping, ends the training.
        metrics: `{name: function(output, target) -> number}`, averaged like the loss.

    The model is in training mode while it trains and is left in the mode it was in.

    Raises:
        ValueError: `epochs` isn't a whole number >= 0; no batches; a batch that isn't `(x, ..., y)`.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
        raise ValueError(f"epochs should be a whole number >= 0, but got {epochs!r}")
    run = Run(model, optimizer, scheduler)
    mode = model.training
    bar = _bar(progress, train, epochs)
    try:
        for run.epoch in range(epochs):
            bar.set_description(f"epoch {run.epoch + 1}/{epochs}")
            model.train()
            row = _mean_over(train, "train", _train_step(model, loss_fn, optimizer, metrics or {}, bar))
            if validation is not None:
                valid = evaluate(model, loss_fn, validation, metrics=metrics)
                row |= {f"val_{name}": value for name, value in valid.items()}
            row["lr"] = float(optimizer.param_groups[0]["lr"])
            run.history.add(row)
            bar.set_postfix({name: f"{value:.4g}" for name, value in row.items()})
            refused = _step(scheduler, run.history)
            # Every callback sees every epoch, whichever of them says stop.
            stops = [callback.on_epoch_end(run) for callback in callbacks]
            if any(stops):
                break
            if refused:
                raise refused
        for callback in callbacks:
            getattr(callback, "on_fit_end", lambda run: None)(run)
    finally:
        bar.close()
        model.train(mode)
    return run.history


def evaluate(model, loss_fn, data, *, metrics=None) -> dict:
    """Means over all samples of `data`: `{"loss": ..., metric: ...}`, in eval mode, without gradients.

    Arguments and errors are `fit`'s.
    """
    from .. import no_grad

    def step(inputs, target):
        output = model(*inputs)
        return _measure(loss_fn(output, target), output, target, metrics or {})

    mode = model.training
    model.eval()
    try:
        with no_grad():
            return _mean_over(data, "evaluation", step)
    finally:
        model.train(mode)


def _train_step(model, loss_fn, optimizer, metrics, bar):
    def step(inputs, target):
        optimizer.zero_grad()
        output = model(*inputs)
        loss = loss_fn(output, target)
        loss.backward()
        optimizer.step()
        bar.update()
        return _measure(loss, output, target, metrics)

    return step


def _measure(loss, output, target, metrics) -> dict:
    output = output.detach() if hasattr(output, "detach") else output
    return {"loss": _number(loss), **{name: _number(f(output, target)) for name, f in metrics.items()}}


def _number(value) -> float:
    return float(value.item() if hasattr(value, "item") else value)


def _mean_over(data, what: str, step) -> dict:
    """The means of what `step` gives for each batch, weighted by the number of samples."""
    sums, samples = {}, 0
    for batch in data:
        inputs, target = _parts(batch)
        n = len(target) if getattr(target, "ndim", 0) else 1
        for name, value in step(inputs, target).items():
            sums[name] = sums.get(name, 0.0) + value * n
        samples += n
    if not samples:
        raise ValueError(f"the {what} data gave no batches: empty, or an iterator that is used up")
    return {name: total / samples for name, total in sums.items()}


def _parts(batch):
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        size = f" of {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        kind = f"{type(batch).__name__}{size}"
        raise ValueError(f"a batch should be (x, y) or (x1, x2, ..., y), but got a {kind}")
    return batch[:-1], batch[-1]


def _step(scheduler, history) -> ValueError | None:
    """Returns the error with which ReduceLROnPlateau refuses NaN: the callbacks come first."""
    if scheduler is None:
        return None
    if not hasattr(scheduler, "num_bad_epochs"):
        scheduler.step()
        return None
    try:
        scheduler.step(history.last(None))
    except ValueError as error:
        return error
    return None


def _bar(progress: bool, train, epochs: int):
    from tqdm import tqdm

    total = len(train) * epochs if hasattr(train, "__len__") else None
    return tqdm(total=total, disable=not progress, unit="batch")
