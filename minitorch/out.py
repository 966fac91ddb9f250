"""`out=`: the result of a function is computed, then copied into a tensor of the user's.

Unlike torch: an `out` of another shape gets new memory; torch grows it in its old memory, which views of it would see.
"""

from __future__ import annotations

import functools
import warnings

from .autograd.mode import state
from .autograd.views import bump, check_writable
from .printing import type_name
from .tensor import Tensor


def into(name, out, result):
    """Writes the `result` of the function `name` into `out` (several results: into several) and returns `out`."""
    if isinstance(result, tuple):
        written = [into(name, o, r) for o, r in zip(out, result, strict=True)]
        return type(result)(*written) if hasattr(result, "_fields") else tuple(written)
    check(name, out, result)
    if out.shape != result.shape:
        if out.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not match the "
                f"required output shape {list(result.shape)}. This behavior is deprecated; give an output of that shape, or an "
                "empty one.",
                stacklevel=3,
            )
        out._array = result.to(out.dtype)._array
    else:
        check_writable(out)
        out._array[...] = result._array
    bump(out)
    return out


def check(name, out, result):
    """TypeError, or RuntimeError where a gradient would be lost or the dtype or device does not fit."""
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if result.requires_grad or (state.grad and out.requires_grad):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
            "requires grad."
        )
    if result.dtype.category > out.dtype.category:
        raise RuntimeError(
            f"result type {type_name(result.dtype)} can't be cast to the desired output type {type_name(out.dtype)}"
        )
    if result.device != out.device:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {result.device} and {out.device}!"
        )


def taking_out(function):
    """`function` with `out=`, and NumPy's names for `dim` and `keepdim`, for functions that are no rows of the table."""

    @functools.wraps(function)
    def with_out(*args, out=None, axis=None, keepdims=None, **kwargs):
        if axis is not None:
            kwargs["dim"] = axis
        if keepdims is not None:
            kwargs["keepdim"] = keepdims
        result = function(*args, **kwargs)
        return result if out is None else into(function.__name__, out, result)

    return with_out


def created_in(function):
    """A function that makes tensors, with `out=`, whose dtype and device count unless others are given."""

    @functools.wraps(function)
    def with_out(*args, out=None, **kwargs):
        if out is None:
            return function(*args, **kwargs)
        dtype = kwargs.pop("dtype", None) or out.dtype
        if dtype is not out.dtype:
            raise RuntimeError(
                f"dtype {type_name(dtype)} does not match dtype of out parameter ({type_name(out.dtype)})"
            )
        requires_grad = kwargs.pop("requires_grad", False)
        into(function.__name__, out, function(*args, dtype=dtype, device=out.device, **kwargs))
        return out.requires_grad_() if requires_grad else out

    return with_out
