"""torch with the whole step under `torch.compile`, for the workloads that other libraries run too."""

import torch as T

from . import torch
from .torch import about, limit, wait  # noqa: F401


def build(workload, device="cpu"):
    return T.compile(torch.build(workload, device)) if workload.peers else None
