"""What this machine can do at best: products per second, and bytes per second by footprint. Measured, not looked up."""

from __future__ import annotations

import time
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor

#: elements of the square float32 matrices, and bytes that a pass over memory touches in all
GEMM = (512, 1024, 2048)
FOOTPRINTS = tuple(4**k * 100_000 for k in range(6))


def gemm_peak(_threads, seconds=0.4):
    """The largest rate of NumPy's float32 products, in operations per second. Threads: by the environment."""
    import numpy as np

    best = 0.0
    for n in GEMM:
        a, b = np.ones((n, n), np.float32), np.ones((n, n), np.float32)
        out = a @ b
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            begin = time.perf_counter()
            np.matmul(a, b, out=out)
            best = max(best, 2 * n**3 / (time.perf_counter() - begin))
    return best


def torch_gemm_peak(threads, seconds=0.4):
    """The same with torch's BLAS."""
    import torch

    torch.set_num_threads(threads)
    best = 0.0
    for n in GEMM:
        a, b = torch.ones(n, n), torch.ones(n, n)
        out = a @ b
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            begin = time.perf_counter()
            torch.mm(a, b, out=out)
            best = max(best, 2 * n**3 / (time.perf_counter() - begin))
    return best


def bandwidth(threads, seconds=0.1):
    """[(bytes, bytes per second)]: the best of many passes of `c = a + b` over `bytes`, shared by the threads."""
    import numpy as np

    def passes(arrays, count):
        a, b, c = arrays
        begin = time.perf_counter()
        for _ in range(count):
            np.add(a, b, out=c)
        return (time.perf_counter() - begin) / count

    found = []
    with ThreadPoolExecutor(threads) as pool:
        for footprint in FOOTPRINTS:
            n = footprint // 12 // threads
            arrays = [[np.ones(n, np.float32) for _ in range(3)] for _ in range(threads)]
            count = max(1, 20_000_000 // footprint)
            best, end = float("inf"), time.perf_counter() + seconds
            while time.perf_counter() < end:
                best = min(best, max(pool.map(passes, arrays, [count] * threads)))
            found.append((footprint, footprint / best))
    return found


def measure(threads, with_torch, process):
    """`{"gemm": operations/s, "bandwidth": [(bytes, bytes/s)]}`; `process(name)` opens a fresh process."""
    with process("numpy") as worker:
        peak = worker.ask("benchmarks.roofline:gemm_peak", threads)
        rates = worker.ask("benchmarks.roofline:bandwidth", threads)
    if with_torch:
        with process("torch") as worker:
            peak = max(peak, worker.ask("benchmarks.roofline:torch_gemm_peak", threads))
    return {"gemm": peak, "bandwidth": rates}


def bound(workload, roof):
    """Seconds that the peaks allow for the workload's products and traffic; None if it states neither."""
    if not (workload.flops or workload.traffic):
        return None
    places = [footprint for footprint, _ in roof["bandwidth"]]
    place = min(bisect_left(places, workload.traffic), len(places) - 1)
    return workload.flops / roof["gemm"] + workload.traffic / roof["bandwidth"][place][1]
