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
    if collate_fn is default_collate and _of_tensors(dataset):
        return lambda indices: _take(dataset, indices)
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


def _of_tensors(dataset) -> bool:
    """Whether batches can be taken from the tensors at once: not if a subclass may define samples anew."""
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return type(dataset) is TensorDataset and not any(t.requires_grad for t in dataset.tensors)


def _take(dataset, indices) -> list:
    """What `default_collate([dataset[i] for i in indices])` gives, with one indexing a tensor."""
    while type(dataset) is Subset:
        indices = [dataset.indices[i] for i in indices]
        dataset = dataset.dataset
    return [_rows(t._array, indices) for t in dataset.tensors]


def _rows(array, indices):
    return wrap(array.take(np.asarray(indices), 0) if isinstance(array, np.ndarray) else array[list(indices)])
