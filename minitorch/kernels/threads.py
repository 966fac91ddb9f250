"""Several threads for kernels that treat each element by itself, and so give the same with any number of threads.

Python's threads, as kernels release the GIL (`@kernel(nogil=True)`): no second compilation for `parallel=True`, no second
pool, and nobody waits for a thread that the system hasn't started: who is first takes the next piece.
"""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numba

#: elements of all arrays together from which on threads are used: handing the work over takes some 20 us
LARGE = 1 << 20

#: elements of each array in a piece: some 50 us
PIECE = 1 << 17


@functools.cache
def _helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count() - 1, thread_name_prefix="minitorch")


os.register_at_fork(after_in_child=_helpers.cache_clear)  # threads don't survive a fork


def count() -> int:
    """The number of threads: of cores, or NUMBA_NUM_THREADS."""
    return numba.config.NUMBA_NUM_THREADS


def run(kernel, calls: list[tuple[tuple, tuple]]) -> None:
    """`kernel(*arrays, *numbers)` for all `calls`. `arrays`: vectors of one size, or None."""
    if sum(len(arrays) * arrays[0].size for arrays, _ in calls) < LARGE:
        for arrays, numbers in calls:
            kernel(*arrays, *numbers)
        return
    pieces = iter(
        [
            (arrays, numbers, slice(start, start + PIECE))
            for arrays, numbers in calls
            for start in range(0, arrays[0].size, PIECE)
        ]
    )

    def work():
        for arrays, numbers, piece in pieces:
            kernel(*[None if a is None else a[piece] for a in arrays], *numbers)

    helpers = [_helpers().submit(work) for _ in range(count() - 1)]
    try:
        work()
    finally:
        for helper in helpers:
            if not helper.cancel():  # it has begun
                helper.result()
