"""The random number generator of the CPU, torch's bit for bit: the same seed gives the same numbers.

It fills raw NumPy arrays and knows nothing of tensors. A fill runs in *memory order* of its array (axes by
stride, the smallest innermost), so that a transposed array gets the transposed numbers of its base. The
engine is the Mersenne Twister mt19937; what is made of its outputs is in `kernels/random.py`.
"""

from __future__ import annotations

import os

import numpy as np

from . import draws
from .device import device as Device
from .filling import (
    CHUNK,
    DIGITS,
    NAMES,
    check_bounds,
    check_floating,
    fill_in_order,
    integer_bounds,
    kernels,
    limits,
    wide,
)

#: the bytes of `torch.Generator().get_state()`
STATE = np.dtype(
    [
        ("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("words", "<u8", 624),
        ("normal_x", "<f8"), ("normal", "<f8"), ("normal_rho", "<f8"), ("has_normal", "<i4"),
        ("padding", "<i4"), ("normal_f32", "<f4"), ("has_normal_f32", "<i4"),
    ]
)  # fmt: skip
DEFAULT_SEED = 67280421310721


def _initial_words(seed: int) -> np.ndarray:
    """The engine's state for the low 32 bits of a seed: `init_genrand` of mt19937ar.c, 2002."""
    words = [seed & 0xFFFFFFFF]
    for i in range(1, 624):
        words.append((1812433253 * (words[-1] ^ (words[-1] >> 30)) + i) & 0xFFFFFFFF)
    return np.array(words, np.uint32)


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
            self._position = int(kernels().mt19937(self._words, self._position, draws))
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
        check_floating(out, "check_uniform_bounds")
        low, high = float(low), float(high)
        lowest, highest = limits(out.dtype)
        check_bounds(out.dtype, lowest, highest, ("from", low), ("to", high))
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
        loop, outputs = (kernels().uniform_f64, 2) if double else (kernels().uniform_f32, 1)
        fill_in_order(out, self._each(loop, outputs, low, high), wide(out))
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
        check_floating(out, "normal_kernel_cpu")
        if out.size < 16 or not out.flags.c_contiguous:
            fill_in_order(out, lambda flat: self._normals_one_by_one(flat, mean, std), wide(out))
        else:
            fill_in_order(out, lambda flat: self._normal_blocks(flat, mean, std, out.dtype), wide(out))
        return out

    def _normals_one_by_one(self, flat, mean, std):
        start = 0
        if self._normal is not None:
            kernels().scale_one(self._normal, flat[:1], mean, std)
            self._normal, start = None, 1
        for i in range(start, flat.size, CHUNK):
            piece = flat[i : i + CHUNK]
            spare = kernels().normal_pairs(self._draw(4 * ((piece.size + 1) // 2)), piece, mean, std)
            self._normal = float(spare) if piece.size % 2 else None

    def _normal_blocks(self, flat, mean, std, dtype):
        double = flat.dtype == np.float64
        loop = kernels().normal_blocks_f64 if double else kernels().normal_blocks_f32
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
            span = 2 ** DIGITS[dtype.name] + 1 if dtype.kind == "f" else limits(dtype)[1] + 1
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
        low, high = integer_bounds(dtype, low, high)
        return self._integers(out, high - low, low, 64 if high - low >= 2**28 else 32)

    def _integers(self, out, span, low, bits):
        if out.size:
            if bits == 32:
                fill = self._each(kernels().integers_32, 1, span, low)
            else:
                fill = self._each(kernels().integers_64, 2, np.uint64(span), np.int64(low))
            fill_in_order(out, fill, np.int64)
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
        if dtype.kind != "f" and n - 1 > limits(dtype)[1]:
            raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")
        if n >= (2**32 - 1) // 20:
            raise NotImplementedError(
                f"randperm: n = {n}, but from {(2**32 - 1) // 20} on torch uses another stream"
            )
        perm = np.arange(n)
        if n > 1:
            kernels().permute(self._draw(n - 1), perm)
        return perm.astype(dtype, copy=False)

    # --- what else there is to draw

    bernoulli_ = draws.bernoulli_
    exponential_, geometric_ = draws.exponential_, draws.geometric_
    log_normal_, cauchy_ = draws.log_normal_, draws.cauchy_
    multinomial = draws.multinomial


def _type_name(value) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _from_state(state):
    generator = Generator()
    generator.set_state_bytes(state)
    return generator


#: what all functions without a `generator` argument draw from
default_generator = Generator()
default_generator.seed()
