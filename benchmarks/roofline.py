"""What this machine can do at best: products per second, and bytes per second by amount. Measured, not looked up."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor

#: rows of the square float32 matrices, and bytes that a pass over memory reads and writes in all
GEMM = (512, 1024, 2048)
TRAFFIC = tuple(4**k * 100_000 for k in range(6))
#: the same on a GPU, which needs more to be busy
GPU_GEMM = (2048, 4096, 8192)
GPU_TRAFFIC = tuple(4**k * 100_000 for k in range(8))


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
    """[(bytes, bytes per second)]: the best of many passes of `a += b` that read and write `bytes`, shared by threads."""
    import numpy as np

    def passes(arrays, count):
        a, b = arrays
        begin = time.perf_counter()
        for _ in range(count):
            np.add(a, b, out=a)
        return (time.perf_counter() - begin) / count

    found = []
    with ThreadPoolExecutor(threads) as pool:
        for traffic in TRAFFIC:
            n = traffic // 12 // threads  # reads a and b, writes a
            # ones: pages that were never written would all be one page of zeros
            arrays = [[np.ones(n, np.float32) for _ in range(2)] for _ in range(threads)]
            count = max(1, 20_000_000 // traffic)
            best, end = float("inf"), time.perf_counter() + seconds
            while time.perf_counter() < end:
                best = min(best, max(pool.map(passes, arrays, [count] * threads)))
            found.append((traffic, traffic / best))
    return found


def on_device(device, seconds=0.2):
    """`measure` with torch's arithmetic on a device."""
    import torch

    from .peers.torch import place, wait

    def best_of(call):
        call()
        best, end = float("inf"), time.perf_counter() + seconds
        while time.perf_counter() < end:
            begin = time.perf_counter()
            call()
            wait(device)
            best = min(best, time.perf_counter() - begin)
        return best

    def product(n):
        a, b, out = (torch.ones(n, n, device=place(device)) for _ in range(3))
        return 2 * n**3 / best_of(lambda: torch.mm(a, b, out=out))

    def addition(traffic):
        a, b = (torch.ones(traffic // 12, device=place(device)) for _ in range(2))
        count = max(1, 20_000_000 // traffic)

        def passes():
            for _ in range(count):
                a.add_(b)

        return traffic * count / best_of(passes)

    sizes, amounts = (GPU_GEMM, GPU_TRAFFIC) if device == "cuda" else (GEMM, TRAFFIC)
    return {"gemm": max(map(product, sizes)), "bandwidth": [(n, addition(n)) for n in amounts]}


def measure(threads, device, with_torch, process):
    """`{"gemm": operations/s, "bandwidth": [(bytes, bytes/s)]}`; `process(name)` opens a fresh process."""
    if device != "cpu":
        with process("torch") as worker:
            return worker.ask("benchmarks.roofline:on_device", device)
    with process("numpy") as worker:
        peak = worker.ask("benchmarks.roofline:gemm_peak", threads)
        rates = worker.ask("benchmarks.roofline:bandwidth", threads)
    if with_torch:
        with process("torch") as worker:
            peak = max(peak, worker.ask("benchmarks.roofline:torch_gemm_peak", threads))
    return {"gemm": peak, "bandwidth": rates}


def bounds(flops, traffic, roof):
    """Seconds that the peaks allow for the products, and in which that many bytes can be read and written."""
    return {"products": flops / roof["gemm"], "memory": traffic / rate_at(traffic, roof["bandwidth"])}


def rate_at(traffic, bandwidth):
    """Bytes per second of a pass of that many bytes: between two measured places, on a line over log(bytes)."""
    places = [math.log(at) for at, _ in bandwidth]
    rates = [rate for _, rate in bandwidth]
    x = math.log(max(traffic, 1))
    i = min(max(bisect_left(places, x), 1), len(places) - 1)
    part = min(max((x - places[i - 1]) / (places[i] - places[i - 1]), 0), 1)
    return rates[i - 1] + part * (rates[i] - rates[i - 1])
