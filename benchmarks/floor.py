"""What a step of minitorch would take if nothing but its arithmetic had to be done: the bound where a target is missed.

Every operation of one step, forward and backward, is run again on the same raw arrays, alone: the calls of NumPy, BLAS and
kernels, without tensors, graph, modules and optimizer. Their sum is a bound of this design (Python that calls NumPy): a
target beyond it cannot be reached by a smaller overhead, only by fewer or faster calls. Below that is the memory's bound: the
bytes of all their arguments and results, at the bandwidth of roofline.py.
"""

from __future__ import annotations

import time

REPEATS, SAMPLE = 7, 1e-4


def alone(call) -> float:
    """Seconds of `call()`: the quickest of some samples."""
    begin = time.perf_counter()
    call()
    times = max(1, int(SAMPLE / max(time.perf_counter() - begin, 1e-9)))
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.perf_counter()
        for _ in range(times):
            call()
        best = min(best, (time.perf_counter() - begin) / times)
    return best


def measure(workload) -> dict | None:
    """`{"seconds": of all, "bytes": read and written, "operations": [(name, calls, seconds of forward, of backward), ...]}`, slowest
    first."""
    import minitorch as T
    from minitorch.autograd.engine import watchers
    from minitorch.ops.table import switches, tracers

    step = workload.build(T)
    if step is None:
        return None
    for _ in range(3):
        step()
    found: dict[str, list] = {}
    traffic = 0

    def forward(op, inputs, metadata, call):
        nonlocal traffic
        result = call()
        if not op.body or op.fused:  # of a composite the operations inside come by themselves
            xp, *arrays = op.coerce(op, *inputs)
            used = None
            if op.fused and op.fused[0] and switches.fused:
                used = lambda: op.fused[0](*arrays, **metadata)
                used = None if used() is NotImplemented else used
            if used is None and not op.body:
                used = lambda: op.forward(xp, *arrays, **metadata)
            if used:
                row = found.setdefault(op.name, [0, 0.0, 0.0])
                row[0] += 1
                row[1] += alone(used)
                if not op.view:
                    results = result if isinstance(result, tuple) else (result,)
                    traffic += bytes_of(*arrays, *[r._array for r in results])
        return result

    def backward(node, g, call):
        nonlocal traffic
        result = call()
        op = getattr(node.plan, "op", None)
        if op is not None:
            found.setdefault(op.name, [0, 0.0, 0.0])[2] += alone(lambda: node.plan.backward(node, g, node.xp))
            if not op.view:
                traffic += bytes_of(g, *node.saved, *result)
        return result

    tracers.append(forward)
    watchers.append(backward)
    try:
        step()
    finally:
        tracers.remove(forward)
        watchers.remove(backward)
    operations = sorted(((n, *v) for n, v in found.items()), key=lambda row: -row[2] - row[3])
    return {"seconds": sum(f + b for _, _, f, b in operations), "bytes": traffic, "operations": operations}


def bytes_of(*values):
    """Of the arrays among them."""
    return sum(getattr(v, "nbytes", 0) for v in values)
