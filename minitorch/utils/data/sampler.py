"""Samplers: in which order the samples of a data set are taken, and how they are cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T", covariant=True)


def random_seed(generator=None) -> int:
    """An int64 seed from a generator (two of its outputs), as `empty((), dtype=int64).random_()`."""
    out = np.empty((), np.int64)
    _given_or_default(generator).random_(out)
    return int(out)


def randperm(n: int, generator=None) -> np.ndarray:
    """A random order of `range(n)`."""
    return _given_or_default(generator).randperm(n)


def _given_or_default(generator):
    if generator is not None:
        return generator
    from ... import generator as module

    return module.default_generator


class Sampler(Generic[T]):
    """The base class: `__iter__` gives indices (or lists of them), `__len__` their number."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} should define __iter__(self)")


class ArraySampler(Sampler[int]):
    """A sampler that has its order in arrays: a DataLoader can then take a batch of rows with one of them."""

    def arrays(self) -> Iterator[np.ndarray]:
        """The indices in pieces, each drawn when it's needed: a generator of the user's shows the moment."""
        raise NotImplementedError

    def __iter__(self):
        for piece in self.arrays():
            yield from piece.tolist()


class SequentialSampler(ArraySampler):
    """0, 1, 2 ..."""

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def arrays(self):
        n = len(self.data_source)
        for start in range(0, n, 1 << 16):
            yield np.arange(start, min(start + (1 << 16), n))

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(ArraySampler):
    """A random order, new in each epoch.

    Args:
        replacement: draw each index by itself, so that some come twice.
        num_samples: how many; default: the length of the data. More than that are several orders.
        generator: default: one of its own in each epoch, with a seed from the global generator.

    Raises:
        TypeError: `replacement` isn't a bool.
        ValueError: `num_samples` isn't a positive integer; there are no data.
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator=None
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={self.num_samples}"
                + (": the data set is empty" if num_samples is None else "")
            )

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def arrays(self):
        n, k, generator = len(self.data_source), self.num_samples, self.generator
        if generator is None:
            from ...generator import Generator

            seed = random_seed()
            generator = Generator()
            generator.manual_seed(seed)
        if self.replacement:
            for start in range(0, k, 32):
                drawn = np.empty(min(32, k - start), np.int64)
                generator.random_(drawn, 0, n)
                yield drawn
        else:
            for _ in range(k // n):
                yield randperm(n, generator)
            # NOTE: drawn even if nothing is left over, as in torch: a generator of the user's shows it
            yield randperm(n, generator)[: k % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in a random order, new in each epoch."""

    def __init__(self, indices: Sequence[int], generator=None):
        self.indices = indices
        self.generator = generator

    def __iter__(self):
        for i in randperm(len(self.indices), self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(ArraySampler):
    """Index `i` with a probability proportional to `weights[i]`.

    Args:
        weights: a sequence or 1-d tensor of numbers >= 0; they need not add up to 1.
        num_samples: how many, > 0.

    Raises:
        ValueError: a wrong `num_samples`, `replacement` or shape of `weights`.
    """

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator=None):
        from ...creation import as_tensor
        from ...dtypes import float64

        if not _positive(num_samples):
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        weights = as_tensor(weights, dtype=float64)
        if weights.dim() != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(weights.shape)}"
            )
        self.weights = weights
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def arrays(self):
        from ...random import to_numpy

        generator = _given_or_default(self.generator)
        yield generator.multinomial(to_numpy(self.weights), self.num_samples, self.replacement)

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices; the last one may be shorter, or is left out if `drop_last`.

    ValueError unless `batch_size` is a positive integer and `drop_last` a bool.
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool):
        if not _positive(batch_size):
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self):
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else (n + self.batch_size - 1) // self.batch_size


def batches_in_arrays(batches) -> Iterator[np.ndarray] | None:
    """What a BatchSampler gives, as arrays; None if it or its sampler isn't one of these classes, but perhaps a subclass."""
    if type(batches) is not BatchSampler:
        return None
    if type(batches.sampler) not in (SequentialSampler, RandomSampler, WeightedRandomSampler):
        return None
    return _cut(batches.sampler.arrays(), batches.batch_size, batches.drop_last)


def _cut(pieces, size: int, drop_last: bool):
    rest = None
    for piece in pieces:
        piece = piece if rest is None else np.concatenate([rest, piece])
        whole = len(piece) - len(piece) % size
        for start in range(0, whole, size):
            yield piece[start : start + size]
        rest = piece[whole:] if whole < len(piece) else None
    if rest is not None and not drop_last:
        yield rest


def _positive(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
