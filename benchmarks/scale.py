"""The time of a training epoch against the number of samples: DataLoader, forward, backward, update."""

from __future__ import annotations

from .workload import Workload

SIZES = (100, 1_000, 10_000, 100_000)
BATCH = 64


def training_epoch(T, rows, batch):
    """An epoch of 20-64-10 with Adam over a shuffled TensorDataset."""
    nn = T.nn
    T.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
    data = T.utils.data.TensorDataset(T.randn(rows, 20), T.randint(0, 10, (rows,)))
    loader = T.utils.data.DataLoader(data, batch_size=batch, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    optimizer = T.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step():
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        return loss

    return step


def workloads(choices):
    return [
        Workload(
            "scale", "epoch", f"{__name__}:training_epoch", (rows, BATCH), size=rows, shares=-(-rows // BATCH)
        )
        for rows in (SIZES[:-1] if choices.quick else SIZES)
    ]
