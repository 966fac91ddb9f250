"""What a step of minitorch would take if nothing but its arithmetic had to be done: the bound where a target is missed.

Every operation of one step, forward and backward, is run again on the same raw arrays, alone: the calls of NumPy, BLAS and
kernels, without tensors, graph, modules and optimizer. Their sum is a bound of this design (Python that calls NumPy): a
target beyond it cannot be reached by a smaller overhead, only by fewer or faster calls. Below that is the machine's bound: the
bytes of all their arguments and results and the multiplications and additions of all products, at the rates of roofline.py.
"""

from __future__ import annotations

import time

REPEATS, SAMPLE = 7, 1e-4

#: the operations that are products of their first two inputs; all others that multiply matrices call them
PRODUCTS = ("matmul", "linear")


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


class Watch:
    """A tracer of operations and a watcher of nodes that time each call once more, alone."""

    def __init__(self):
        self.rows = {}  # name -> [calls, seconds of forward, of backward]
        self.bytes = self.flops = 0
        self.products = {}  # node -> operations of its product

    def forward(self, op, inputs, metadata, call):
        result = call()
        if op.body and not op.fused:  # of a composite the operations inside come by themselves
            return result
        xp, *arrays = op.coerce(op, *inputs)
        if used := arithmetic(op, xp, arrays, metadata):
            row = self.rows.setdefault(op.name, [0, 0.0, 0.0])
            row[0] += 1
            row[1] += alone(used)
            results = result if isinstance(result, tuple) else (result,)
            self.bytes += 0 if op.view else bytes_of(*arrays, *[r._array for r in results])
            if op.name in PRODUCTS:
                self.flops += (flops := 2 * result._array.size * arrays[0].shape[-1])
                self.products[result._node] = flops
        return result

    def backward(self, node, g, call):
        result = call()
        op = getattr(node.plan, "op", None)
        if op is not None:
            again = alone(lambda: node.plan.backward(node, g, node.xp))
            self.rows.setdefault(op.name, [0, 0.0, 0.0])[2] += again
            self.bytes += 0 if op.view else bytes_of(g, *node.saved, *result)
            wanted = sum(gradient is not None for gradient in result[:2])
            self.flops += wanted * self.products.get(node, 0)
        return result


def arithmetic(op, xp, arrays, metadata):
    """The call that computes the operation, or None if that is what its body calls."""
    if op.fused and op.fused[0] and xp.__name__.endswith("numpy"):
        from minitorch.ops.table import switches

        fused = lambda: op.fused[0](*arrays, **metadata)
        if switches.fused and fused() is not NotImplemented:
            return fused
    return None if op.body else lambda: op.forward(xp, *arrays, **metadata)


def measure(workload) -> dict | None:
    """`{"seconds": of all, "bytes": read and written, "flops": of products, "operations": [(name, calls, seconds of forward, of
    backward), ...]}`, slowest first."""
    import minitorch as T
    from minitorch.autograd.engine import watchers
    from minitorch.ops.table import tracers

    step = workload.build(T)
    if step is None:
        return None
    for _ in range(3):
        step()
    watch = Watch()
    tracers.append(watch.forward)
    watchers.append(watch.backward)
    try:
        step()
    finally:
        tracers.remove(watch.forward)
        watchers.remove(watch.backward)
    operations = sorted(((n, *v) for n, v in watch.rows.items()), key=lambda row: -row[2] - row[3])
    seconds = sum(f + b for _, _, f, b in operations)
    return {"seconds": seconds, "bytes": watch.bytes, "flops": watch.flops, "operations": operations}


def bytes_of(*values):
    """Of the arrays among them."""
    return sum(getattr(v, "nbytes", 0) for v in values)
