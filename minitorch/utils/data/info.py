"""Which worker process of a DataLoader this is. A file of its own, as one without workers doesn't load what they need."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this is: `id` in `range(num_workers)`, its random `seed`, its copy of the `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: object


current: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process, its `WorkerInfo`; in the main process None."""
    return current
