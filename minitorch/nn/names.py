"""Names of a module's attributes: what may be registered under them, and errors that say what something is."""

from __future__ import annotations

from ..printing import type_name
from ..tensor import Tensor


def check_name(module, name, where, what):
    if where not in module.__dict__:
        raise AttributeError(f"cannot assign {what} before Module.__init__() call")
    if not isinstance(name, str):
        raise TypeError(f"{what} name should be a string. Got {kind(name)}")
    if "." in name:
        raise KeyError(f'{what} name can\'t contain "."')
    if name == "":
        raise KeyError(f'{what} name can\'t be empty string ""')
    if hasattr(module, name) and name not in module.__dict__[where]:
        raise KeyError(f"attribute '{name}' already exists")


def make_room(module, name, where, what):
    """Takes `name` out of the instance and of the other dicts than `where`; there it keeps its place."""
    fields = module.__dict__
    if where not in fields:
        raise AttributeError(f"cannot assign {what} before Module.__init__() call")
    fields.pop(name, None)
    for other in ("_parameters", "_modules", "_buffers"):
        if other != where:
            fields[other].pop(name, None)
    module._non_persistent_buffers_set.discard(name)


def assign(module, where, name, value, cls, what, accepted):
    if value is not None and not (cls and isinstance(value, cls)):
        raise TypeError(f"cannot assign '{kind(value)}' as {what} '{name}' ({accepted} or None expected)")
    module.__dict__[where][name] = value


def kind(value):
    """`torch.typename`: a value's type in messages."""
    if isinstance(value, Tensor):
        return f"torch.{type_name(value.dtype)}Tensor"
    cls = type(value)
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"
