"""One pass through a DataLoader, and the one that fetches its batches in this process."""

from __future__ import annotations

import warnings

from .fetch import Rows, make_fetch
from .sampler import batches_in_arrays, random_seed


class Iterator:
    """One pass through a DataLoader. Holds no reference to it: a cycle would keep persistent workers alive."""

    def __init__(self, loader):
        self._source = loader._indices
        self._indices = iter(self._source)
        self._promised = loader._promised_batches
        self._dataset = loader.dataset
        self._count = 0

    def __iter__(self):
        return self

    def __next__(self):
        batch = self._next()
        self._count += 1
        if self._promised is not None and self._count > self._promised:
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {self._promised}, but {self._count} "
                "batches have been fetched. With workers, each should give its share: use get_worker_info().",
                stacklevel=2,
            )
        return batch

    def __len__(self) -> int:
        return len(self._source)

    def __getstate__(self):
        raise NotImplementedError(
            f"{type(self).__name__} cannot be pickled: send the DataLoader, and iterate there"
        )


class HereIterator(Iterator):
    """Fetches in this process."""

    def __init__(self, loader):
        super().__init__(loader)
        if loader.timeout:
            raise AssertionError(
                f"timeout={loader.timeout} is for workers: set num_workers > 0, or timeout=0"
            )
        random_seed(loader.generator)  # NOTE: torch draws the workers' seed even without workers
        self._fetch = make_fetch(*loader._how_to_fetch)
        if isinstance(self._fetch, Rows):
            self._indices = batches_in_arrays(loader.batch_sampler) or self._indices

    def _next(self):
        return self._fetch(next(self._indices))
