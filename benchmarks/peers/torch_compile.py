"""torch with the whole step under `torch.compile`, for the workloads that other libraries run too."""

import torch as T

from .torch import about, limit  # noqa: F401


def build(workload):
    if not workload.peers:
        return None
    return T.compile(workload.build(T))
