"""Large arrays that are freed stay in the process, and the next array takes their place.

By itself glibc asks the system for every array of more than 32 MB, and returns it when the array is freed: each use
of fresh memory is then a page fault first (40 MB written: 7 ms, of which 4 ms are page faults; a step of 1024x3: 2,500 faults).
"""

from __future__ import annotations

import ctypes
import os
import sys

#: largest array that comes from the process's own memory, and most free memory that the process keeps, in bytes
REUSED, KEPT = 256 << 20, 512 << 20

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
CHOSEN_BY_USER = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory():
    """Sets the two thresholds of glibc's malloc, unless the environment does. Other allocators are left as they are."""
    if not sys.platform.startswith("linux") or any(name in os.environ for name in CHOSEN_BY_USER):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, REUSED)
        mallopt(M_TRIM_THRESHOLD, KEPT)
