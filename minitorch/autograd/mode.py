"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

The state is one per thread, as torch's. Each mode works as `with`, as a decorator, and with or without parentheses.
"""

from __future__ import annotations

import functools
import inspect
import threading


class _State(threading.local):
    """`grad`: whether operations are recorded. `asked`: in inference mode, where none is, what users asked for."""

    grad = True
    inference = False
    asked = True


state = _State()

#: an entry for each `inference_mode` that is on, in any thread: who finds none need not ask `state`, which takes 40 ns
inferring: list = []


def is_grad_enabled() -> bool:
    return state.asked if state.inference else state.grad


def is_inference_mode_enabled() -> bool:
    return state.inference


class _NoVersion:
    """The version cell of all tensors made in inference mode. Saving one for backward reads its version, and raises."""

    def __getitem__(self, _):
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation "
            "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use "
            "`torch.no_grad()` instead of `torch.inference_mode()`. (Inference tensors do not track version counter.)"
        )


INFERENCE = _NoVersion()


class _Mode:
    """A context manager and decorator that sets some fields of `state` and restores them.

    grad    what is set
    before  a stack: the same object may be entered again, as torch allows
    """

    def __new__(cls, function=None):
        mode = object.__new__(cls)
        mode.before = []
        return mode if function is None else mode(function)  # @no_grad without parentheses

    def __enter__(self):
        self.before.append((state.grad, state.asked))
        state.grad = state.asked = self.grad
        return self

    def __exit__(self, *exc):
        state.grad, state.asked = self.before.pop()

    def clone(self):
        return type(self)()

    def __call__(self, function):
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args, **kwargs):
                gen, value = function(*args, **kwargs), None
                while True:
                    with self.clone():
                        try:
                            item = gen.send(value)
                        except StopIteration as stop:
                            return stop.value
                    value = yield item

            return generator

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)

        return wrapper


class no_grad(_Mode):
    """Nothing inside is recorded."""

    grad = False


class _Enabling(_Mode):
    def __enter__(self):
        super().__enter__()
        if state.inference:
            state.grad = False
        return self


class enable_grad(_Enabling):
    """Everything inside is recorded, also within `no_grad`, but not within `inference_mode`."""

    grad = True


class set_grad_enabled(_Enabling):
    """Sets recording at once; as a context manager also restores it."""

    def __new__(cls, mode: bool):
        return super().__new__(cls)

    def __init__(self, mode: bool):
        self.grad = bool(mode)
        super().__enter__()
        self.at_once = self.before.pop()

    def __enter__(self):
        super().__enter__()
        self.before[-1] = self.at_once
        return self

    def clone(self):
        return set_grad_enabled(self.grad)

    def __call__(self, function):
        state.grad, state.asked = self.at_once  # as a decorator it acts only inside the function
        return super().__call__(function)


class inference_mode(_Mode):
    """`no_grad`, and no versions are counted: the results can't be changed in place or saved for a gradient later. `enable_grad` inside
    it does not record either."""

    def __new__(cls, mode: bool = True):
        return cls()(mode) if callable(mode) else super().__new__(cls)

    def __init__(self, mode: bool = True):
        self.grad, self.inference, self.outside = not mode, bool(mode), []

    def __enter__(self):
        self.outside.append(state.inference)
        super().__enter__()
        state.inference, state.grad = self.inference, self.grad
        inferring.append(self)
        return self

    def __exit__(self, *exc):
        super().__exit__()
        state.inference = self.outside.pop()
        inferring.pop()

    def clone(self):
        return inference_mode(self.inference)
