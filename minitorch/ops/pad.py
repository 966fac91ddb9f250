"""`nn.functional.pad`: around the last dimensions, with a number or with the tensor's own elements."""

from __future__ import annotations

import functools
import math

import numpy as np

from .. import dtypes
from ..tensor import Tensor
from .samples import Value, calls
from .selection import index_select
from .table import op


def _ints(pad):
    if isinstance(pad, Tensor):
        raise TypeError("pad(): argument 'pad' (position 2) must be tuple of ints, not Tensor")
    return tuple(map(int, pad))


def _sides(pad, ndim):
    """(left, right) of every dimension, first to last. `pad` is flat and starts with the last one. RuntimeError if it does not fit."""
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, but got {list(pad)}")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {ndim}"
        )
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(pairs)) + pairs[::-1]


def _places(shape, pad):
    """(index of what is kept of a tensor, index of its place in the result, the result's shape)."""
    return _slices(tuple(shape), _ints(pad))


@functools.lru_cache(256)  # a program pads the same way again and again
def _slices(shape, pad):
    sides = _sides(pad, len(shape))
    size = tuple(n + left + right for n, (left, right) in zip(shape, sides, strict=True))
    if any(n < 0 for n in size):
        raise RuntimeError(f"The padding {list(pad)} of the size {list(shape)} gives a negative size: {list(size)}")
    if any(n + min(left, 0) + min(right, 0) < 0 for n, (left, right) in zip(shape, sides, strict=True)):
        raise RuntimeError("narrow(): length must be non-negative.")
    kept = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(shape, sides, strict=True))
    place = tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(size, sides, strict=True))
    return kept, place, size


def _constant_pad_dx(xp, g, x_shape, pad):
    kept, place, _ = _places(x_shape, pad)
    if min(pad, default=0) >= 0:  # nothing was cut off
        return xp.getitem(g, index=place)
    return xp.index_put(xp.blank(g, tuple(x_shape)), xp.getitem(g, index=place), index=kept)


@op(
    vjp=dict(x=_constant_pad_dx),
    torch="constant_pad_nd",
    out=False,
    method=False,
    inplace=False,
    samples=calls(
        (((3, 4), Value((1, 2))), {}),
        (((2, 3, 4), Value((1, -1, 0, 2)), 0.5), {}),
        (((3, 4), Value((-1, -2, 0, 0))), {}),
        (((0, 2), Value((1, 1, 1, 1)), 2), {}),
        (((), Value(())), {}),
    ),
)
def constant_pad_nd(xp, x, *, pad, value=0):
    """x with `pad[0]` times `value` before and `pad[1]` times after it along the last dimension, `pad[2]` ... along the one before;
    a negative number cuts off."""
    kept, place, size = _places(x.shape, pad)
    around = xp.zeros_of(x, ())
    if value != 0 or math.copysign(1, value) < 0:
        try:
            around[...] = value
        except (ValueError, OverflowError):
            raise RuntimeError(f"value cannot be converted to type {dtypes.OF_RAW[x.dtype].name}_t without overflow") from None
    return xp.index_put(xp.expand(around, size=size), x[kept], index=place)


def _reflected(n, left, right):
    if max(left, right) >= n:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({left}, {right}) of a dimension of size {n}"
        )
    at = np.abs(np.arange(-left, n + right))
    return np.minimum(at, 2 * (n - 1) - at)


def _replicated(n, left, right):
    return np.arange(-left, n + right).clip(0, n - 1)


def _circular(n, left, right):
    if max(left, right) > n:
        raise RuntimeError(f"Padding value causes wrapping around more than once: ({left}, {right}) of a size {n}")
    if n + left + right < 0:
        raise RuntimeError("Negative padding value is resulting in an empty dimension")
    first, size = max(-left, 0), n - max(-left, 0) - max(-right, 0)
    return first + np.arange(-max(left, 0), size + max(right, 0)) % max(size, 1)


#: mode -> (size, before, after) -> the positions of a dimension that are put side by side
MODES = dict(reflect=_reflected, replicate=_replicated, circular=_circular)


def pad(input, pad, mode="constant", value=None):
    """The input with more around its last dimensions: `pad` is (before, after) of the last, then of the one before it ... `mode`:
    "constant" (`value`, 0 unless given), "reflect", "replicate" (the outermost elements) or "circular"."""
    pad = _ints(pad)
    sides = _sides(pad, input.ndim)
    if mode == "constant":
        return constant_pad_nd(input, pad, 0 if value is None else value)
    if value not in (None, 0):
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    count = len(pad) // 2
    if count not in (1, 2, 3) or input.ndim not in (count + 1, count + 2):
        raise NotImplementedError(f"Padding size {len(pad)} is not supported for {input.ndim}D input tensor.")
    if mode != "circular":
        _check(mode, input, sides, batched=input.ndim == count + 2)
    from ..creation import from_raw_like

    for dim, (left, right) in enumerate(sides):
        if left or right:
            at = MODES[mode](input.shape[dim], left, right)
            input = index_select(input, from_raw_like(np.asarray(at, np.int64), input), dim=dim)
    return input.clone() if not any(map(any, sides)) else input


def _check(mode, input, sides, batched):
    if input.dtype is dtypes.bool:
        raise NotImplementedError(f"\"{mode}_pad\" not implemented for 'Bool'")
    if 0 in input.shape[1 if batched else 0 :]:
        raise RuntimeError(
            "Expected a tensor with possibly 0 batch size and other non-zero dimensions for input, but got: "
            f"{list(input.shape)}"
        )
    size = [n + left + right for n, (left, right) in zip(input.shape, sides, strict=True)]
    if any(n < 1 and side != (0, 0) for n, side in zip(size, sides, strict=True)):
        raise RuntimeError(f"input {list(input.shape)} is too small. Calculated output: {size}")
