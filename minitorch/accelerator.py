"""`torch.accelerator`: the GPU under the name that doesn't say whose it is."""

from __future__ import annotations

from .cuda import current_device as current_device_index  # noqa: F401
from .cuda import device_count, is_available, synchronize  # noqa: F401
from .device import device


def current_accelerator(check_available: bool = False) -> device | None:
    """The device `cuda`, or None without a GPU."""
    return device("cuda") if is_available() else None
