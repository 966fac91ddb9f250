"""Flat array namespaces with torch's argument names: `numpy` for the device cpu, `torch` for torch and cuda."""

from __future__ import annotations

from numpy import generic, ndarray

from . import numpy


class cudnn:
    """Settings that programs make, of a library for convolutions on GPUs: without effect here."""

    enabled, benchmark, deterministic = True, False, False


class mps:
    """Apple's GPUs, which are none of the devices here."""

    @staticmethod
    def is_available() -> bool:
        return False


def backend_of(array):
    """The namespace for a raw array."""
    if isinstance(array, (ndarray, generic)):
        return numpy
    from . import torch

    return torch


def backend_for(device):
    """The namespace for a device; ModuleNotFoundError with advice if it needs torch and torch is not installed."""
    if device.type == "cpu":
        return numpy
    from . import torch

    return torch
