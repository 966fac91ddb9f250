"""Tensors from data, and of given shapes: `tensor`, `zeros`, `arange`, ... Random ones are in `random.py`."""

from __future__ import annotations

import math
from operator import index

import numpy as np

from . import dtypes
from .autograd.mode import INFERENCE, state
from .backends import backend_for, backend_of
from .device import default
from .device import device as Device
from .out import created_in
from .tensor import Size, Tensor, wrap

CPU = Device("cpu")


def finish(array, requires_grad=False) -> Tensor:
    """A new tensor of the user's; an inference tensor in inference mode."""
    t = wrap(array)
    if state.inference:
        t._cell = INFERENCE
    return t.requires_grad_() if requires_grad else t


def the_device(device, otherwise=CPU) -> Device:
    """The device that is named, else the default one (`set_default_device`), else `otherwise`."""
    if device is None:
        return default.device or otherwise
    return device if isinstance(device, Device) else Device(device)


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False) -> Tensor:
    """A copy of `data` (numbers, nested lists, a NumPy array, a tensor). Python floats get the default dtype, ints int64."""
    if isinstance(data, Tensor):
        import warnings

        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            stacklevel=2,
        )
        device = the_device(device, data.device)
        data = data.detach().to(device=device, dtype=dtype or data.dtype, copy=True)
        return data.requires_grad_() if requires_grad else data
    return finish(raw(data, dtype, device), requires_grad)


def raw(data, dtype, device):
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.array(data)
    else:
        data = _untensored(data)
        try:
            array = np.array(data)
        except ValueError:
            raise _ragged(data) from None
        kind = array.dtype.kind
        if kind in "OUS" or (kind in "uf" and not _has_numpy(data) and not _has_floats(data)):
            wrong = next(_no_numbers(data, dtype), None)
            if wrong:
                raise wrong
            array = np.array(data, np.float64)  # floats, and ints that are larger than any of NumPy's
        if array.dtype.kind == "c":
            raise TypeError("complex numbers are not supported: minitorch has real dtypes only")
        if dtype is None and array.dtype.kind == "f" and not _has_numpy(data):
            array = array.astype(dtypes.get_default_dtype().numpy)
    return place(array, _checked(array, dtype or dtypes.of_array(array)), device)


def _no_numbers(data, dtype):
    """Torch's errors for what in data is no number, or no integer of 64 bits (unless there are floats)."""
    floats = dtype.is_floating_point if dtype else _has_floats(data)
    first = next(_leaves(data), None)
    for x in _leaves(data):
        kind = type(x).__name__
        if isinstance(first, str) and first is not data:  # a string is a sequence: one dimension more
            yield ValueError(f"too many dimensions '{kind}'")
        elif isinstance(x, (str, bytes)):
            yield TypeError(f"new(): invalid data type '{kind}'")
        elif isinstance(x, int):
            if not floats and not -(2**63) <= x < 2**63:
                yield ValueError("Overflow when unpacking long long")
        elif not isinstance(x, (float, np.generic, np.ndarray)):
            yield RuntimeError(f"Could not infer dtype of {kind}")


def _has_floats(data):
    return any(isinstance(x, float) for x in _leaves(data))


def _leaves(data):
    if isinstance(data, (list, tuple)):
        for x in data:
            yield from _leaves(x)
    else:
        yield data


def _checked(array, dtype):
    """The dtype. TypeError if it is none, RuntimeError if a number does not fit into the integers of that dtype."""
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"tensor(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    if dtype.category == dtypes.INTEGER and array.dtype != dtype.numpy and array.size and array.dtype.kind in "if":
        limits = np.iinfo(dtype.numpy)
        low = -limits.max if dtype is dtypes.uint8 else limits.min  # as torch: -1 is 255
        if not (array.min() >= low and array.max() <= limits.max):  # NaN too
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    return dtype


def place(array, dtype, device):
    """A NumPy array as a raw array of a dtype on a device."""
    array = np.asarray(array.astype(dtype.numpy, copy=False))
    device = the_device(device)
    return array if device.type == "cpu" else backend_for(device).from_numpy(array, device)


def _untensored(data):
    """Nested lists in which tensors of one element have become NumPy's scalars of their type."""
    if isinstance(data, (list, tuple)):
        return [_untensored(d) for d in data]
    if not isinstance(data, Tensor):
        return data
    if data.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return data.detach().cpu().numpy().reshape(())[()]


def _has_numpy(data):
    while isinstance(data, (list, tuple)) and len(data):
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic))


def _ragged(data):
    """Torch's error for nested lists that are no array: the first elements give the shape expected."""
    level, dim = [data], 0
    while True:
        for part in level:
            if isinstance(part, (list, tuple)) != isinstance(level[0], (list, tuple)):
                nested = isinstance(part, (list, tuple))
                return TypeError(
                    f"'{type(part).__name__}' object cannot be interpreted as a number"
                    if nested
                    else "not a sequence"
                )
            if len(part) != len(level[0]):
                return ValueError(
                    f"expected sequence of length {len(level[0])} at dim {dim} (got {len(part)})"
                )
        level, dim = [p for part in level for p in part], dim + 1


def as_tensor(data, dtype=None, device=None) -> Tensor:
    """As `tensor`, sharing memory where it can (a tensor, a NumPy array of that type)."""
    if isinstance(data, Tensor):
        return data.to(device=the_device(device, data.device), dtype=dtype or data.dtype)
    if isinstance(data, np.ndarray):
        t = from_numpy(data)
        return t.to(device=the_device(device), dtype=dtype or t.dtype)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(array) -> Tensor:
    """A tensor that shares the memory of a NumPy array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.of_array(array)
    if not array.flags.writeable:
        import warnings

        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. You may want to copy "
            "the array to protect its data or make it writable before converting it to a tensor.",
            stacklevel=2,
        )
    return wrap(array)


def from_raw_like(array, like) -> Tensor:
    return finish(place(array, dtypes.of_array(array), like.device))


def shape_from(args) -> tuple:
    if len(args) == 1 and isinstance(args[0], (tuple, list, Size)):
        args = args[0]
    elif len(args) == 1 and isinstance(args[0], Tensor) and args[0].ndim:
        args = args[0].tolist()
    shape = []
    for n in args:
        if isinstance(n, float) or not hasattr(n, "__index__"):
            raise TypeError(
                f"empty(): argument 'size' must be tuple of ints, but found element of type {type(n).__name__}"
            )
        if n.__index__() < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(args)}")
        shape.append(n.__index__())
    return tuple(shape)


@created_in
def full(size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None) -> Tensor:
    """Of a shape, every element `fill_value`."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    if not isinstance(value, (int, float, np.number, np.bool_)):
        raise TypeError(
            f"full(): argument 'fill_value' (position 2) must be Number, not {type(fill_value).__name__}"
        )
    return filled(shape_from((size,)), value, dtype or dtypes.of_python(value), device, requires_grad)


def filled(shape, value, dtype, device, requires_grad=False) -> Tensor:
    device = the_device(device)
    return finish(backend_for(device).full(shape, value, dtype=dtype, device=device), requires_grad)


def _filled(value, name):
    def create(
        *size,
        dtype=None,
        device=None,
        requires_grad=False,
        layout=None,
        pin_memory=False,
        memory_format=None,
    ):
        return filled(
            shape_from(size if size else ((),)), value, dtype or dtypes.get_default_dtype(), device, requires_grad
        )

    create.__name__ = name
    return created_in(create)


zeros, ones = _filled(0, "zeros"), _filled(1, "ones")
zeros.__doc__, ones.__doc__ = "Of a shape, all 0.", "Of a shape, all 1."
empty = _filled(0, "empty")
empty.__doc__ = "Of a shape. Unlike torch, which leaves what was in the memory: zeros, so that a forgotten write is seen."


def full_like(
    input, fill_value, *, dtype=None, device=None, requires_grad=False, memory_format=None
) -> Tensor:
    if type(fill_value) is int and input.is_contiguous():
        return filled(input._array.shape, fill_value, dtype or input.dtype, device or input.device, requires_grad)
    order = _memory_order(input)
    made = filled(
        tuple(input.shape[d] for d in order),
        fill_value.item() if isinstance(fill_value, Tensor) else fill_value,
        dtype or input.dtype,
        device or input.device,
    )
    if order != sorted(order):
        made = wrap(
            backend_of(made._array).permute(
                made._array, dims=tuple(order.index(d) for d in range(input.ndim))
            )
        )
    return made.requires_grad_() if requires_grad else made


def _memory_order(x) -> list:
    """The dimensions from the outermost in memory to the innermost, where x fills its memory (else as they are)."""
    order, size = list(range(x.ndim)), 1
    if x.is_contiguous():
        return order
    strides = x.stride()
    order.sort(key=lambda d: -strides[d])
    for d in reversed(order):
        if x.shape[d] != 1 and strides[d] != size:
            return sorted(order)
        size *= x.shape[d]
    return order


def zeros_like(input, *, dtype=None, device=None, requires_grad=False, memory_format=None) -> Tensor:
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(input, *, dtype=None, device=None, requires_grad=False, memory_format=None) -> Tensor:
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


empty_like = zeros_like


def _no_bools(name, dtype):
    if dtype is dtypes.bool:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")


@created_in
def arange(start, end=None, step=1, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """start, start + step, ... below end."""
    if end is None:
        start, end = 0, start
    _no_bools("arange", dtype)
    start, end, step = (v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, end, step))
    if dtype is dtypes.int64:  # as torch; the other integers count in floating point
        fraction, (start, end, step) = step, (int(start), int(end), int(step))
        if step == 0 != fraction:
            raise ValueError(f"step must be nonzero, but as an integer {fraction} is")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not math.isfinite(start) or not math.isfinite(end):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) / step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        dtype = (
            dtypes.int64
            if all(isinstance(v, int) for v in (start, end, step))
            else dtypes.get_default_dtype()
        )
    device = the_device(device)
    return finish(backend_for(device).arange(start, end, step, dtype=dtype, device=device), requires_grad)


@created_in
def linspace(start, end, steps, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """`steps` values from start to end, both included."""
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    steps = index(steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    dtype = dtype or dtypes.get_default_dtype()
    if steps > 1:
        _no_bools("linspace", dtype)
    if not dtype.is_floating_point:
        start, end = int(start), int(end)
    # torch works in the tensor's type, from both ends towards the middle
    kind = dtype.numpy.type if dtype.is_floating_point else np.float64
    i = np.arange(steps)
    if steps > 1:
        a, b = kind(start), kind(end)
        step = kind((b - a) / kind(steps - 1))
        out = np.where(
            i < steps // 2, _fma(step, i.astype(kind), a), _fma(-step, (steps - 1 - i).astype(kind), b)
        )
    else:
        out = np.full(steps, start, kind)
    return finish(place(out, dtype, device), requires_grad)


@created_in
def logspace(start, end, steps, base=10.0, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """base ** linspace(start, end, steps)"""
    dtype = dtype or dtypes.get_default_dtype()
    _no_bools("logspace", dtype)
    if not dtype.is_floating_point:
        start, end = int(start), int(end)
    exponents = linspace(start, end, steps, dtype=dtypes.float64, device=CPU).numpy()
    return finish(place(np.power(float(base), exponents), dtype, device), requires_grad)


def _fma(a, x, b):
    """a * x + b rounded once, as torch's vectorised linspace: in float64 for float32."""
    if np.asarray(x).dtype == np.float32:
        return (np.float64(a) * x.astype(np.float64) + np.float64(b)).astype(np.float32)
    return a * x + b


@created_in
def eye(n, m=None, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """Ones on the diagonal."""
    for name, size in (("n", n), ("m", m)):
        if size is not None and size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    return finish(place(np.eye(n, m), dtype or dtypes.get_default_dtype(), device), requires_grad)


def zeros_of(x, shape) -> Tensor:
    """Zeros of a shape in x's type, on x's device: the tensor form of the backends' function."""
    return wrap(backend_of(x._array).zeros_of(x._array, tuple(shape)))


def blank(x, shape) -> Tensor:
    return wrap(backend_of(x._array).blank(x._array, tuple(shape)))


def index_range(x, dim, start, end=-1) -> Tensor:
    return wrap(backend_of(x._array).index_range(x._array, dim, start, end))


def astype_like(x, like) -> Tensor:
    return x.to(like.dtype)


def is_tensor(obj) -> bool:
    return isinstance(obj, Tensor)


def is_floating_point(input) -> bool:
    return input.is_floating_point()


def numel(input) -> int:
    return input.numel()
