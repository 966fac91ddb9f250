"""Epochs of a DataLoader, without a model: what feeding costs."""

from __future__ import annotations

from .workload import Workload

ROWS, FEATURES, BATCH = 10_000, 20, 32


def tensor_dataset(T, rows, features, batch, shuffle):
    """An epoch over a TensorDataset."""
    T.manual_seed(0)
    x, y = T.randn(rows, features), T.randint(0, 10, (rows,))
    return epoch(T, T.utils.data.TensorDataset(x, y), batch, shuffle)


def subset(T, rows, features, batch):
    """An epoch over the larger part of `random_split`."""
    T.manual_seed(0)
    x, y = T.randn(rows, features), T.randint(0, 10, (rows,))
    whole = T.utils.data.TensorDataset(x, y)
    part, _ = T.utils.data.random_split(whole, [rows * 4 // 5, rows // 5])
    return epoch(T, part, batch, True)


def own_dataset(T, rows, features, batch):
    """An epoch over a Dataset of the user's own, which returns an array and a number for each sample."""
    import numpy as np

    class Samples(T.utils.data.Dataset):
        def __init__(self):
            self.x = np.random.default_rng(0).standard_normal((rows, features)).astype(np.float32)

        def __len__(self):
            return rows

        def __getitem__(self, i):
            return self.x[i], i % 10

    return epoch(T, Samples(), batch, True)


def epoch(T, dataset, batch, shuffle):
    loader = T.utils.data.DataLoader(dataset, batch_size=batch, shuffle=shuffle)

    def step():
        for _ in loader:
            pass

    return step


def workloads(choices):
    batches = -(-ROWS // BATCH)

    def row(name, function, *arguments, batches=batches):
        return Workload("data", name, f"{__name__}:{function}", arguments, shares=batches)

    return [
        row("TensorDataset, shuffled", "tensor_dataset", ROWS, FEATURES, BATCH, True),
        row("TensorDataset, in order", "tensor_dataset", ROWS, FEATURES, BATCH, False),
        row("random_split, shuffled", "subset", ROWS, FEATURES, BATCH, batches=ROWS * 4 // 5 // BATCH),
        row("Dataset of one's own, shuffled", "own_dataset", ROWS, FEATURES, BATCH),
    ]
