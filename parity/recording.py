"""What a training writes down while it runs: a `Recorder` keeps all, a `Stopwatch` the time of each step."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Recording:
    """One training of one library, as NumPy arrays."""

    training: str
    dtype: str
    initial: dict = field(default_factory=dict)  # name -> weights before the first step
    order: list = field(default_factory=list)  # indices of the samples of each batch, as shuffled
    masks: list = field(default_factory=list)  # what each dropout kept
    losses: np.ndarray | None = None  # of every step
    final: dict = field(default_factory=dict)  # parameters and buffers after training
    predictions: np.ndarray | None = None
    validation: list = field(default_factory=list)  # validation loss of every epoch
    notes: dict = field(default_factory=dict)  # stopped epoch, learning rates, accuracy ...
    seconds: float = 0.0


def array(tensor):
    """A NumPy copy of a tensor of either library, wherever it lives."""
    return np.array(tensor.detach().to("cpu").numpy())


class Recorder:
    """Given to a training as `run`. Holds the choices (seed, dtype, device, quick) and records."""

    def __init__(self, T, training="", seed=0, dtype="float32", device="cpu", quick=False, nudge=False):
        self.T, self.seed, self.device, self.quick, self.nudge = T, seed, device, quick, nudge
        self.dtype = getattr(T, dtype)
        self.recording = Recording(training, dtype)
        self._losses = []

    def epochs(self, count):
        """The epochs to train: `count`, or a third of them in quick form."""
        return range(max(2, count // 3) if self.quick else count)

    def tensors(self, x, y):
        """Data as tensors on the device: floats in the dtype that is trained in, labels as they are."""
        kinds = [self.dtype if a.dtype.kind == "f" else None for a in (x, y)]
        return [
            self.T.tensor(a, dtype=kind, device=self.device) for a, kind in zip((x, y), kinds, strict=True)
        ]

    def start(self, model):
        """Call before the first step: keeps the initial weights and watches the dropouts.

        With `nudge`, every weight of the first layer first becomes larger by a rounding, as a measure of how much
        a training amplifies one.
        """
        if self.nudge:
            with self.T.no_grad():
                next(model.parameters()).mul_(1 + float(np.finfo(self.recording.dtype).eps))
        self.recording.initial = {name: array(value) for name, value in model.state_dict().items()}
        for module in model.modules():
            if isinstance(module, self.T.nn.Dropout):
                self._watch(module)

    def _watch(self, dropout):
        """Records the mask of every call in training mode.

        The output does not show it (ReLU's zeros hide what was dropped), so the same random numbers are
        drawn again over ones, and the generator is put back where it was: the training does not notice.
        """
        T, before = self.T, []

        def remember(module, inputs):
            before[:] = [T.get_rng_state()]

        def record(module, inputs, output):
            if module.training:
                after = T.get_rng_state()
                T.set_rng_state(before[0])
                mask = T.nn.functional.dropout(T.ones_like(inputs[0].detach()), module.p, True)
                T.set_rng_state(after)
                self.recording.masks.append(array(mask) != 0)

        dropout.register_forward_pre_hook(remember)
        dropout.register_forward_hook(record)

    def batch(self, indices):
        """The indices of a batch's samples."""
        self.recording.order.append(array(indices))

    def step(self, loss):
        """Call after each step."""
        self._losses.append(loss.item())

    def validate(self, loss):
        self.recording.validation.append(float(loss))

    def note(self, **facts):
        self.recording.notes.update(facts)

    def finish(self, model, x):
        """Call after the training: keeps what it led to, and returns the model's predictions for `x`."""
        model.eval()
        with self.T.no_grad():
            predictions = model(x)
        r = self.recording
        r.final = {name: array(value) for name, value in model.state_dict().items()}
        r.predictions = array(predictions)
        r.losses = np.array(self._losses, r.dtype)
        return predictions


class Enough(Exception):
    """Raised by a stopwatch out of the training when it has timed as many steps, or as long, as it was asked."""


class Stopwatch(Recorder):
    """Times whole steps (batch, forward, backward, update) between two calls of `step`, nothing else."""

    def __init__(self, T, steps, seconds, **choices):
        super().__init__(T, **choices)
        self.steps, self.times, self._last = steps, [], None
        self.end = time.perf_counter() + seconds

    def epochs(self, count):
        return range(10**9)

    def start(self, model):
        pass

    def batch(self, indices):
        pass

    def step(self, loss):
        loss.item()  # as a user who watches the loss does; on a GPU it also waits for the step to end
        now = time.perf_counter()
        if self._last is not None:
            self.times.append(now - self._last)
        if len(self.times) >= self.steps or (now > self.end and self.times):
            raise Enough
        self._last = now

    def validate(self, loss):
        self._last = None  # the time of a validation belongs to no step
