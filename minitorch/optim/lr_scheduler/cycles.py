"""Schedules that go up and down: CyclicLR, OneCycleLR (momentum too), cosine with warm restarts."""

from __future__ import annotations

import math
import types

from .base import LRScheduler, check_optimizer, per_group, set_value


def _start_momentum(optimizer, base, top, start: bool) -> bool:
    """Checks that there is a momentum to turn, and sets it to the maximum. True if it is Adam's beta1."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled; "
            f"{type(optimizer).__name__} has neither: pass cycle_momentum=False"
        )
    beta1 = "betas" in optimizer.defaults
    if start:
        for group, low, high in zip(optimizer.param_groups, base, top, strict=True):
            _set_momentum(group, high, beta1)
            group["max_momentum"] = high
            group["base_momentum"] = low
    return beta1


def _set_momentum(group, value, beta1: bool) -> None:
    if beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


class CyclicLR(LRScheduler):
    """A zigzag between `base_lr` and `max_lr`: up in `step_size_up` batches, down in `step_size_down`.

    With `x` the height of the zigzag (0 to 1): `lr = base_lr + (max_lr - base_lr) * x * scale`, `momentum =
    max_momentum - (max_momentum - base_momentum) * x * scale`, where `scale` is 1 (`"triangular"`), halves
    each cycle (`"triangular2"`), is `gamma ** t` (`"exp_range"`), or `scale_fn` of the cycle or the iteration
    (`scale_mode`).

    Raises:
        ValueError: unknown mode; `cycle_momentum` of an optimizer without momentum; lists of a wrong length.
        TypeError: not an optimizer.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks (2017).
    """

    def __init__(
        self,
        optimizer,
        base_lr,
        max_lr,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn=None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ):
        check_optimizer(optimizer)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(
                "mode is invalid and scale_fn is None: mode should be 'triangular', 'triangular2' or "
                f"'exp_range', but got {mode!r}"
            )
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        step_size_up = float(step_size_up)
        step_size_down = step_size_up if step_size_down is None else float(step_size_down)
        self.total_size = step_size_up + step_size_down
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._set_scale_mode()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
            self.use_beta1 = _start_momentum(
                optimizer, self.base_momentums, self.max_momentums, start=last_epoch == -1
            )
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_value(group, "lr", lr)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _set_scale_mode(self) -> None:
        if self._scale_fn_custom is None:
            self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"

    def scale_fn(self, x) -> float:
        """The scale of cycle (or iteration) `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list:
        lrs = super().get_lr()
        if self.cycle_momentum:
            height, scale = self._height()
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                _set_momentum(group, high - (high - low) * height * scale, self.use_beta1)
        return lrs

    def _height(self):
        """(where on the zigzag, 0 to 1; scale) at `last_epoch`."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        return height, self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)

    def _next(self, lr, i):
        height, scale = self._height()
        base = self._base(i)
        return base + (self.max_lrs[i] - base) * height * scale

    def state_dict(self) -> dict:
        """A scale function isn't saved; the attributes of a callable object are."""
        state = super().state_dict()
        fn = self._scale_fn_custom
        plain = fn is None or isinstance(fn, types.FunctionType)
        state["_scale_fn_custom"] = None if plain else fn.__dict__.copy()
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        self.__dict__.update({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])
        self._set_scale_mode()


class OneCycleLR(LRScheduler):
    """One cycle for the whole training; momentum goes the other way. Step it each batch.

    From `max_lr / div_factor` up to `max_lr` in the first `pct_start` of the steps, then down to the initial
    rate `/ final_div_factor`.

    Args:
        max_lr: a number, or one for each group.
        total_steps: or else `epochs` and `steps_per_epoch`, whose product it is.
        pct_start: fraction of the steps spent rising, a float in [0, 1].
        anneal_strategy: `"cos"` or `"linear"`.
        cycle_momentum, base_momentum, max_momentum: whether and where the momentum (Adam: beta1) moves.
        three_phase: down to the initial rate first, as long as the rise took, then on to the least.

    Raises:
        ValueError: a wrong number of steps, fraction or strategy, no momentum to turn; in `step`, more than
            `total_steps`.
        TypeError: not an optimizer.

    Source: Smith and Topin, Super-Convergence (2018).
    """

    def __init__(
        self,
        optimizer,
        max_lr,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum=0.85,
        max_momentum=0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _count_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or pct_start < 0 or pct_start > 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        max_lrs = per_group("max_lr", optimizer, max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            low = per_group("base_momentum", optimizer, base_momentum)
            high = per_group("max_momentum", optimizer, max_momentum)
            self.use_beta1 = _start_momentum(optimizer, low, high, start=last_epoch == -1)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is "
                f"{self.total_steps}; make total_steps = epochs * len(loader)"
            )
        lrs = super().get_lr()
        if self.cycle_momentum:
            phase, part = self._phase()
            for group in self.optimizer.param_groups:
                value = self._anneal(group[phase["start_momentum"]], group[phase["end_momentum"]], part)
                _set_momentum(group, value, self.use_beta1)
        return lrs

    def _phase(self):
        """(the present phase, how much of it is done)."""
        start = 0.0
        for phase in self._schedule_phases:
            if self.last_epoch <= phase["end_step"]:
                break
            if phase is not self._schedule_phases[-1]:
                start = phase["end_step"]
        return phase, (self.last_epoch - start) / (phase["end_step"] - start)

    def _next(self, lr, i):
        group = self.optimizer.param_groups[i]
        phase, part = self._phase()
        return self._anneal(group[phase["start_lr"]], group[phase["end_lr"]], part)

    def _anneal(self, start, end, part):
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


def _count_steps(total_steps, epochs, steps_per_epoch) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    if total_steps is not None:
        given = {"total_steps": total_steps}
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return math.prod(given.values())


def _phases(steps: int, part: float, three: bool) -> list[dict]:
    """The phases as torch saves them: where each ends and which keys of a group it goes between."""

    def phase(end, lrs, momentums):
        keys = ("start_lr", "end_lr", "start_momentum", "end_momentum")
        return {"end_step": end, **dict(zip(keys, (*lrs, *momentums), strict=True))}

    rise = phase(float(part * steps) - 1, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
    if not three:
        return [rise, phase(steps - 1, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
    return [
        rise,
        phase(float(2 * part * steps) - 2, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum")),
        phase(steps - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum")),
    ]


class CosineAnnealingWarmRestarts(LRScheduler):
    """`lr = eta_min + (initial_lr - eta_min) * (1 + cos(pi T_cur / T_i)) / 2`, again every `T_i` epochs.

    `T_i` is `T_0` first and grows by `T_mult` at each restart. `step(epoch)` takes fractions of epochs.

    Raises:
        ValueError: `T_0` or `T_mult` isn't a positive integer, `eta_min` isn't a number, a negative epoch.

    Source: Loshchilov and Hutter, SGDR (2017).
    """

    def __init__(self, optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1):
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch)

    def _next(self, lr, i):
        low = self.eta_min
        return low + (self._base(i) - low) * (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2

    def step(self, epoch=None) -> None:
        """To the next epoch, or to `epoch` (a fraction is `epoch + batch / batches`)."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur = self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur = self.T_cur % self.T_i
                self.T_i = self.T_i * self.T_mult
        else:
            self._jump(epoch)
        self.last_epoch = math.floor(epoch)
        self._get_lr_called_within_step = True
        try:
            lrs = self.get_lr()
        finally:
            self._get_lr_called_within_step = False
        self._write(lrs)

    def _jump(self, epoch) -> None:
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
