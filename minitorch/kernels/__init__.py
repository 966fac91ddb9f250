"""Numba loops: `kernels.norm`, `kernels.softmax` ... are imported when they are first named, and Numba with them."""

import sys
from importlib import import_module

_waiting, _begun = [], []


def when_compiling(function):
    """Calls it once, when the first module that needs Numba has been imported."""
    _waiting.append(function)
    return function


def __getattr__(name):
    _begun.append(name)
    try:
        module = import_module(f".{name}", __name__)
    except ModuleNotFoundError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error
    finally:
        _begun.pop()
    while _waiting and not _begun and "numba" in sys.modules:  # not within another import, which names this one
        _waiting.pop()()
    return module
