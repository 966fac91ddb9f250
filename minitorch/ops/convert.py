"""`.to()` and its short forms: other types, other devices."""

from __future__ import annotations

from .. import dtypes
from ..backends import backend_for, backend_of
from ..device import device as Device
from ..printing import type_name
from ..tensor import Tensor
from . import coerce
from .pointwise import clone, to_dtype
from .table import op


@op(vjp=dict(x=lambda g, source: move(g, source)), method=False, inplace=False, coerce=coerce.one)
def to_device(xp, x, *, device, source):
    """The values in another place; the gradient comes back to `source`."""
    return move(x, device)


def move(x, device):
    """A raw array (or a tensor) on another device."""
    if isinstance(x, Tensor):
        return to_device(x, device, x.device)
    return backend_for(device).from_numpy(backend_of(x).to_numpy(x), device)


def destination(args, dtype, device):
    """(dtype, device) of the arguments of `to`; None: as it is."""
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, (str, Device)):
            device = a
        elif isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif not isinstance(a, bool) and a is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got ({type(a).__name__})")
    return dtype, device


def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
    """Another dtype and/or device; itself if nothing changes. Forms: to(dtype), to(device), to(device, dtype), to(other)."""
    dtype, device = destination(args, dtype, device)
    out = self
    if device is not None:
        device = Device(device)
        if device != self.device:
            out = to_device(out, device, self.device)
    if dtype is not None and dtype is not self.dtype:
        out = to_dtype(out, dtype) if dtype.is_floating_point else to_dtype(out.detach(), dtype)
    return clone(out) if copy and out is self else out


def shortcut(dtype):
    def convert(self, memory_format=None):
        return to(self, dtype)

    convert.__doc__ = f"As {dtype!r}; itself if it is already."
    return convert


SHORTCUTS = {
    name: shortcut(getattr(dtypes, name))
    for name in ("float", "double", "half", "long", "int", "short", "bool")
} | {"char": shortcut(dtypes.int8), "byte": shortcut(dtypes.uint8)}


def cpu(self, memory_format=None):
    return to(self, device="cpu")


def cuda(self, device=None, non_blocking=False):
    return to(self, device="cuda" if device is None else device)


def type_(self, dtype=None, non_blocking=False):
    """The name of the type, as `torch.FloatTensor`; with a dtype or such a name: the values as that type."""
    if dtype is None:
        return f"torch.{type_name(self.dtype)}Tensor"
    if isinstance(dtype, str):
        names = {f"torch.{type_name(d)}Tensor": d for d in dtypes.ALL}
        if dtype not in names:
            raise ValueError(f"invalid type: {dtype!r}")
        dtype = names[dtype]
    return to(self, dtype)


def type_as(self, other):
    return to(self, other.dtype)
