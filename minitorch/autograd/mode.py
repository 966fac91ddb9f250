"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

The state is one per thread, as torch's. Each mode works as `with`, as a decorator, and with or without parentheses.
"""

from __future__ import annotations

import functools
import inspect
import threading
from _thread import get_ident

#: the threads, by ident, in which nothing is recorded, and those in inference mode with what users asked for there. Both are empty in
#: most programs: who looks at that first need not ask which thread this is (a thread's own variables cost three times as much, 100 ns)
silent: set = set()
inferring: dict = {}

_own = threading.local()
new = object.__new__


class _End(int):
    """The ident of a thread, which may be given to another when this dies with it."""

    def __del__(self):
        silent.discard(int(self))


class _State:
    """`grad`: whether this thread records operations. `inference`: whether it is in inference mode."""

    @property
    def grad(self) -> bool:
        return get_ident() not in silent

    @grad.setter
    def grad(self, value):
        (silent.discard if value else silent.add)(get_ident())

    @property
    def inference(self) -> bool:
        return get_ident() in inferring


state = _State()


def is_grad_enabled() -> bool:
    return inferring.get(get_ident(), state.grad)


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


def ask(asked):
    """Sets what was asked for in inference mode; None: this thread is not in it."""
    if asked is None:
        inferring.pop(get_ident(), None)
    else:
        inferring[get_ident()] = asked


class _Mode:
    """A context manager and decorator that sets what this thread records, and restores it.

    grad    what is set
    before  (what it was, what was asked for in inference mode, what was before that): the same object may be entered again,
            as torch allows
    """

    before = None

    def __new__(cls, function=None):
        mode = new(cls)
        return mode if function is None else mode(function)  # @no_grad without parentheses

    def __enter__(self):
        thread = get_ident()
        self.before = thread not in silent, inferring.get(thread), self.before
        if inferring and thread in inferring:  # nothing is recorded, whatever is asked for
            inferring[thread] = self.grad
        (silent.discard if self.grad and thread not in inferring else silent.add)(thread)
        return self

    def __exit__(self, *exc):
        grad, asked, self.before = self.before
        (silent.discard if grad else silent.add)(get_ident())
        if inferring or asked is not None:
            ask(asked)

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

    def __enter__(self):
        thread = get_ident()
        if inferring or thread in silent:
            return super().__enter__()
        silent.add(thread)  # the usual case, in a third of the time: `before` is None
        return self

    def __exit__(self, kind=None, error=None, trace=None):  # (a star costs 20 ns)
        if self.before is None:
            silent.discard(get_ident())
        else:
            super().__exit__()


class enable_grad(_Mode):
    """Everything inside is recorded, also within `no_grad`, but not within `inference_mode`."""

    grad = True


class set_grad_enabled(_Mode):
    """Sets recording at once; as a context manager also restores it."""

    def __new__(cls, mode: bool):
        return super().__new__(cls)

    def __init__(self, mode: bool):
        self.grad = bool(mode)
        super().__enter__()
        *self.at_once, self.before = self.before
        if not mode and not hasattr(_own, "end"):  # nobody else leaves a thread so
            _own.end = _End(get_ident())

    def __enter__(self):
        super().__enter__()
        self.before = *self.at_once, self.before[2]
        return self

    def clone(self):
        return set_grad_enabled(self.grad)

    def __call__(self, function):
        state.grad = self.at_once[0]  # as a decorator it acts only inside the function
        ask(self.at_once[1])
        return super().__call__(function)


class inference_mode(_Mode):
    """`no_grad`, and no versions are counted: the results can't be changed in place or saved for a gradient later. `enable_grad` inside
    it does not record either."""

    def __new__(cls, mode: bool = True):
        return cls()(mode) if callable(mode) else super().__new__(cls)

    def __init__(self, mode: bool = True):
        self.grad, self.inference = not mode, bool(mode)

    def __enter__(self):
        super().__enter__()
        state.grad = self.grad
        ask(False if self.inference else None)
        return self

    def clone(self):
        return inference_mode(self.inference)
