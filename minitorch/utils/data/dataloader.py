"""DataLoader: batches of a dataset, in order or shuffled, fetched here or in worker processes."""

from __future__ import annotations

import itertools
import os
import warnings

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .iterator import HereIterator
from .sampler import BatchSampler, RandomSampler, SequentialSampler


class DataLoader:
    """Batches of a dataset.

    >>> import minitorch
    >>> from minitorch.utils.data import TensorDataset
    >>> data = TensorDataset(minitorch.arange(5), minitorch.arange(5) * 10)
    >>> for x, y in DataLoader(data, batch_size=2):
    ...     print(x, y)
    tensor([0, 1]) tensor([ 0, 10])
    tensor([2, 3]) tensor([20, 30])
    tensor([4]) tensor([40])

    Args:
        dataset: has `dataset[i]` and `len(dataset)`, or is an IterableDataset.
        batch_size: samples a batch; None: single samples, not collated.
        shuffle: a new random order each epoch.
        sampler: an iterable of indices, in place of `shuffle`.
        batch_sampler: an iterable of lists of indices, in place of `batch_size`, `shuffle`, `sampler`, `drop_last`.
        num_workers: processes that fetch batches; 0: this one does.
        collate_fn: makes a batch of a list of samples (`default_collate`).
        drop_last: leave out a last batch that is shorter.
        timeout: seconds to wait for a worker's batch; 0: no limit.
        worker_init_fn: called in each worker with its number, after seeding.
        generator: of the shuffling and the workers' seeds; None: the default one.
        prefetch_factor: batches that are asked of each worker in advance (2).
        persistent_workers: keep the workers for the next epoch.
        multiprocessing_context: `"fork"`, `"spawn"`, `"forkserver"` or a context; None: Python's default.
        in_order: False: batches as they are ready, in place of the samplers' order.
        pin_memory: accepted. Unlike torch: has no effect, since arrays in main memory are NumPy's.

    The same seed gives the same batches as torch's DataLoader, and leaves the generators in the same state, with any
    number of workers. The workers' seeds are `base_seed + worker_id`.

    Raises:
        ValueError: options that exclude each other, or out of range.
        RuntimeError: while iterating: a worker died, or took longer than `timeout`.
        Any exception of the dataset in a worker: again here, of the same type, with the worker's traceback as text.

    Source: https://docs.pytorch.org/docs/stable/data.html
    """

    def __class_getitem__(cls, item):
        return cls

    def __init__(
        self,
        dataset,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler=None,
        batch_sampler=None,
        num_workers: int = 0,
        collate_fn=None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_context(multiprocessing_context, num_workers)
        if isinstance(dataset, IterableDataset):
            _check_iterable(shuffle, sampler, batch_sampler)
            sampler = _Forever()
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle: the sampler is the order")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
            )
        if sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)

        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.drop_last = drop_last
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory = pin_memory
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.in_order = in_order
        self._iterator = None  # of persistent workers
        self._promised_batches: int | None = None
        self._made = True

    def __setattr__(self, name, value):
        if "_made" in self.__dict__ and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after DataLoader is initialized: make a new one"
            )
        super().__setattr__(name, value)

    def __iter__(self):
        if not self.num_workers:
            return HereIterator(self)
        # Here, as what Python needs for processes would take a tenth of `import minitorch`.
        from .processes import WorkersIterator

        if not self.persistent_workers:
            return WorkersIterator(self)
        if self._iterator is None or self._iterator.closed:
            self._iterator = WorkersIterator(self)
        else:
            self._iterator.restart()
        return self._iterator

    def __len__(self) -> int:
        """The number of batches. TypeError for an IterableDataset without `__len__`."""
        if not isinstance(self.dataset, IterableDataset):
            return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)
        n = len(self.dataset)
        if self.batch_size is not None:
            n = n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        self._promised_batches = n  # the iterators warn if there are more
        return n

    @property
    def _indices(self):
        """What the tasks are made from: lists of indices, or single ones if there are no batches."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    @property
    def _how_to_fetch(self):
        """The arguments of `make_fetch`; not the loader itself, which a spawned worker might be unable to receive."""
        return self.dataset, self.batch_sampler is not None, self.collate_fn, self.drop_last


_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _Forever:
    """The sampler of an IterableDataset, which takes no index."""

    def __iter__(self):
        return itertools.repeat(None)


def _check(num_workers, timeout, prefetch_factor, persistent_workers):
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing, "
            f"but got num_workers={num_workers}"
        )
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, but got timeout={timeout}")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing: set num_workers > 0, or leave it out"
        )
    if prefetch_factor is not None and prefetch_factor <= 0:
        raise ValueError(
            f"prefetch_factor option should be positive, but got prefetch_factor={prefetch_factor}"
        )
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_context(context, num_workers):
    if context is not None and not num_workers:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
            f"but got num_workers={num_workers}"
        )
    if not num_workers:
        return
    import multiprocessing.context

    methods = multiprocessing.get_all_start_methods()
    if isinstance(context, str) and context not in methods:
        raise ValueError(f"multiprocessing_context should be one of {methods}, but got {context!r}")
    if context is not None and not isinstance(context, (str, multiprocessing.context.BaseContext)):
        raise TypeError(
            f"multiprocessing_context should be a context or one of {methods}, but got {context!r}"
        )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cores and num_workers > cores:
        warnings.warn(
            f"This DataLoader will create {num_workers} worker processes in total, but this system has {cores} "
            "cores: more workers than cores make loading slow, or even freeze it.",
            stacklevel=3,
        )


def _check_iterable(shuffle, sampler, batch_sampler):
    if shuffle:
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle=True; "
            "the dataset sets the order"
        )
    if sampler is not None:
        raise ValueError(
            f"DataLoader with IterableDataset: expected unspecified sampler option, but got {sampler}"
        )
    if batch_sampler is not None:
        raise ValueError(
            f"DataLoader with IterableDataset: expected unspecified batch_sampler option, but got {batch_sampler}"
        )
