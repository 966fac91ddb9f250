"""An optimizer's update without the rest, and how fast the memory serves as many streams as the update reads and writes.

An update reads the gradient, and reads and writes the parameter and every state of the optimizer: with many parameters that is all it
does. `a += b` has other streams, so the bound is a kernel of its own with the same ones, shared by the same threads.
"""

from __future__ import annotations

import time
from functools import cache

from . import optim
from .floor import alone

PASSES = 20
BLOCK = 1024  # elements of a stream, before it is another's turn


def update(workload) -> dict | None:
    """`{"seconds": of the update's kernel, "bytes": read and written, "memory": seconds of a kernel of the same streams, "operations":
    [(name, 1, seconds, 0.0)]}`; None if no kernel takes the update."""
    import minitorch as T
    from minitorch.optim.step import GroupStep

    optimizer = optim.prepared(T, *workload.arguments)
    optimizer.step()
    step = GroupStep(optimizer, optimizer.param_groups[0])
    if not step.fused:
        return None
    seconds, columns = alone(step.run), step.layout.columns
    gradients = step.arrays[1::columns]
    written = columns - optimizer._counts_steps - 1
    return {
        "seconds": seconds,
        "bytes": sum(g.nbytes for g in gradients) * (2 * written + 1),
        "memory": stream(written, sum(g.size for g in gradients), gradients[0].itemsize),
        "operations": [(f"{type(optimizer).__name__}'s kernel", 1, seconds, 0.0)],
    }


@cache
def stream(written: int, size: int, itemsize: int) -> float:
    """Seconds of the best pass that reads one array of `size` elements, and reads and writes `written` others."""
    import numpy as np

    from minitorch.kernels import team

    dtype, width = f"f{itemsize}", size + -size % BLOCK
    memory = np.ones((written + 2) * width, dtype)
    begin = -memory.ctypes.data % 64 // itemsize  # of a line of the cache
    arrays = memory[begin : begin + (written + 1) * width].reshape(written + 1, width)
    best = float("inf")
    for _ in range(PASSES):
        before = time.perf_counter()
        team.run_range(kernel(), width // BLOCK, (arrays,), 0.1 * (written + 1) * BLOCK)
        best = min(best, time.perf_counter() - before)
    return best * size / width


@cache
def kernel():
    """Adds the first row of an array to all others, in blocks, from `start` to `stop`."""
    import numba

    @numba.njit(nogil=True, error_model="numpy")
    def stream(start, stop, arrays):
        for first in range(start * BLOCK, stop * BLOCK, BLOCK):
            g = arrays[0, first : first + BLOCK]
            for row in range(1, len(arrays)):
                a = arrays[row, first : first + BLOCK]
                for i in range(BLOCK):
                    a[i] += g[i]

    return stream
