"""Methods, operators and in-place forms of `Tensor`, made from the table."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..creation import ones_like, zeros_like
from ..tensor import Tensor
from . import convert, index, inplace, pointwise, shape
from .front import front, short_way
from .table import OPS

#: functions that are not rows of the table but are methods too
COMPOSITES = [
    "reshape",
    "narrow",
    "split",
    "chunk",
    "unbind",
    "flatten",
    "unflatten",
    "movedim",
    "moveaxis",
    "t",
    "contiguous",
    "repeat",
    "tile",
    "diag",
    "swapaxes",
    "take_along_dim",
    "masked_select",
    "argsort",
    "topk",
    "unique",
    "bincount",
    "div",
    "divide",
    "multiply",
    "subtract",
    "negative",
    "max",
    "min",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "not_equal",
    "absolute",
    "clip",
    "isclose",
    "allclose",
    "equal",
    "swapdims",
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "broadcast_to",
    "median",
    "nanmedian",
    "kthvalue",
    "quantile",
    "nanquantile",
    "msort",
    "aminmax",
    "cummax",
    "cummin",
    "dist",
    "ravel",
    "repeat_interleave",
    "fliplr",
    "flipud",
    "rot90",
    "tensor_split",
    "diag_embed",
    "diagflat",
    "trace",
    "take",
    "index_copy",
    "index_fill",
    "masked_scatter",
    "argwhere",
    "isin",
    "unique_consecutive",
    "positive",
    "inverse",
    "svd",
    "logdet",
]

#: of those, the ones that are also in-place methods
COMPOSITES_IN_PLACE = ("index_copy", "index_fill", "masked_scatter")

#: views that are also in-place methods
GEOMETRY = ("squeeze", "unsqueeze", "transpose", "swapaxes", "swapdims", "t")

ALIASES = {
    "multiply": "mul",
    "subtract": "sub",
    "negative": "neg",
    "absolute": "abs",
    "clip": "clamp",
}


def variadic(function, name):
    """`x.view(2, 3)` as well as `x.view((2, 3))`."""

    def method(self, *values, **kwargs):
        if kwargs and not values:
            return function(self, **kwargs)
        if len(values) == 1 and isinstance(values[0], (tuple, list)):
            values = tuple(values[0])
        return function(self, values, **kwargs)

    method.__name__, method.__doc__ = name, function.__doc__
    return method


def attach():
    for name, row in OPS.items():
        public = row.public_front or row.front
        if row.method or row.public_front:
            setattr(Tensor, name, variadic(public, name) if row.varargs else public)
        if row.inplace:
            setattr(Tensor, name + "_", inplace.method(name))
    for name in COMPOSITES:
        if hasattr(ops, name) and name not in OPS:
            setattr(Tensor, name, getattr(ops, name))
        if name in COMPOSITES_IN_PLACE:
            setattr(Tensor, name + "_", inplace.method(name))
        if name in ALIASES:
            setattr(Tensor, name, OPS[ALIASES[name]].public_front or OPS[ALIASES[name]].front)
            setattr(Tensor, name + "_", inplace.method(ALIASES[name]))
    Tensor.reshape = variadic(ops.reshape, "reshape")
    Tensor.tile = variadic(ops.tile, "tile")
    for name in ("copy_", "fill_", "zero_", "masked_fill_", "div_", "index_put_"):
        setattr(Tensor, name, getattr(inplace, name))
    for name in GEOMETRY:
        setattr(Tensor, name + "_", inplace.geometry_method(name))
    for name, function in convert.SHORTCUTS.items():
        setattr(Tensor, name, function)
    Tensor.to, Tensor.cpu, Tensor.cuda, Tensor.type_as = (
        convert.to,
        convert.cpu,
        convert.cuda,
        convert.type_as,
    )
    Tensor.view_as = lambda self, other: self.view(other.shape)
    Tensor.reshape_as = lambda self, other: self.reshape(other.shape)
    Tensor.expand_as = lambda self, other: self.expand(other.shape)
    for name, function in dict(zeros=zeros_like, ones=ones_like).items():
        setattr(Tensor, f"new_{name}", new_of(function))
    Tensor.new_full = lambda self, size, fill_value, dtype=None, device=None, requires_grad=False: _new_full(
        self, size, fill_value, dtype, device, requires_grad
    )
    Tensor.new_empty = Tensor.new_zeros
    Tensor.new_tensor = _new_tensor
    Tensor.where = lambda self, condition, other: ops.where(condition, self, other)
    Tensor.type, Tensor.real = convert.type_, property(ops.real)
    Tensor.T = property(lambda self: shape.permute(self, tuple(range(self.ndim - 1, -1, -1))))
    Tensor.mT = Tensor.mH = property(lambda self: shape.transpose(self, -2, -1))
    Tensor.H = property(shape.t)
    attach_operators()


def new_of(function):
    value = 0 if function is zeros_like else 1

    def new(self, *size, dtype=None, device=None, requires_grad=False):
        from ..creation import shape_from

        return _new_full(self, shape_from(size), value, dtype, device, requires_grad)

    return new


def _new_full(self, size, fill_value, dtype, device, requires_grad):
    from ..creation import full

    return full(
        size, fill_value, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad
    )


def _new_tensor(self, data, dtype=None, device=None, requires_grad=False):
    from ..creation import tensor

    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


FOREIGN = (np.number, np.bool_, np.ndarray)


def operator(row):
    """`x + y`: floating operands by the short way."""
    general = operand(row.front)
    return front(row, operator=general) if short_way(row) else general


def operand(function):
    """An operator gives NotImplemented for what is no number or tensor, so that Python can try the other side."""

    def method(self, other):
        if isinstance(other, (Tensor, float, int)):
            return function(self, other)
        return function(self, _ours(other)) if isinstance(other, FOREIGN) else NotImplemented

    return method


def reflected(function):
    def method(self, other):
        if isinstance(other, (Tensor, float, int)):
            return function(other, self)
        return function(_ours(other), self) if isinstance(other, FOREIGN) else NotImplemented

    return method


def _ours(other):
    """A tensor for an array of NumPy, a Python number for its scalar."""
    if isinstance(other, np.generic):
        return other.item()
    from ..creation import from_numpy

    return from_numpy(other)


def invert(self):
    """~x. TypeError for floating tensors."""
    if self.is_floating_point():
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return ops.bitwise_not(self)


def attach_operators():
    binary = dict(
        add="add",
        sub="sub",
        mul="mul",
        truediv="true_divide",
        floordiv="floor_divide",
        mod="remainder",
        pow="pow",
        matmul="matmul",
    )
    for sign, name in binary.items():
        setattr(Tensor, f"__{sign}__", operator(OPS[name]))
        setattr(Tensor, f"__r{sign}__", reflected(OPS[name].front))
        if name != "matmul":
            setattr(Tensor, f"__i{sign}__", inplace.method(name))
    Tensor.__rdiv__ = Tensor.__rtruediv__  # a name that torch has kept from Python 2
    for sign in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{sign}__", operator(OPS[sign]))
    for sign, name in {"and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor"}.items():
        setattr(Tensor, f"__{sign}__", operator(OPS[name]))
        setattr(Tensor, f"__r{sign}__", reflected(OPS[name].front))
        setattr(Tensor, f"__i{sign}__", inplace.method(name))
    Tensor.__neg__, Tensor.__abs__, Tensor.__invert__ = pointwise.neg, pointwise.abs, invert
    Tensor.__pos__ = lambda self: self
    Tensor.__getitem__, Tensor.__setitem__ = index.getitem, index.setitem
