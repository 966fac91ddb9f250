"""Several threads for kernels whose pieces have nothing to do with each other. Pieces are cut by the size of the arrays alone, so
results, sums by piece too, are the same with any number of threads.

Python's threads, as kernels and NumPy release the GIL (`@kernel(nogil=True)`): no second compilation for `parallel=True`, no
second pool, and nobody waits for a thread that the system hasn't started: who is first takes the next piece.
"""

from __future__ import annotations

import functools
import os
import time
from queue import Empty, SimpleQueue
from threading import Thread

#: ns of work from which on it is shared between threads. A thread that sleeps takes some 45 us to wake up (torch's wait awake for
#: more, at the cost of everybody else's): tanh of 10**5, 3 * 10**5, 10**6 elements, us: alone 38, 115, 386; with two threads 54, 122, 250
WORTH = 200_000

#: ns of work in a piece, and the fewest pieces of one call. Smaller pieces cost more than they even out: at the end of each a thread waits
#: for the interpreter's lock (silu of 10**6, forward and backward, us: alone 2140; pieces of 50, 200, 400 us 1240, 1190, 1210)
PIECE, PIECES = 200_000, 4

#: how often a thread looks whether its helpers are done before it goes to sleep: two pieces' time
AWAKE = 200

#: lets others have the interpreter, and the core
let_go = getattr(os, "sched_yield", lambda: time.sleep(0))


@functools.cache
def _helpers() -> SimpleQueue:
    """The queue from which the helpers, as many threads as there are other cores, take (work, where to say that it is done)."""
    queue = SimpleQueue()
    for _ in range(count() - 1):
        Thread(target=_help, args=(queue,), name="minitorch", daemon=True).start()
    return queue


def _help(queue):
    while True:
        _do(*queue.get())  # a call, whose end lets go of the arrays


def _do(work, done):
    error = None
    try:
        work()
    except BaseException as e:  # `_shared` raises it in the thread that asked
        error = e
    done.put(error)


os.register_at_fork(after_in_child=_helpers.cache_clear)  # threads don't survive a fork


def count() -> int:
    """The number of threads: of cores, or NUMBA_NUM_THREADS."""
    import numba

    return numba.config.NUMBA_NUM_THREADS


def _shared(work) -> None:
    """`work()` here and, as far as they wake up in time, in the helpers: it takes pieces until there are none."""
    queue, done, helpers = _helpers(), SimpleQueue(), count() - 1
    for _ in range(helpers):
        queue.put((work, done))
    try:
        work()
    finally:
        for _ in range(helpers):  # who has not begun need not
            try:
                queue.get_nowait()[1].put(None)  # it may be another call's: then that one has a helper less
            except Empty:
                break
        errors = [_soon(done) for _ in range(helpers)]
    for error in errors:
        if error is not None:
            raise error


def _soon(done: SimpleQueue):
    """What comes next. A helper's last piece is soon done: who slept until then would wake up 25 us later (Adam of 10**6 elements:
    267 us instead of 290)."""
    for _ in range(AWAKE):
        if not done.empty():
            break
        let_go()
    return done.get()


def run(kernel, arrays: tuple, numbers: tuple = (), cost: float = 0.2) -> list:
    """`kernel(*arrays, *numbers)`, in pieces if there is much to do; what they return, in order.

    arrays  of one length, cut along their first dimension; how much there is to do is judged by the first
    cost    ns that the kernel takes for an element of an array, all arrays counted
    """
    took = len(arrays) * arrays[0].size * cost
    if took < WORTH:
        return [kernel(*arrays, *numbers)]
    rows = len(arrays[0])
    step = -(-rows // max(PIECES, int(took / PIECE))) or 1
    pieces = [slice(start, start + step) for start in range(0, rows, step)]
    results, todo = [None] * len(pieces), iter(range(len(pieces)))

    def work_on():
        for i in todo:
            results[i] = kernel(*[a[pieces[i]] for a in arrays], *numbers)

    _shared(work_on)
    return results


def split(work, size: int, cost: float) -> None:
    """`work(start, stop)` for pieces of `range(size)`; `cost`: ns that it takes for each."""
    step = max(1, int(PIECE / cost))
    todo = iter(range(0, size, step))

    def work_on():
        for start in todo:
            work(start, min(start + step, size))

    _shared(work_on)
