"""The random number generator of the CPU, torch's bit for bit: the same seed gives the same numbers.

It fills raw NumPy arrays and knows nothing of tensors. A fill runs in *memory order* of its array (axes by
stride, the smallest innermost), so that a transposed array gets the transposed numbers of its base. The
engine is the Mersenne Twister mt19937; what is made of its outputs is in `kernels/random.py`.
"""

from __future__ import annotations

import functools
import os
import warnings

import numpy as np

from .device import device as Device

#: the bytes of `torch.Generator().get_state()`
STATE = np.dtype(
    [
        ("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("words", "<u8", 624),
        ("normal_x", "<f8"), ("normal", "<f8"), ("normal_rho", "<f8"), ("has_normal", "<i4"),
        ("padding", "<i4"), ("normal_f32", "<f4"), ("has_normal_f32", "<i4"),
    ]
)  # fmt: skip
DEFAULT_SEED = 67280421310721
#: outputs drawn at a time: they and what becomes of them stay in the cache. A multiple of 64: whole blocks
#: and pairs.
CHUNK = 1 << 13

#: how torch's messages call the types: the scalar type, the C++ type
NAMES = {
    "bool": ("Bool", "bool"), "uint8": ("Byte", "unsigned char"), "int8": ("Char", "signed char"),
    "int16": ("Short", "short int"), "int32": ("Int", "int"), "int64": ("Long", "long int"),
    "float16": ("Half", "c10::Half"), "float32": ("Float", "float"), "float64": ("Double", "double"),
}  # fmt: skip
#: significant bits
DIGITS = {"float16": 11, "float32": 24, "float64": 53}


@functools.cache
def _kernels():
    from .kernels import random

    return random


def _initial_words(seed: int) -> np.ndarray:
    """The engine's state for the low 32 bits of a seed: `init_genrand` of mt19937ar.c, 2002."""
    words = [seed & 0xFFFFFFFF]
    for i in range(1, 624):
        words.append((1812433253 * (words[-1] ^ (words[-1] >> 30)) + i) & 0xFFFFFFFF)
    return np.array(words, np.uint32)


def _memory_order(out: np.ndarray) -> np.ndarray:
    """A view of `out` with the axes by falling stride: its C order is the order of `out` in memory."""
    if out.flags.c_contiguous:
        return out
    return out.transpose(sorted(range(out.ndim), key=lambda d: (-abs(out.strides[d]), d)))


def _fill(out: np.ndarray, fill, dtype=None) -> None:
    """Calls `fill` with the elements of `out` in memory order as a contiguous 1-d array (of type `dtype`,
    then cast)."""
    if out.size == 0:
        return
    view = _memory_order(out)
    dtype = out.dtype if dtype is None else dtype
    if view.flags.c_contiguous and view.dtype == dtype:
        fill(view.reshape(-1))
        return
    flat = np.empty(view.size, dtype)
    fill(flat)
    view[...] = flat.reshape(view.shape)


def _wide(out: np.ndarray):
    """The type in which the values of `out` are made: float32 for float16, which torch rounds from
    float32."""
    return np.float32 if out.dtype == np.float16 else out.dtype


def _check_floating(out: np.ndarray, kernel: str) -> None:
    if out.dtype.kind != "f":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{NAMES[out.dtype.name][0]}'")


def _check_bounds(dtype: np.dtype, lowest, highest, *values) -> None:
    for name, value in values:
        if not lowest <= value <= highest:
            raise RuntimeError(f"{name} is out of bounds for {NAMES[dtype.name][1]}")


@functools.cache
def _limits(dtype: np.dtype):
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    if dtype.kind == "b":
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


class Generator:
    """A stream of random numbers on the CPU, and the state it is in.

    >>> g = Generator().manual_seed(0)
    >>> g.uniform_(np.empty(2, np.float32))
    array([0.4962566, 0.7682218], dtype=float32)

    The fills write into an array, return it, and raise before the first draw if their arguments are wrong.
    """

    def __init__(self, device="cpu"):
        self.device = Device(device)
        if self.device.type != "cpu":
            raise RuntimeError(
                f"Device type {self.device.type.upper()} is not supported for torch.Generator() api."
            )
        self.manual_seed(DEFAULT_SEED)

    # --- seed and state

    def manual_seed(self, seed: int) -> Generator:
        """Starts the stream of `seed`, in [-2**63, 2**64) (ValueError); negative seeds count from 2**64.
        Returns self.

        NOTE: of the seed only the low 32 bits reach the engine, as in torch.
        """
        if isinstance(seed, np.integer):
            raise TypeError("an integer is required")
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise RuntimeError(f"manual_seed expected a long, but got {_type_name(seed)}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = seed % 2**64
        self._words = _initial_words(self._seed)
        self._position, self._end = 624, 0
        self._normal = None
        self._normal_f32 = (0.0, 0)
        return self

    def seed(self) -> int:
        """Seeds from the operating system's randomness and returns the seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The last seed, in [0, 2**64)."""
        return self._seed

    def get_state_bytes(self) -> np.ndarray:
        """The state as uint8[5056], the bytes of torch's `get_state()`."""
        state = np.zeros((), STATE)
        state["seed"], state["seeded"], state["words"] = self._seed, 1, self._words
        if self._position == 624:
            state["left"], state["next"] = 1, self._end
        else:
            state["left"], state["next"] = 625 - self._position, self._position
        if self._normal is not None:
            state["normal"], state["has_normal"] = self._normal, 1
        state["normal_f32"], state["has_normal_f32"] = self._normal_f32
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def set_state_bytes(self, state: np.ndarray) -> None:
        """Takes over a state of `get_state_bytes`, torch's or ours. TypeError, RuntimeError if it is none."""
        if not isinstance(state, np.ndarray):
            raise TypeError(f"expected a torch.ByteTensor, but got {_type_name(state)}")
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE.itemsize} but found the input RNG state "
                f"size to be {state.size}"
            )
        state = np.frombuffer(state.tobytes(), STATE)[0]
        left, following = int(state["left"]), int(state["next"])
        # Unlike torch: a state whose two counters contradict each other (no generator makes one) is refused.
        if (
            not state["seeded"]
            or not 0 < left <= 624
            or following > 624
            or (left > 1 and left + following != 625)
        ):
            raise RuntimeError("Invalid mt19937 state")
        self._seed = int(state["seed"])
        self._words = state["words"].astype(np.uint32)
        self._position, self._end = (624, following) if left == 1 else (following, 624)
        self._normal = float(state["normal"]) if state["has_normal"] else None
        self._normal_f32 = (float(state["normal_f32"]), int(state["has_normal_f32"]))

    def clone_state(self) -> Generator:
        """A new generator in the same state."""
        other = Generator()
        other.set_state_bytes(self.get_state_bytes())
        return other

    def __reduce__(self):
        return _from_state, (self.get_state_bytes(),)

    def _draw(self, n: int) -> np.ndarray:
        """The next n outputs of the engine, uint32."""
        draws = np.empty(n, np.uint32)
        if n:
            self._position = int(_kernels().mt19937(self._words, self._position, draws))
            self._end = 624
        return draws

    def _each(self, kernel, outputs: int, *args):
        """A fill that runs kernel(draws, piece, *args) over pieces of the flat array, `outputs` draws an
        element."""

        def fill(flat):
            for start in range(0, flat.size, CHUNK):
                piece = flat[start : start + CHUNK]
                kernel(self._draw(outputs * piece.size), piece, *args)

        return fill

    # --- uniform and normal

    def uniform_(self, out: np.ndarray, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Uniform in [low, high); floating types."""
        _check_floating(out, "check_uniform_bounds")
        low, high = float(low), float(high)
        lowest, highest = _limits(out.dtype)
        _check_bounds(out.dtype, lowest, highest, ("from", low), ("to", high))
        if low > high:
            raise RuntimeError(
                f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
            )
        if high - low > highest:
            raise RuntimeError(
                f"uniform_ expects to-from <= std::numeric_limits<{NAMES[out.dtype.name][0]}>::max(), but "
                f"found to={high:g} and from={low:g} which result in to-from to exceed the limit"
            )
        if out.size == 0:
            return out
        double = out.dtype == np.float64
        loop, outputs = (_kernels().uniform_f64, 2) if double else (_kernels().uniform_f32, 1)
        _fill(out, self._each(loop, outputs, low, high), _wide(out))
        if out.dtype == np.float16:  # rounding may have reached `high` once more
            out[out == np.float16(high)] = np.float16(low)
        return out

    def normal_(self, out: np.ndarray, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
        """Normal with the given mean and standard deviation; floating types.

        Torch has two streams: contiguous arrays of 16 and more elements are filled in blocks of 16; others
        one by one in float64, of which the generator keeps every second value for the next such call.
        """
        mean, std = float(mean), float(std)
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        if out.size == 0:  # torch looks at the type of an empty tensor in uniform_ and cauchy_ only
            return out
        _check_floating(out, "normal_kernel_cpu")
        if out.size < 16 or not out.flags.c_contiguous:
            _fill(out, lambda flat: self._normals_one_by_one(flat, mean, std), _wide(out))
        else:
            _fill(out, lambda flat: self._normal_blocks(flat, mean, std, out.dtype), _wide(out))
        return out

    def _normals_one_by_one(self, flat, mean, std):
        start = 0
        if self._normal is not None:
            _kernels().scale_one(self._normal, flat[:1], mean, std)
            self._normal, start = None, 1
        for i in range(start, flat.size, CHUNK):
            piece = flat[i : i + CHUNK]
            spare = _kernels().normal_pairs(self._draw(4 * ((piece.size + 1) // 2)), piece, mean, std)
            self._normal = float(spare) if piece.size % 2 else None

    def _normal_blocks(self, flat, mean, std, dtype):
        double = flat.dtype == np.float64
        loop = _kernels().normal_blocks_f64 if double else _kernels().normal_blocks_f32
        fill = self._each(loop, 2 if double else 1, mean, std)
        whole = flat.size // 16 * 16
        fill(flat[:whole])
        if whole < flat.size:
            if dtype != np.float16:  # torch first fills the buffer with uniforms, then transforms the blocks
                self._draw((flat.size - whole) * (2 if double else 1))
            fill(flat[-16:])

    # --- integers

    def random_(self, out: np.ndarray, low: int | None = None, high: int | None = None) -> np.ndarray:
        """Integers in [low, high), also as floats; without `high` up to the type's largest; without both from
        0.

        For floats "the largest" is 2**24 (float32), 2**53 (float64) or 2**11 (float16): up to there all
        integers exist.
        """
        dtype = out.dtype
        if low is None and high is None:
            span = 2 ** DIGITS[dtype.name] + 1 if dtype.kind == "f" else _limits(dtype)[1] + 1
            return self._integers(out, span, 0, 64 if dtype.itemsize == 8 else 32)
        low = 0 if low is None else int(low)
        if high is None and low == -(2**63):
            if dtype.name not in ("int64", "float64", "float32"):
                if not out.size:
                    return out
                if dtype.name in ("bool", "float16"):
                    name = NAMES[dtype.name][0]
                    raise NotImplementedError(
                        f"\"random_full_64_bits_range_kernel_cpu\" not implemented for '{name}'"
                    )
                raise RuntimeError(
                    "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
                )
            return self._integers(out, 0, 0, 64)
        low, high = _integer_bounds(dtype, low, high)
        return self._integers(out, high - low, low, 64 if high - low >= 2**28 else 32)

    def _integers(self, out, span, low, bits):
        if out.size:
            if bits == 32:
                fill = self._each(_kernels().integers_32, 1, span, low)
            else:
                fill = self._each(_kernels().integers_64, 2, np.uint64(span), np.int64(low))
            _fill(out, fill, np.int64)
        return out

    def randperm(self, n: int, dtype=np.int64) -> np.ndarray:
        """A random permutation of 0 .. n - 1."""
        dtype = np.dtype(dtype)
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
        if dtype == np.bool_:
            raise NotImplementedError(f"\"randperm\" not implemented for '{NAMES[dtype.name][0]}'")
        if dtype.kind == "f" and n > 2 ** DIGITS[dtype.name] + 1:
            raise RuntimeError(
                f"n cannot be greater than {2 ** DIGITS[dtype.name] + 1} for {NAMES[dtype.name][0]} type."
            )
        if dtype.kind != "f" and n - 1 > _limits(dtype)[1]:
            raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")
        if n >= (2**32 - 1) // 20:
            raise NotImplementedError(
                f"randperm: n = {n}, but from {(2**32 - 1) // 20} on torch uses another stream"
            )
        perm = np.arange(n)
        if n > 1:
            _kernels().permute(self._draw(n - 1), perm)
        return perm.astype(dtype, copy=False)

    # --- the others

    def bernoulli_(self, out: np.ndarray, p=0.5) -> np.ndarray:
        """1 with probability p, else 0; any type. p: a number, or a floating array that broadcasts to
        `out`."""
        if not isinstance(p, np.ndarray):
            if not 0 <= p <= 1:
                raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
            if out.size:
                _fill(out, self._each(_kernels().bernoulli, 2, float(p)), _wide(out))
            return out
        _check_floating(p, "bernoulli_tensor_cpu_p_")
        if not ((p >= 0) & (p <= 1)).all():
            raise RuntimeError(
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be "
                "improved?  If so, please report an enhancement request to PyTorch.)"
            )
        if out.size:
            _fill(out, lambda flat: self._bernoulli_array(flat, p, out), _wide(out))
        return out

    def _bernoulli_array(self, flat, p, out):
        double = p.dtype == np.float64
        p = np.broadcast_to(p, out.shape)
        order = sorted(range(out.ndim), key=lambda d: (-abs(out.strides[d]), d))
        p = p.transpose(order).astype(np.float64 if double else np.float32).reshape(-1)
        loop, outputs = (_kernels().bernoulli_p64, 2) if double else (_kernels().bernoulli_p32, 1)
        for i in range(0, flat.size, CHUNK):
            piece = flat[i : i + CHUNK]
            loop(self._draw(outputs * piece.size), piece, p[i : i + CHUNK])

    def exponential_(self, out: np.ndarray, rate: float = 1.0) -> np.ndarray:
        """Exponential with density rate * exp(-rate * x); floating types."""
        rate = float(rate)
        if not rate > 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
        if out.size == 0:
            return out
        if out.dtype.kind != "f":
            raise RuntimeError(
                "Exponential distribution is a continuous probability distribution. dtype must be a floating "
                f"point but you specified {NAMES[out.dtype.name][0]}"
            )
        _fill(out, self._each(_kernels().exponential, 2, rate), _wide(out))
        return out

    def geometric_(self, out: np.ndarray, p: float) -> np.ndarray:
        """The number of trials until the first success, 1, 2, ..., p in (0, 1); any type but bool."""
        p = float(p)
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
        if out.size == 0:
            return out
        if out.dtype == np.bool_:
            raise NotImplementedError(f"\"geometric_cpu\" not implemented for '{NAMES[out.dtype.name][0]}'")
        dtype = _wide(out) if out.dtype.kind == "f" else np.int64
        _fill(out, self._each(_kernels().geometric, 2, p), dtype)
        return out

    def log_normal_(self, out: np.ndarray, mean: float = 1.0, std: float = 2.0) -> np.ndarray:
        """exp of a normal with `mean` and `std`; floating types."""
        mean, std = float(mean), float(std)
        if not std > 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
        if out.size == 0:
            return out
        _check_floating(out, "log_normal_cpu")

        def fill(flat):
            normals = np.empty(flat.size)
            self._normals_one_by_one(normals, mean, std)
            _kernels().exp_of(normals, flat)

        _fill(out, fill, _wide(out))
        return out

    def cauchy_(self, out: np.ndarray, median: float = 0.0, sigma: float = 1.0) -> np.ndarray:
        """Cauchy with the given median and half width; floating types."""
        median, sigma = float(median), float(sigma)
        if not sigma > 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
        if out.dtype.kind != "f":
            raise RuntimeError(
                "Cauchy distribution is a continuous probability distribution. dtype must be a floating "
                f"point but you specified {NAMES[out.dtype.name][1]}"
            )
        if out.size:
            _fill(out, self._each(_kernels().cauchy, 2, median, sigma), _wide(out))
        return out

    def multinomial(self, p: np.ndarray, num_samples: int, replacement: bool = False) -> np.ndarray:
        """Indices, int64[(rows,) num_samples], drawn with the weights p, floating[(rows,) categories] (any
        positive sum).

        Unlike torch: without replacement and with more samples than positive weights, which of the zero
        weights come last may differ (it follows the order of ties in torch's topk).
        """
        if p.ndim not in (1, 2):
            raise RuntimeError("prob_dist must be 1 or 2 dim")
        if p.dtype.kind != "f":
            raise RuntimeError(
                f"multinomial only supports floating-point dtypes for input, got: {NAMES[p.dtype.name][0]}"
            )
        if num_samples <= 0:
            raise RuntimeError("cannot sample n_sample <= 0 samples")
        if not replacement and num_samples > p.shape[-1]:
            raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
        if p.size == 0:
            return np.empty((*p.shape[:-1], num_samples), np.int64)
        if not replacement or num_samples == 1:
            return self._races(p, num_samples)
        return self._searches(p, num_samples)

    def _races(self, p, k):
        """Without replacement: exponential clocks of rate p; those that ring first win."""
        if not (p.max() < np.inf and p.min() >= 0):
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        if (p.sum(-1) == 0).any():
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
        with np.errstate(divide="ignore", over="ignore"):
            speed = p / self.exponential_(np.empty_like(p))
        if k == 1:
            return speed.argmax(-1, keepdims=True).astype(np.int64, copy=False)
        return np.array(np.argsort(-speed, axis=-1, kind="stable")[..., :k], np.int64, order="C")

    def _searches(self, p, k):
        """With replacement: the uniform's place in the cumulative sum."""
        if not (p >= 0).all():
            raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
        if not np.isfinite(p).all():
            raise RuntimeError(
                "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
            )
        cumulative = np.atleast_2d(p).cumsum(-1, dtype=_wide(p))
        total = cumulative[:, -1:].copy()
        if not (total > 0).all():
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
        cumulative = (cumulative / total).astype(np.float64)
        cumulative[:, -1] = 1.0
        out = np.empty((cumulative.shape[0], k), np.int64)
        _kernels().search(cumulative, self._draw(2 * out.size), out)
        return out.reshape(*p.shape[:-1], k)


def _type_name(value) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _integer_bounds(dtype, low: int, high: int | None):
    """The bounds of `random_` as torch adjusts them (`high` exclusive), checked against the type's range."""
    if high is not None and low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if dtype.kind == "f":
        low, high = _floating_bounds(dtype, low, high)
    lowest, highest = _limits(dtype)
    high = highest + 1 if high is None else high
    _check_bounds(dtype, lowest, highest, ("from", low), ("to - 1", high - 1))
    for name, value in (("from", low), ("to - 1", high - 1)):
        if dtype.kind == "f" and abs(value) > 2 ** DIGITS[dtype.name]:
            limit = f"2^{DIGITS[dtype.name]}"
            warnings.warn(
                f"{name} is out of bounds [-({limit}), {limit}]. Due to precision limitations "
                f"{NAMES[dtype.name][1]} can support discrete uniform distribution only within this range. "
                "This warning will become an error in version 1.7 release, please fix the code in advance",
                UserWarning,
                stacklevel=4,
            )
    return low, high


def _floating_bounds(dtype, low, high):
    """`low` up and `high` down to integers that `dtype` can tell from their neighbours outside."""
    if int(_nearest(dtype, low + 1)) < low:
        low = int(_nearest(dtype, low + 1)) + _ulp(low + 1, dtype)
    if high is None:
        high = 2 ** DIGITS[dtype.name] + 1
        if low >= high - 1:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
                f"but got from={low} > to_inc={high - 1}"
            )
    elif int(_nearest(dtype, high - 1)) >= high:
        high = int(_nearest(dtype, high - 1)) - _ulp(high - 1, dtype)
    if low >= high:
        raise RuntimeError(
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
            f"from={low} >= to={high}"
        )
    return low, high


def _nearest(dtype, value):
    """`value` in the type; beyond float16's range as it is, for the check that follows to refuse."""
    return value if abs(value) > _limits(dtype)[1] else dtype.type(value)


def _ulp(value, dtype) -> int:
    """The distance of `dtype`'s numbers around the integer `value`, where that is more than 1."""
    return 2 ** (abs(value).bit_length() - DIGITS[dtype.name])


def _from_state(state):
    generator = Generator()
    generator.set_state_bytes(state)
    return generator


#: what all functions without a `generator` argument draw from
default_generator = Generator()
default_generator.seed()
