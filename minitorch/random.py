"""Random tensors: torch's functions and in-place methods on a `Generator`. The same seed gives torch's numbers.

Random numbers are always made in main memory, from one stream, and copied to the device of the tensor.
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from . import dtypes
from .autograd.views import bump, check_writable, set_history
from .backends import backend_of
from .creation import finish, place, shape_from
from .generator import Generator, default_generator
from .out import created_in, taking_out
from .tensor import Tensor, wrap

__all__ = [
    "Generator", "bernoulli", "default_generator", "get_rng_state", "initial_seed", "manual_seed", "multinomial", "normal",
    "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "seed", "set_rng_state",
]  # fmt: skip


# ---------------------------------------------------------------------- the default generator


def manual_seed(seed) -> Generator:
    """Starts the default generator from `int(seed)` and returns it."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Starts the default generator from a seed of the operating system, and returns that."""
    return default_generator.seed()


def initial_seed() -> int:
    """What the default generator was last started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator: 5056 bytes, the same as torch's."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Back to a state from `get_rng_state`."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices=None, enabled=True):
    """`with fork_rng():` what is drawn within leaves the default generator as it was. `devices`: without effect, there is one stream."""
    before = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if enabled:
            set_rng_state(before)


def the_generator(generator) -> Generator:
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"argument 'generator' must be a torch.Generator, not {type(generator).__name__}")
    return generator


def get_state(self) -> Tensor:
    """The whole state as a uint8 tensor of 5056 bytes, the same as torch's."""
    return wrap(self.get_state_bytes())


def set_state(self, new_state) -> Generator:
    """Back to what `get_state` returned. RuntimeError or TypeError, and nothing changed, if that is no state."""
    if not isinstance(new_state, Tensor):
        raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
    self.set_state_bytes(np.ascontiguousarray(to_numpy(new_state)))
    return self


# ---------------------------------------------------------------------- order in memory


def memory_order(shape, strides) -> list[int]:
    """Dimensions from the smallest stride to the largest; stride 0 (expanded) keeps its place, the last is first."""
    order = list(range(len(shape)))[::-1]
    for i in range(1, len(order)):
        at = i
        for j in range(i - 1, -1, -1):
            a, b = order[j], order[at]
            if strides[a] == 0 or strides[b] == 0:
                continue
            if (abs(strides[a]), shape[a]) > (abs(strides[b]), shape[b]):
                order[j], order[at], at = b, a, j
            elif abs(strides[a]) < abs(strides[b]):
                break
    return order


def dense(shape, strides, dtype):
    """A new array without gaps whose dimensions lie in memory in the order of `strides`: torch's `empty_like`."""
    order = memory_order(shape, strides)[::-1]
    return np.empty([shape[d] for d in order], dtype).transpose(np.argsort(order))


def dense_like(array, dtype=None):
    if array.flags.c_contiguous:
        return np.empty(array.shape, array.dtype if dtype is None else dtype)
    return dense(array.shape, array.strides, array.dtype if dtype is None else dtype)


# ---------------------------------------------------------------------- in-place methods


def in_place(self, fill) -> Tensor:
    """Fills the memory of `self` by `fill(array)`; what `self` was computed from no longer matters to it."""
    check_writable(self)
    array = self._array
    if isinstance(array, np.ndarray):
        fill(array)
    else:
        shape, dtype = tuple(array.shape), self.dtype.numpy
        if array.is_contiguous():
            scratch = np.empty(shape, dtype)
        else:  # in the same order in memory, and with gaps: the generator treats contiguous arrays differently
            scratch = dense((*shape, 2), (*array.stride(), 0.5), dtype)[..., 0]
        fill(scratch)
        array[...] = backend_of(array).from_numpy(np.ascontiguousarray(scratch), self.device)
    bump(self)
    set_history(self, None)
    return self


def to_numpy(x: Tensor) -> np.ndarray:
    array = x._array
    return array if isinstance(array, np.ndarray) else backend_of(array).to_numpy(array)


def uniform_(self, *args, generator=None, **bounds):
    """uniform_(from=0, to=1): uniform in [from, to)."""
    low, high = two(args, bounds, "uniform_", 0.0, 1.0)
    generator = the_generator(generator)
    return in_place(self, lambda out: generator.uniform_(out, low, high))


def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Normal. A contiguous tensor of 16 elements or more gets other numbers than a smaller or strided one, as in torch."""
    generator = the_generator(generator)
    return in_place(self, lambda out: generator.normal_(out, mean, std))


def random_(self, *args, generator=None, **bounds):
    """random_(), random_(to), random_(from, to): integers in [from, to); without bounds all that the type holds."""
    generator = the_generator(generator)
    if len(args) == 1 and not bounds:
        args = (0, *args)
    low, high = two(args, bounds, "random_", None, None)
    if low is None and high is not None:
        low = 0
    return in_place(self, lambda out: generator.random_(out, low, high))


def bernoulli_(self, p=0.5, *, generator=None):
    """1 with probability p (a number, or a tensor of probabilities that is broadcast), else 0."""
    generator = the_generator(generator)
    if isinstance(p, Tensor):
        probabilities = to_numpy(p)
        try:
            np.broadcast_to(probabilities, tuple(self.shape))
        except ValueError:
            raise RuntimeError(
                f"p of shape {list(p.shape)} cannot be expanded to the shape of the tensor, {list(self.shape)}"
            ) from None
        return in_place(self, lambda out: generator.bernoulli_(out, probabilities))
    return in_place(self, lambda out: generator.bernoulli_(out, p))


def exponential_(self, lambd=1.0, *, generator=None):
    """Exponential with rate `lambd`."""
    generator = the_generator(generator)
    return in_place(self, lambda out: generator.exponential_(out, lambd))


def geometric_(self, p, *, generator=None):
    """The number of trials up to the first success, each with probability p."""
    generator = the_generator(generator)
    return in_place(self, lambda out: generator.geometric_(out, p))


def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """exp of a normal with this mean and std."""
    generator = the_generator(generator)
    return in_place(self, lambda out: generator.log_normal_(out, mean, std))


def cauchy_(self, median=0.0, sigma=1.0, *, generator=None):
    """Cauchy."""
    generator = the_generator(generator)
    return in_place(self, lambda out: generator.cauchy_(out, median, sigma))


def two(args, named, function, *values):
    """The values of the parameters `from` (a keyword of Python, so it cannot be named in a signature) and `to`."""
    values = dict(zip(("from", "to"), values, strict=True))
    given = dict(zip(("from", "to"), args, strict=False))
    unknown = sorted((set(named) - set(values)) | (set(named) & set(given)))
    if len(args) > 2 or unknown:
        raise TypeError(
            f"{function}() received an invalid combination of arguments - got {unknown or len(args)}"
        )
    values.update(given, **named)
    return values["from"], values["to"]


# ---------------------------------------------------------------------- new tensors


def size_of(size, function):
    if not size:
        raise TypeError(
            f"{function}() received an invalid combination of arguments - got (), but expected a size"
        )
    return shape_from(size)


def check_grad(requires_grad, dtype):
    """Before anything is drawn: integers have no gradient."""
    if requires_grad and not dtype.is_floating_point:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")


def made(array, dtype, device, requires_grad) -> Tensor:
    """A filled NumPy array as a tensor. Its strides are kept on the device cpu."""
    return finish(place(array, dtype, device), requires_grad)


def new(shape, dtype):
    dtype = dtype or dtypes.get_default_dtype()
    return np.empty(shape, dtype.numpy), dtype


def new_like(input, dtype, device):
    """A dense array with the dimensions in the memory order of `input`, and the dtype and device of the result."""
    dtype = dtype or input.dtype
    array = input._array
    if isinstance(array, np.ndarray):
        out = dense_like(array, dtype.numpy)
    else:
        out = dense(tuple(array.shape), array.stride(), dtype.numpy)
    return out, dtype, device or input.device


@created_in
def rand(
    *size, generator=None, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False
) -> Tensor:
    """Uniform in [0, 1)."""
    out, dtype = new(size_of(size, "rand"), dtype)
    return made(the_generator(generator).uniform_(out), dtype, device, requires_grad)


@created_in
def randn(
    *size, generator=None, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False
) -> Tensor:
    """Standard normal."""
    out, dtype = new(size_of(size, "randn"), dtype)
    return made(the_generator(generator).normal_(out), dtype, device, requires_grad)


@created_in
def randint(
    *args,
    generator=None,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
    **named,
) -> Tensor:
    """randint(high, size) or randint(low, high, size): integers in [low, high), int64 unless `dtype` says otherwise."""
    names = ("low", "high", "size") if len(args) + len(named) == 3 else ("high", "size")
    given = dict(zip((n for n in names if n not in named), args, strict=False), **named)
    if set(given) != set(names) or len(args) + len(named) != len(names):
        raise TypeError(
            "randint() received an invalid combination of arguments - expected (int high, tuple of ints size) or "
            "(int low, int high, tuple of ints size)"
        )
    if isinstance(given["size"], (int, float)):
        raise TypeError(
            f"randint(): argument 'size' (position {len(names)}) must be tuple of ints, not {type(given['size']).__name__}"
        )
    dtype = dtype or dtypes.int64
    check_grad(requires_grad, dtype)
    out = np.empty(shape_from((given["size"],)), dtype.numpy)
    return made(
        the_generator(generator).random_(out, given.get("low", 0), given["high"]),
        dtype,
        device,
        requires_grad,
    )


@created_in
def randperm(
    n, *, generator=None, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False
) -> Tensor:
    """0 .. n - 1 in random order."""
    dtype = dtype or dtypes.int64
    check_grad(requires_grad, dtype)
    return made(the_generator(generator).randperm(n, dtype.numpy), dtype, device, requires_grad)


def rand_like(
    input, *, generator=None, dtype=None, device=None, requires_grad=False, memory_format=None
) -> Tensor:
    """Uniform in [0, 1), with the shape, dtype, device and strides of `input`."""
    out, dtype, device = new_like(input, dtype, device)
    return made(the_generator(generator).uniform_(out), dtype, device, requires_grad)


def randn_like(
    input, *, generator=None, dtype=None, device=None, requires_grad=False, memory_format=None
) -> Tensor:
    """Standard normal, with the shape, dtype, device and strides of `input`."""
    out, dtype, device = new_like(input, dtype, device)
    return made(the_generator(generator).normal_(out), dtype, device, requires_grad)


def randint_like(
    input, low, high=None, *, generator=None, dtype=None, device=None, requires_grad=False, memory_format=None
) -> Tensor:
    """Integers in [low, high), or [0, low) if only one bound is given."""
    if high is None:
        low, high = 0, low
    out, dtype, device = new_like(input, dtype, device)
    check_grad(requires_grad, dtype)
    return made(the_generator(generator).random_(out, low, high), dtype, device, requires_grad)


@taking_out
def bernoulli(input, p=None, *, generator=None) -> Tensor:
    """1 with the probabilities in `input`, else 0; with a number `p`, only input's shape and dtype count."""
    out = np.empty(tuple(input.shape), input.dtype.numpy)
    probabilities = to_numpy(input) if p is None else to_numpy(p) if isinstance(p, Tensor) else p
    return made(the_generator(generator).bernoulli_(out, probabilities), input.dtype, input.device, False)


def normal(
    mean=0.0, std=1.0, size=None, *, generator=None, dtype=None, device=None, requires_grad=False
) -> Tensor:
    """normal(mean, std, size) with numbers, or one normal for each element of the tensors `mean` and `std`."""
    generator = the_generator(generator)
    tensors = [t for t in (mean, std) if isinstance(t, Tensor)]
    if not tensors:
        if size is None:
            raise TypeError(
                "normal() received an invalid combination of arguments - got (float, float), but expected a size"
            )
        out, dtype = new(shape_from((size,)), dtype)
        device = device or "cpu"  # torch asks the default device for its other functions, not for this one
        return made(generator.normal_(out, mean, std), dtype, device, requires_grad)
    first = tensors[0]
    shape = tuple(first.shape) if len(tensors) == 1 else broadcast(mean.shape, std.shape)
    out = np.empty(shape, first.dtype.numpy)
    if not isinstance(std, Tensor):
        generator.normal_(out, 0.0, std)
    else:
        deviations = to_numpy(std)
        if not (deviations >= 0).all():
            raise RuntimeError("normal expects all elements of std >= 0.0")
        generator.normal_(out)
        out[...] = out * deviations
    out[...] = out + (to_numpy(mean) if isinstance(mean, Tensor) else out.dtype.type(mean))
    return made(out, first.dtype, first.device, requires_grad)


def broadcast(a, b):
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        for i in range(1, min(len(a), len(b)) + 1):
            if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
                raise RuntimeError(
                    f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at non-singleton dimension "
                    f"{max(len(a), len(b)) - i}"
                ) from None
        raise


@taking_out
def multinomial(input, num_samples, replacement=False, *, generator=None) -> Tensor:
    """Indices of each row of weights `input`, drawn with or without replacement."""
    drawn = the_generator(generator).multinomial(to_numpy(input), num_samples, replacement)
    return made(drawn, dtypes.int64, input.device, False)


def dropout_mask(x, p, generator=None):
    """For a raw array x: 0 with probability p, else 1 / (1 - p). Of x's shape, type, device and order in memory; 0 <= p < 1."""
    is_numpy = isinstance(x, np.ndarray)
    mask = dense_like(x) if is_numpy else dense(tuple(x.shape), x.stride(), dtypes.OF_RAW[x.dtype].numpy)
    kept = np.float64 if mask.dtype == np.float64 else np.float32  # torch divides float16 by a float32
    (default_generator if generator is None else generator).bernoulli_(mask, 1 - p, kept(1) / kept(1 - p))
    return mask if is_numpy else backend_of(x).from_numpy(mask, wrap(x).device)


METHODS = (
    uniform_, normal_, random_, bernoulli_, exponential_, geometric_, log_normal_, cauchy_, bernoulli, multinomial,
)  # fmt: skip


def attach() -> None:
    """Makes the in-place functions, `bernoulli` and `multinomial` methods of Tensor, and the state a tensor."""
    Generator.get_state, Generator.set_state = get_state, set_state
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
