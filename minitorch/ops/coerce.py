"""From what a user passes to raw arrays of one dtype on one backend.

Every policy is a function `(op, *arguments) -> (xp, *arrays)`. Floating tensors of one type on the CPU seldom get here: the front of
an op (`entry` in table.py) takes them itself.
"""

from __future__ import annotations

from numpy import ndarray

from .. import dtypes
from ..backends import backend_of
from ..backends import numpy as NUMPY
from ..printing import type_name
from ..tensor import Tensor

_NUMBERS = (bool, int, float)
BOOL = dtypes.bool.numpy


def not_a_tensor(op, position, value):
    name = op.parameters[position]
    return TypeError(
        f"{op.name}(): argument '{name}' (position {position + 1}) must be Tensor, not {type(value).__name__}"
    )


def missing(op, name):
    raise TypeError(f'{op.name}() missing 1 required positional arguments: "{name}"')


def checked(op, x, *others):
    if not isinstance(x, Tensor):
        raise not_a_tensor(op, 0, x)


def same(op, *xs):
    """Tensors (or None) as they are: the op itself says what dtypes it takes."""
    xp, arrays = None, []
    for i, x in enumerate(xs):
        if isinstance(x, Tensor):
            a = x._array
            if xp is None:
                xp, first = backend_of(a), a
            elif type(a) is not type(first) or (type(a) is not ndarray and a.device != first.device):
                raise mixed(op, xs)
            arrays.append(a)
        elif x is None and i in op.optional:
            arrays.append(None)
        else:
            raise not_a_tensor(op, i, x)
    return (xp, *arrays)


def one(op, x):
    """One tensor."""
    try:
        a = x._array
    except AttributeError:
        raise not_a_tensor(op, 0, x) from None
    return (NUMPY if type(a) is ndarray else backend_of(a)), a


def number(op, x):
    """One tensor, no bools: what the op says to them."""
    xp, a = one(op, x)
    if a.dtype is BOOL or xp is not NUMPY:
        op.refuses(op, [x.dtype])
    return xp, a


def floats(op, x):
    """One floating tensor; NotImplementedError for integers and bools."""
    xp, a = one(op, x)
    if not xp.is_floating(a):
        raise not_implemented(op, x.dtype)
    return xp, a


def floating(op, x):
    """One tensor; integers and bools become the default floating type."""
    xp, a = one(op, x)
    if not xp.is_floating(a):
        a = xp.astype(a, dtypes.get_default_dtype())
    return xp, a


def integers_as_int64(op, x):
    """One tensor; integers and bools become int64, in which sums of small integers do not overflow."""
    xp, a = one(op, x)
    return xp, (a if xp.is_floating(a) else xp.astype(a, dtypes.int64))


def promote(op, *xs):
    """Tensors and Python numbers, promoted to their common dtype."""
    if len(xs) == 2 and not op.refuses and isinstance(xs[0], Tensor) and isinstance(xs[1], Tensor):
        a, b = xs[0]._array, xs[1]._array
        if type(a) is type(b) is ndarray and a.dtype is b.dtype:
            return NUMPY, a, b
    xp, arrays, common = unify(op, xs)
    return (xp, *[cast(xp, a, common) for a in arrays])


def tensor_first(op, x, y):
    """As `promote`; only the second may be a number."""
    if not isinstance(x, Tensor):
        raise not_a_tensor(op, 0, x)
    return promote(op, x, y)


def given(op, *xs):
    """As `promote`; None stays None."""
    xp, *arrays = promote(op, *[x for x in xs if x is not None])
    return (xp, *[x if x is None else arrays.pop(0) for x in xs])


def powers(op, x, y):
    """As `promote`; but of all powers of bools those to True and False are not refused, and of integers those to negative numbers are."""
    if isinstance(x, Tensor) and not x.is_floating_point():
        if type(y) is bool and x.dtype is dtypes.bool:
            return (*one(op, x), y)
        if type(y) is int and y < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
    return promote(op, x, y)


def listed(op, *xs):
    """A list of tensors, promoted. (Of none the op says what is wrong.)"""
    arrays = [x._array if isinstance(x, Tensor) else None for x in xs]
    for a in arrays:
        if type(a) is not ndarray or a.dtype is not arrays[0].dtype:
            break
    else:
        return (NUMPY, *arrays)
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    return promote(op, *xs)


def integer(op, x):
    """One tensor that is not floating."""
    xp, a = one(op, x)
    return xp, whole(op, xp, a)


def integers(op, x, y):
    """As `promote`, of tensors and numbers that are not floating."""
    xp, *arrays = promote(op, x, y)
    return (xp, *[whole(op, xp, a) for a in arrays])


def whole(op, xp, a):
    if hasattr(a, "dtype") and xp.is_floating(a):
        raise NotImplementedError(f"\"{op.name}_cpu\" not implemented for 'Float'")
    return a


def promote_floating(op, *xs):
    """As `promote`, and integers become the default floating type (true division, atan2, ...)."""
    xp, arrays, common = unify(op, xs)
    if not common.is_floating_point:
        common = dtypes.get_default_dtype()
    return (xp, *[cast(xp, a, common) for a in arrays])


#: those for which arrays of one type are right as they are, if the op refuses none
AS_THEY_ARE = (promote, tensor_first)

#: the policies for one tensor that a floating one passes as it is, and all those that do not broadcast
ONE_FLOATING = (floating, floats, number, integers_as_int64)
ALONE = (one, same, *ONE_FLOATING)

#: the policies that take Python numbers, if the op does (`numbers`)
PROMOTING = (promote, promote_floating, powers, tensor_first, given)


def cast(xp, a, common):
    if type(a) in _NUMBERS:
        if common.is_floating_point:
            return float(a)
        return xp.full((), a, dtype=common)
    return a if dtypes.OF_RAW[a.dtype] is common else xp.astype(a, common)


def unify(op, xs):
    """-> (backend, raw arrays and numbers, common dtype). Errors: TypeError, RuntimeError for mixed devices."""
    xp, device = None, None
    dimensioned, zero_dim, numbers, arrays = [], [], [], []
    for i, x in enumerate(xs):
        if isinstance(x, Tensor):
            a = x._array
            if a.ndim:
                dimensioned.append(dtypes.OF_RAW[a.dtype])
                if xp is None:
                    xp, device = backend_of(a), x.device
                elif x.device != device:
                    raise mixed(op, xs)
            else:
                zero_dim.append(dtypes.OF_RAW[a.dtype])
            arrays.append(a)
        elif op.numbers and (type(x) in _NUMBERS or hasattr(x, "__index__") or hasattr(x, "__float__")):
            x = x if type(x) in _NUMBERS else x.item() if hasattr(x, "item") else x
            numbers.append(dtypes.of_python(x))
            arrays.append(x)
        else:
            raise not_a_tensor(op, i, x)
    if xp is None:  # only 0-d tensors and numbers
        tensors = [x for x in xs if isinstance(x, Tensor)]
        if not tensors:
            raise not_a_tensor(op, 0, xs[0])
        # A 0-d tensor in main memory may meet one on another device, as a number does.
        x = next((t for t in tensors if t.device.type != "cpu"), tensors[0])
        xp, device = backend_of(x._array), x.device
    for i, (x, a) in enumerate(zip(xs, arrays, strict=True)):
        if isinstance(x, Tensor) and x.device != device:
            if a.ndim or x.device.type != "cpu":
                raise mixed(op, xs)
            arrays[i] = xp.from_numpy(a, device)
    if op.refuses:
        op.refuses(op, [*dimensioned, *zero_dim, *numbers])
    return xp, arrays, dtypes.result_type_of(dimensioned, zero_dim, numbers)


# ---------------------------------------------------------------------- what an op refuses: (op, dtypes of its operands)


def bools(op, given):
    """NotImplementedError where all operands are bool."""
    if all(d is dtypes.bool for d in given):
        raise not_implemented(op, dtypes.bool)


def bools_saying(text):
    """RuntimeError with torch's own text where all operands are bool."""

    def refuses(op, given):
        if all(d is dtypes.bool for d in given):
            raise RuntimeError(text)

    return refuses


def whole_numbers(op, given):
    """NotImplementedError where the tensors (the first operands) are not floating."""
    if not given[0].is_floating_point:
        raise not_implemented(op, given[0])


def not_implemented(op, dtype):
    return NotImplementedError(f"\"{op.name}_cpu\" not implemented for '{type_name(dtype)}'")


def mixed(op, xs):
    devices = list(dict.fromkeys(str(x.device) for x in xs if isinstance(x, Tensor)))
    return RuntimeError(
        f"Expected all tensors to be on the same device, but found at least two devices, {devices[0]} and "
        f"{devices[-1]}! (when calling {op.name}(); move one with .to(device))"
    )
