"""Where a tensor's array lives: `cpu` (NumPy), `cuda[:i]` (torch on a GPU), `torch` (torch in main memory)."""

from __future__ import annotations

import threading

_TYPES = ("cpu", "cuda", "torch")


class _Default(threading.local):
    """`device`: where tensors are made that name none; None until somebody says. One per thread, as torch's."""

    device = None
    before = ()  # what `with` blocks put back when they end


default = _Default()


class device:
    """`device("cpu")`, `device("cuda:1")`, `device("cuda", 1)`. RuntimeError for a type that is not known.

    In `with device("cuda"):` tensors are made there unless they name another.
    """

    __slots__ = ("index", "type")

    def __init__(self, type, index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        kind, colon, number = type.partition(":")
        if kind not in _TYPES:
            raise RuntimeError(
                f"Expected one of {', '.join(_TYPES)} device type at start of device string: {type}"
            )
        if colon:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        self.type, self.index = kind, index

    @classmethod
    def of_raw(cls, array):
        d = array.device
        return TORCH if d.type == "cpu" else cls(d.type, d.index)

    def __eq__(self, other):
        return (
            isinstance(other, device) and self.type == other.type and (self.index or 0) == (other.index or 0)
        )

    def __hash__(self):
        return hash((self.type, self.index or 0))

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self):
        return f"device(type='{self.type}'" + (f", index={self.index})" if self.index is not None else ")")

    def __reduce__(self):
        return device, (str(self),)

    def __enter__(self):
        default.before = (*default.before, default.device)
        default.device = self
        return self

    def __exit__(self, *_):
        *default.before, default.device = default.before


device.CPU = device("cpu")
TORCH = device("torch")


def set_default_device(to) -> None:
    """The device of tensors that are made without naming one (not of `from_numpy` and the `_like` functions); None: `cpu` again."""
    default.device = None if to is None else device(to)


def get_default_device() -> device:
    """Where `tensor(...)` makes its tensor."""
    from .creation import tensor

    return tensor([]).device
