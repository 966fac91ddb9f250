"""The parent's side of a DataLoader with worker processes: who fetches what, and in which order it is returned."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import time
from multiprocessing.connection import wait

from .iterator import Iterator
from .sampler import random_seed
from .worker import RESUME, End, Failure, run_worker

#: how long, in seconds, workers may take to end by themselves
PATIENCE = 5.0

#: this process's ends of the pipes to all workers: a forked worker closes its copies, which would keep others alive
_open_pipes = set()


class WorkersIterator(Iterator):
    """Numbers the tasks, gives them to the workers in turn, and returns the batches in the tasks' order."""

    def __init__(self, loader):
        super().__init__(loader)
        self._timeout = loader.timeout or None
        self._ahead = loader.prefetch_factor
        self._persistent = loader.persistent_workers
        self._in_order = loader.in_order
        self._epoch = 0
        self._pid = os.getpid()
        self._workers, self._pipes = [], []
        base_seed = random_seed(loader.generator)
        try:
            self._start(loader, base_seed)
            self._begin()
        except BaseException:
            self.close()
            raise

    def _start(self, loader, base_seed):
        context = loader.multiprocessing_context
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        forks = context.get_start_method() == "fork"
        for i in range(loader.num_workers):
            pipe, theirs = context.Pipe()
            self._pipes.append(pipe)
            _open_pipes.add(pipe)
            to_close = list(_open_pipes) if forks else []
            args = (
                theirs,
                to_close,
                *loader._how_to_fetch,
                base_seed,
                loader.worker_init_fn,
                i,
                loader.num_workers,
            )
            process = context.Process(target=run_worker, args=args, daemon=True, name=f"DataLoader-{i}")
            process.start()
            theirs.close()  # the worker has the only one, so that its death ends the pipe
            self._workers.append(process)

    def _begin(self):
        self._sent = self._received = 0
        self._worker_of: dict[int, int] = {}  # tasks that were given out and not yet returned
        self._arrived = {}
        self._active = [True] * len(self._workers)
        self._turn = itertools.cycle(range(len(self._workers)))
        for _ in range(self._ahead * len(self._workers)):
            self._give_out()

    def restart(self):
        """The next epoch with the same workers. Answers that are still underway are dropped when they come."""
        self._epoch += 1
        self._count = 0
        self._indices = iter(self._source)
        try:
            for worker in range(len(self._workers)):
                self._send(worker, RESUME)
            self._begin()
        except BaseException:
            self.close()
            raise

    def _next(self):
        while self._received < self._sent:
            if (number := self._ready()) is not None:
                return self._hand_over(number)
            if not self._active[self._worker_of[self._received]]:  # its dataset ended before this task
                self._pass(self._received)
                continue
            try:
                self._take_in()
            except BaseException:
                self.close()
                raise
        if not self._persistent:
            self.close()
        raise StopIteration

    def _ready(self):
        """The number of the task whose batch is to be returned now, if it's here."""
        if not self._in_order:
            return next(iter(self._arrived), None)
        return self._received if self._received in self._arrived else None

    def _pass(self, number):
        del self._worker_of[number]
        while self._received < self._sent and self._received not in self._worker_of:
            self._received += 1

    def _hand_over(self, number):
        batch = self._arrived.pop(number)
        self._pass(number)
        self._give_out()
        if isinstance(batch, Failure):
            batch.reraise()
        return batch

    def _give_out(self):
        """The next task to the next worker that still has samples."""
        if not any(self._active):
            return
        try:
            indices = next(self._indices)
        except StopIteration:
            return
        worker = next(w for w in self._turn if self._active[w])
        self._send(worker, (self._epoch, self._sent, indices))
        self._worker_of[self._sent] = worker
        self._sent += 1

    def _send(self, worker, task):
        try:
            self._pipes[worker].send(task)
        except OSError:
            raise self._died(worker) from None

    def _take_in(self):
        """Waits for answers and files them."""
        ready = wait(self._pipes, self._timeout)
        if not ready:
            raise RuntimeError(
                f"DataLoader timed out after {self._timeout} seconds: no worker sent a batch. "
                "Give a longer timeout, or look for what blocks in the dataset's __getitem__."
            )
        for pipe in ready:
            worker = self._pipes.index(pipe)
            try:
                epoch, number, batch = pipe.recv()
            except (EOFError, ConnectionError):
                raise self._died(worker) from None
            if epoch != self._epoch:
                continue
            if not isinstance(batch, End):
                self._arrived[number] = batch
            elif self._active[worker]:
                self._active[worker] = False
                self._give_out()

    def _died(self, worker):
        process = self._workers[worker]
        process.join(PATIENCE)
        code = process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"exited with code {code}"
        return RuntimeError(
            f"DataLoader worker (pid(s) {process.pid}) exited unexpectedly (worker {worker} {how}). "
            "It may be out of memory, or the dataset ended the process; num_workers=0 shows where."
        )

    @property
    def closed(self) -> bool:
        return not self._pipes

    def close(self):
        """Ends the workers: the end of its pipe tells each; one that doesn't listen in time is killed."""
        for pipe in self._pipes:
            pipe.close()
            _open_pipes.discard(pipe)
        deadline = time.monotonic() + PATIENCE
        for process in self._workers:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        self._workers, self._pipes = [], []
        self._sent = self._received = 0

    def __del__(self):
        # NOTE: a process forked from this one has a copy of the iterator, but the workers aren't its children
        if getattr(self, "_pipes", None) and self._pid == os.getpid() and not sys.is_finalizing():
            self.close()
