"""From the indices of a batch to the batch: what workers and the single process share."""

from __future__ import annotations

import numpy as np

from ...tensor import wrap
from .collate import default_collate
from .dataset import IterableDataset, Subset, TensorDataset


def make_fetch(dataset, batched: bool, collate_fn, drop_last: bool):
    """The function `fetch(index)`; an iterable data set's raises StopIteration at its end.

    `index` is a list of numbers if `batched`, else one. For an iterable data set only its length counts.
    """
    if isinstance(dataset, IterableDataset):
        return _fetch_next(iter(dataset), batched, collate_fn, drop_last)
    if not batched:
        return lambda index: collate_fn(dataset[index])
    if collate_fn is default_collate and (rows := Rows.of(dataset)) is not None:
        return rows
    if callable(getattr(dataset, "__getitems__", None)):
        return lambda indices: collate_fn(dataset.__getitems__(indices))
    return lambda indices: collate_fn([dataset[i] for i in indices])


def _fetch_next(samples, batched, collate_fn, drop_last):
    ended = False

    def fetch(index):
        nonlocal ended
        if ended:
            raise StopIteration
        if not batched:
            return collate_fn(next(samples))
        batch = []
        for _ in index:
            try:
                batch.append(next(samples))
            except StopIteration:
                ended = True
                break
        if not batch or (drop_last and len(batch) < len(index)):
            raise StopIteration
        return collate_fn(batch)

    return fetch


class Rows:
    """The batches of a TensorDataset, or of a Subset of one, with one indexing a tensor: what `default_collate` makes of
    the samples. A batch may be a list of numbers or an array."""

    @classmethod
    def of(cls, dataset) -> Rows | None:
        """None for other data sets, and for subclasses, which may define their samples anew."""
        positions = None
        while type(dataset) is Subset:  # NOTE: torch sees it if `indices` is changed within an epoch
            inner = np.asarray(dataset.indices)
            if inner.dtype.kind != "i":
                return None
            positions = inner if positions is None else inner[positions]
            dataset = dataset.dataset
        if type(dataset) is not TensorDataset or any(t.requires_grad for t in dataset.tensors):
            return None
        return cls(dataset, positions)

    def __init__(self, dataset: TensorDataset, positions: np.ndarray | None):
        self.dataset, self.positions = dataset, positions

    def __call__(self, indices) -> list:
        indices = np.asarray(indices)
        if self.positions is not None:
            indices = self.positions[indices]
        arrays = [t._array for t in self.dataset.tensors]
        return [wrap(a.take(indices, 0) if type(a) is np.ndarray else chosen(a, indices)) for a in arrays]


def chosen(array, indices):
    """Rows of torch's array. IndexError before a GPU sees a wrong index: its process could not go on after that."""
    if indices.size and not -len(array) <= indices.min() <= indices.max() < len(array):
        raise IndexError(f"index {indices.max()} is out of bounds for dimension 0 with size {len(array)}")
    return array[indices.tolist()]
