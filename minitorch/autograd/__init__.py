"""Graph and engine. `tensor.py` needs the graph's classes, so what needs tensors is looked up on first use."""

from __future__ import annotations

from importlib import import_module

from .mode import (  # noqa: F401
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)

_WHERE = {
    "backward": "api",
    "grad": "api",
    "edge_of": "api",
    "Function": "function",
    "once_differentiable": "function",
    "gradcheck": "gradcheck",
    "gradgradcheck": "gradcheck",
    "detect_anomaly": "anomaly",
    "set_detect_anomaly": "anomaly",
}


def __getattr__(name):
    if name in _WHERE:
        value = getattr(import_module(f".{_WHERE[name]}", __name__), name)
        globals()[name] = value  # (`gradcheck` the function, over the submodule of the same name)
        return value
    if name in ("functional", "graph", "engine", "views"):
        return import_module(f".{name}", __name__)
    if name == "Variable":
        from ..tensor import Tensor

        return Tensor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
