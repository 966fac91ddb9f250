"""What Numba compiles while a process runs, in CPU seconds: kernels found in its cache are not compiled, nor counted."""

from __future__ import annotations

import time

from numba.core import event


class Compilations(event.Listener):
    """Counts from when it is made on. A kernel compiled within another counts too; its time is the other's."""

    def __init__(self):
        self.count, self.seconds, self._depth, self._begin = 0, 0.0, 0, 0.0
        event.register("numba:compile", self)

    def on_start(self, event):
        if not self._depth:
            self._begin = time.thread_time()
        self._depth += 1

    def on_end(self, event):
        self._depth -= 1
        self.count += 1
        if not self._depth:
            self.seconds += time.thread_time() - self._begin

    def totals(self):
        return self.count, self.seconds
