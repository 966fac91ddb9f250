"""The worker process of a DataLoader: what it runs, and how its exceptions reach the parent.

A worker has one pipe. It reads tasks from it and ends when the parent's end is closed, be it because the iterator
was dropped or because the parent died; so no worker is left behind. Results are written by a thread, so that a
worker can go on while the parent is busy.
"""

from __future__ import annotations

import queue
import random
import signal
import threading
import traceback
from multiprocessing.reduction import ForkingPickler

import numpy as np

from . import info
from .dataset import IterableDataset
from .fetch import make_fetch

RESUME = "resume"  # a task: start over, for the next epoch of a persistent worker


class End:
    """The answer of a worker whose iterable data set has no more samples."""


class Failure:
    """An exception of a worker, as its type and the text of its traceback (both can be pickled)."""

    def __init__(self, exception: BaseException, worker_id: int):
        self.type = type(exception)
        text = "".join(traceback.format_exception(exception))
        self.message = (
            f"Caught {self.type.__name__} in DataLoader worker process {worker_id}.\nOriginal {text}"
        )

    def reraise(self):
        """Raises the same type, the worker's traceback as message; RuntimeError if it takes no text."""
        message = _Verbatim(self.message) if self.type is KeyError else self.message
        try:
            error = self.type(message)
        except Exception:
            error = RuntimeError(self.message)
        raise error


class _Verbatim(str):
    """A KeyError shows the repr of its argument: lines, not backslashes."""

    def __repr__(self):
        return str(self)


def run_worker(connection, to_close, dataset, batched, collate_fn, drop_last, base_seed, init_fn, id, count):
    """The main function of worker `id` of `count`: tasks `(epoch, number, index)` to `(epoch, number, batch)`.

    `to_close`: the parent's ends of pipes that a fork has copied; open here, they would hide that it is gone.
    """
    for other in to_close:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the pipe
    seed = base_seed + id
    _seed_everything(base_seed, id)
    info.current = info.WorkerInfo(id, count, seed, dataset)
    send = _sender(connection)

    def begin():
        try:
            return make_fetch(dataset, batched, collate_fn, drop_last), None
        except Exception as error:
            return None, Failure(error, id)

    try:
        if init_fn is not None:
            init_fn(id)
        fetch, failure = begin()
    except Exception as error:
        fetch, failure = None, Failure(error, id)
    while (task := _receive(connection)) is not None:
        if task == RESUME:
            fetch, failure = begin()
            continue
        epoch, number, index = task
        result = failure or _answer(fetch, index, id, isinstance(dataset, IterableDataset))
        try:
            message = ForkingPickler.dumps((epoch, number, result))
        except Exception as error:
            message = ForkingPickler.dumps((epoch, number, Failure(error, id)))
        send(bytes(message))


def _answer(fetch, index, id, may_end):
    try:
        return fetch(index)
    except Exception as error:
        return End() if may_end and isinstance(error, StopIteration) else Failure(error, id)


def _receive(connection):
    try:
        return connection.recv()
    except (EOFError, OSError):
        return None


def _sender(connection):
    outbox = queue.SimpleQueue()

    def work():
        try:
            while True:
                connection.send_bytes(outbox.get())
        except OSError:  # the parent is gone
            pass

    threading.Thread(target=work, daemon=True).start()
    return outbox.put


def _seed_everything(base_seed: int, id: int) -> None:
    """`random` and minitorch from `base_seed + id`; NumPy from a hash of both, as torch does."""
    from ... import generator

    random.seed(base_seed + id)
    generator.default_generator.manual_seed(base_seed + id)
    words = [id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))
