"""Numba loops: `kernels.norm`, `kernels.softmax` ... are imported when they are first named, and Numba with them."""

from importlib import import_module


def __getattr__(name):
    try:
        return import_module(f".{name}", __name__)
    except ModuleNotFoundError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error
