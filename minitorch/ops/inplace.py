"""In-place forms: `x.op_(...)` is the op of the table, its result written into x's memory (`autograd/views.py`)."""

from __future__ import annotations

from ..autograd.mode import state
from ..autograd.views import check_writable, set_history, write
from ..tensor import Tensor
from .table import OPS


def apply(name, x, *args, **kwargs):
    """Runs op `name` on x and writes the result into x. Nothing is changed if anything is wrong."""
    row = OPS[name]
    check_writable(x, [a for a in args if isinstance(a, Tensor)])
    result = (row.public_front or row.front)(x, *args, **kwargs)
    return write(x, result, name)


def method(name):
    def in_place(self, *args, **kwargs):
        return apply(name, self, *args, **kwargs)

    in_place.__name__ = name + "_"
    in_place.__doc__ = f"In-place form of `{name}`."
    return in_place


def copy_(self, src, non_blocking=False):
    """self becomes src, broadcast and cast; src gets the gradient, the old values none."""
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    from . import shape

    check_writable(self, [src])
    if src.ndim > self.ndim:  # x[0, :] = a (1, n) is allowed: leading ones are dropped
        extra = src.ndim - self.ndim
        if any(n != 1 for n in src.shape[:extra]):
            raise RuntimeError(
                f"The expanded size of the tensor ({list(self.shape)}) must match the existing size ({list(src.shape)})"
            )
        src = shape.reshape(src, src.shape[extra:])
    result = src if src.shape == self.shape else shape.expand(src, self.shape)
    result = result.to(device=self.device, dtype=self.dtype)
    node = result._edge if state.grad and result.requires_grad else None
    if node is not None and result.is_leaf:
        from .pointwise import clone

        node = clone(result)._node
    array = self._array
    array[...] = result._array
    self._cell[0] += 1
    set_history(self, node)
    return self


def fill_(self, value):
    """Every element becomes `value` (a number or a 0-d tensor)."""
    from ..creation import full

    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
            )
        return copy_(self, value)
    return copy_(self, full((), value, dtype=self.dtype, device=self.device))


def zero_(self):
    """Every element becomes 0."""
    return fill_(self, 0)
