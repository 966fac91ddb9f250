"""Several threads for functions of Python that spend their time in NumPy, which releases Python's lock: for what is not a kernel, and
so nothing for the team (team.py). Pieces are cut by the size of the arrays alone: results are the same with any number of threads.
"""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor

from .team import count

#: ns of work from which on it is shared, those of a piece, and the fewest pieces of a call: a sleeping thread takes some 45 us to wake up, and
#: while it makes NumPy's calls it holds Python's lock (us, alone / shared: 10**6 205 / 294, 4 * 10**6 828 / 744, 16 * 10**6 5330 / 3490)
WORTH, PIECE, PIECES = 4_000_000, 1_000_000, 4


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count(), "minitorch")


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads don't survive a fork


def run(function, arrays: tuple, numbers: tuple = (), cost: float = 0.2) -> None:
    """`function(*arrays, *numbers)`, in pieces if there is much to do.

    arrays  of one length, cut along their first dimension; how much there is to do is judged by the first
    cost    ns that the function takes for an element of an array, all arrays counted
    """
    ns, count = len(arrays) * arrays[0].size * cost, len(arrays[0])
    if ns < WORTH:
        function(*arrays, *numbers)
        return
    step = max(1, -(-count // max(PIECES, int(ns / PIECE))))
    pieces = [slice(start, start + step) for start in range(0, count, step)]
    list(_pool().map(lambda piece: function(*[a[piece] for a in arrays], *numbers), pieces))  # and raises what one has raised
