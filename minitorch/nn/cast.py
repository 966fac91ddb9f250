"""Changing all tensors of a module: another device, another dtype."""

from __future__ import annotations

from ..autograd.mode import no_grad
from ..creation import empty_like
from ..ops.convert import destination


def apply(self, fn):
    """fn(module) on every sub-module, children first."""
    for module in self.children():
        module.apply(fn)
    fn(self)
    return self


def apply_to_tensors(self, fn, recurse=True):
    """Replaces the array of every parameter, its grad, and buffer by `fn` of it; nothing is changed if one of them fails."""
    grads = [p._grad for p in self.parameters(recurse) if p._grad is not None]
    tensors = [*self.parameters(recurse), *grads, *self.buffers(recurse)]
    with no_grad():
        arrays = [fn(t.detach())._array for t in tensors]
    for t, array in zip(tensors, arrays, strict=True):
        t._array = array
    return self


def to(self, *args, dtype=None, device=None, non_blocking=False):
    """Moves and casts parameters and buffers in place; integers only move. Forms: to(device), to(dtype), to(device, dtype), to(tensor)."""
    dtype, device = destination(args, dtype, device)
    if dtype is not None and not dtype.is_floating_point:
        raise TypeError(
            f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
        )
    return self._apply(lambda t: t.to(device=device, dtype=dtype if t.is_floating_point() else None))


def to_empty(self, *, device, recurse=True):
    """Moves parameters and buffers without their values."""
    return self._apply(lambda t: empty_like(t, device=device), recurse)


def type(self, dst_type):
    """Casts all parameters and buffers, integers too."""
    return self._apply(lambda t: t.type(dst_type))


def float(self):
    return self._apply(lambda t: t.float() if t.is_floating_point() else t)


def double(self):
    return self._apply(lambda t: t.double() if t.is_floating_point() else t)


def half(self):
    return self._apply(lambda t: t.half() if t.is_floating_point() else t)


def cpu(self):
    return self._apply(lambda t: t.cpu())


def cuda(self, device=None):
    return self._apply(lambda t: t.cuda(device))
