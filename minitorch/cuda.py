"""`torch.cuda`: whether there is a GPU, and the few calls that programs make before they choose a device.

The device `cuda` is torch's, which is imported only where an NVIDIA or AMD driver is found.
"""

from __future__ import annotations

import os
import sys

from . import generator

_DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")


def _torch_cuda():
    """torch.cuda, or None without torch or a GPU."""
    if sys.platform == "darwin" or (sys.platform == "linux" and not any(map(os.path.exists, _DRIVERS))):
        return None
    try:
        from .backends.torch import torch
    except ImportError:
        return None
    return torch.cuda if torch.cuda.is_available() else None


def is_available() -> bool:
    """Whether tensors can be on the device `cuda`."""
    return _torch_cuda() is not None


def device_count() -> int:
    gpu = _torch_cuda()
    return gpu.device_count() if gpu else 0


def _needed():
    gpu = _torch_cuda()
    if gpu is None:
        raise RuntimeError(
            "No CUDA GPUs are available: torch isn't installed, or it finds no GPU (use the device 'cpu')"
        )
    return gpu


def current_device() -> int:
    return _needed().current_device()


def get_device_name(device=None) -> str:
    return _needed().get_device_name(None if device is None else str(device))


def synchronize(device=None) -> None:
    """Waits for the GPU: needed around a timing."""
    _needed().synchronize(None if device is None else str(device))


def empty_cache() -> None:
    """Gives memory that isn't in use back to the GPU; nothing to do without one."""
    gpu = _torch_cuda()
    if gpu:
        gpu.empty_cache()


def manual_seed(seed: int) -> None:
    """Seeds the GPU's generator. NOTE: minitorch draws on the CPU, from the generator of `minitorch.manual_seed`, for all devices;
    so there is nothing to seed, and a program that seeds both goes on with the CPU's numbers."""
    generator.Generator().manual_seed(seed)  # a wrong seed is refused


manual_seed_all = manual_seed
