"""In-place forms: `x.op_(...)` is the op of the table, its result written into x's memory (`autograd/views.py`)."""

from __future__ import annotations

import warnings

from .. import ops
from ..autograd.mode import state
from ..autograd.views import bump, change_geometry, check_history, check_writable, repeats, set_history, write
from ..backends import backend_of
from ..tensor import Tensor, wrap
from . import index
from .dims import broadcast_shape
from .table import OPS


def apply(name, x, *args, **kwargs):
    """Runs the op or function `name` on x and writes the result into x. Nothing is changed if anything is wrong."""
    row = OPS.get(name)
    check_writable(x, [a for a in args if isinstance(a, Tensor)])
    if row and not row.public_front and (row.fused or not row.body):
        result = row.front(x, *args, **kwargs)
    else:
        function = getattr(ops, name) if row is None else row.public_front or row.front
        result = function(saved_apart(x), *args, **kwargs)
    return write(x, result, row)


def saved_apart(x):
    """`x` in other memory, at the same place in the graph: what the inner ops of a composite save is not overwritten."""
    edge = x._edge
    if not state.grad or edge is None:
        return x
    apart = wrap(backend_of(x._array).clone(x._array))
    apart._node = edge
    return apart


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
    common = broadcast_shape(self.shape, src.shape)
    if common != self.shape:
        raise RuntimeError(
            f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(common)}"
        )
    result = src if src.shape == self.shape else shape.expand(src, self.shape)
    result = result.to(device=self.device, dtype=self.dtype)
    node = result._edge if state.grad and result.requires_grad else None
    if node is not None and result.is_leaf:
        from .pointwise import clone

        node = clone(result)._node
    self._array[...] = result._array
    bump(self)
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
    result = full((), value, dtype=self.dtype, device=self.device)
    return fill_repeated(self, ..., result) if repeats(self) else copy_(self, result)


def zero_(self):
    """Every element becomes 0."""
    return fill_(self, 0)


def div_(self, other, *, rounding_mode=None):
    """In-place form of `div`."""
    if rounding_mode is None:
        return apply("true_divide", self, other)
    return apply("div", self, other, rounding_mode=rounding_mode)


def masked_fill_(self, mask, value):
    """In-place form of `masked_fill`."""
    if not repeats(self):
        return apply("masked_fill", self, mask, value)
    warn_of_expanded("masked_fill_")
    result = OPS["masked_fill"].front(self, mask, value)
    chosen = mask.expand(self.shape)
    return fill_repeated(self, chosen._array, result[chosen][:1].reshape(()) if bool(chosen.any()) else result)


def geometry_method(name):
    """`squeeze_` and the like: the tensor itself becomes that view of it, with all of its memory."""

    def in_place(self, *args, **kwargs):
        return change_geometry(self, getattr(ops, name), *args, **kwargs)

    in_place.__name__ = name + "_"
    in_place.__doc__ = f"In-place form of `{name}`: another shape for the same memory."
    return in_place


def index_put_(self, indices, values, accumulate=False):
    """In-place form of `index_put`. Unlike torch: on an expanded tensor without `accumulate` and gradients only."""
    if not repeats(self) or accumulate:
        return apply("index_put", self, indices, values, accumulate)
    warn_of_expanded("index_put_")
    index.public_index_put(self, indices, values)  # which refuses what is wrong
    return fill_repeated(self, index.raw_index(self, tuple(indices)), values)


def warn_of_expanded(name):
    warnings.warn(
        f"Use of {name} on expanded tensors is deprecated. Please clone() the tensor before performing this operation.",
        stacklevel=3,
    )


def fill_repeated(x, index, value):
    """`x`, several elements of which are one memory location, becomes `value` at `index`; the last one written stays. RuntimeError if a
    gradient would have to pass."""
    if state.grad and (x.requires_grad or value.requires_grad):
        check_writable(x)
    check_history(x)
    backend_of(x._array).assign(x._array, value._array, index=index)
    bump(x)
    return x
