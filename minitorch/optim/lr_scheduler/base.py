"""LRScheduler: counts epochs and writes `lr` into an optimizer's parameter groups."""

from __future__ import annotations

import warnings
import weakref
from functools import wraps

from ..optimizer import Optimizer

EPOCH_IS_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Please use `scheduler.step()`. With an epoch, the closed form is used where there is one."
)
ORDER = (
    "Call `optimizer.step()` before `lr_scheduler.step()`; in the other order the first learning rate is "
    "never used. See https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)


def check_optimizer(optimizer) -> None:
    """TypeError unless it is an Optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{type(optimizer).__name__} is not an Optimizer. A scheduler changes an optimizer's "
            "learning rate: make the optimizer first and pass it, e.g. StepLR(optimizer, step_size=10)"
        )


def copied(value):
    """A tensor's clone; a number as it is. A learning rate may be either."""
    return value.clone() if hasattr(value, "clone") else value


def set_value(group: dict, key: str, value) -> None:
    """`group[key] = value`; a tensor is filled, so that it stays the same tensor."""
    if hasattr(group[key], "fill_"):
        group[key].fill_(float(value))
    else:
        group[key] = value


def group_values(optimizer, key: str) -> list:
    return [copied(group[key]) for group in optimizer.param_groups]


def per_group(name: str, optimizer, value) -> list:
    """One value for each group. ValueError if a list of another length is given."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [copied(value) for _ in range(n)]
    if len(value) != n:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {n}."
        )
    return [copied(v) for v in value]


class LRScheduler:
    """The base class: `step()` once an epoch (or batch), after `optimizer.step()`.

    The schedules here define `_next`, the rate of one group from its present one. Write your own as in torch:

        class Halve(LRScheduler):
            def get_lr(self):
                return [base / (1 + self.last_epoch) for base in self.base_lrs]

    Args:
        optimizer: whose `param_groups[i]["lr"]` is changed.
        last_epoch: -1 to start; otherwise the number of epochs done, when going on with an optimizer that has
            been scheduled before.

    Raises:
        TypeError: not an optimizer.
        KeyError: `last_epoch >= 0` and no group has an `initial_lr`.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming a scheduler "
                    f"with last_epoch={last_epoch}. Load the optimizer's state_dict first, or start with "
                    "last_epoch=-1"
                )
        self.base_lrs = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_steps_of(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def step(self, epoch: int | None = None) -> None:
        """Goes to the next epoch and sets the learning rates. `epoch` is deprecated, as in torch.

        Warns (UserWarning) if the optimizer hasn't made a step yet.
        """
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_IS_DEPRECATED, UserWarning, stacklevel=2)
        try:
            self._update_lr(epoch)
        except Exception:
            self._step_count -= 1
            raise

    def _check_order(self) -> None:
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            problem = "`optimizer.step()` has been overridden after learning rate scheduler initialization. "
        elif not getattr(self.optimizer, "_opt_called", False):
            problem = "Detected call of `lr_scheduler.step()` before `optimizer.step()`. "
        else:
            return
        warnings.warn(problem + ORDER, UserWarning, stacklevel=3)

    def _update_lr(self, epoch: int | None = None) -> None:
        before = self.last_epoch
        self.last_epoch = before + 1 if epoch is None else epoch
        self._get_lr_called_within_step = True
        try:
            if epoch is None or self._closed_form is None:
                lrs = self.get_lr()
            else:
                lrs = [self._closed_form(base) for base in self.base_lrs]
            _check_count(lrs, self.optimizer)
        except Exception:
            self.last_epoch = before  # a failed step changes nothing
            raise
        finally:
            self._get_lr_called_within_step = False
        self._write(lrs)

    def _write(self, lrs) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            set_value(group, "lr", lr)
        self._last_lr = group_values(self.optimizer, "lr")

    def get_lr(self) -> list:
        """The rates of `last_epoch`, for `step()` to write. To know the present ones: `get_last_lr()`."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=2,
            )
        return [self._next(group["lr"], i) for i, group in enumerate(self.optimizer.param_groups)]

    def _next(self, lr, i: int):
        """The rate of group `i` at `last_epoch`; `lr` is its present one."""
        raise NotImplementedError

    _closed_form = None  # or a method: the rate at `last_epoch` from the initial one

    def _base(self, i: int):
        if i >= len(self.base_lrs):
            raise ValueError(
                f"param_groups[{i}] was added to the optimizer after {type(self).__name__} was made; it "
                f"knows {len(self.base_lrs)} groups. Make the scheduler after add_param_group"
            )
        return self.base_lrs[i]

    def get_last_lr(self) -> list:
        """The learning rate of each group, as last set."""
        return self._last_lr

    def state_dict(self) -> dict:
        """Everything but the optimizer; torch's keys."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict) -> None:
        """Goes on from a `state_dict()`; also load the optimizer's."""
        self.__dict__.update(state_dict)


def _check_count(lrs, optimizer) -> None:
    if len(lrs) != len(optimizer.param_groups):
        raise ValueError(
            f"expected one learning rate for each of {len(optimizer.param_groups)} parameter groups, "
            f"got {len(lrs)}"
        )


def _note_steps_of(optimizer) -> None:
    """Has `optimizer.step` set `_opt_called`, to tell a wrong order. A weak reference: no cycle."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    owner, function = weakref.ref(optimizer), step.__func__

    @wraps(function)
    def noted(*args, **kwargs):
        opt = owner()
        opt._opt_called = True
        return function(opt, *args, **kwargs)

    noted._wrapped_by_lr_sched = True
    optimizer.step = noted
