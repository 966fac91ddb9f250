"""Numba loops: `kernels.norm`, `kernels.softmax` ... are imported when they are first named, and Numba with them."""

import sys
from importlib import import_module

_waiting = []


def when_compiling(function):
    """Calls it once, when the first module that needs Numba has been imported."""
    _waiting.append(function)
    return function


def __getattr__(name):
    try:
        module = import_module(f".{name}", __name__)
    except ModuleNotFoundError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error
    while _waiting and "numba" in sys.modules:
        _waiting.pop()()
    return module
