"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

The state is one per thread, as torch's. Each mode works as `with`, as a decorator, and with or without parentheses.
"""

from __future__ import annotations

import functools
import inspect
import threading


class _State(threading.local):
    grad = True
    inference = False


state = _State()


def is_grad_enabled() -> bool:
    return state.grad


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
    """A context manager and decorator that sets some fields of `state` and restores them."""

    fields: dict

    def __new__(cls, *args, **kwargs):
        if len(args) == 1 and callable(args[0]):  # @no_grad without parentheses
            return cls()(args[0])
        return super().__new__(cls)

    def __enter__(self):
        # A stack: the same object may be entered again, as torch allows.
        self.__dict__.setdefault("_saved", []).append({name: getattr(state, name) for name in self.fields})
        for name, value in self.fields.items():
            setattr(state, name, value)
        return self

    def __exit__(self, *exc):
        for name, value in self._saved.pop().items():
            setattr(state, name, value)

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

    def __init__(self):
        self.fields = {"grad": False}


class enable_grad(_Mode):
    """Everything inside is recorded, also within `no_grad`."""

    def __init__(self):
        self.fields = {"grad": True}


class set_grad_enabled(_Mode):
    """Sets recording at once; as a context manager also restores it."""

    def __init__(self, mode: bool):
        self.fields = {"grad": bool(mode)}
        self._before = state.grad
        state.grad = bool(mode)

    def __enter__(self):
        self.__dict__.setdefault("_saved", []).append({"grad": self._before})
        state.grad = self.fields["grad"]
        return self

    def clone(self):
        return set_grad_enabled(self.fields["grad"])

    def __call__(self, function):
        state.grad = self._before  # as a decorator it acts only inside the function
        return super().__call__(function)


class inference_mode(_Mode):
    """`no_grad`, and no versions are counted: the results can't be changed in place or saved for a gradient later.

    Unlike torch: `enable_grad` inside it records.
    """

    def __init__(self, mode: bool = True):
        self.fields = {"inference": mode, "grad": not mode}

    def clone(self):
        return inference_mode(self.fields["inference"])
