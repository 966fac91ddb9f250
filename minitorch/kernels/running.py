"""Running sums and products. Arrays of three dimensions: before, along, after; accumulated in float64, as torch does."""

from __future__ import annotations

import numpy as np

from .jit import kernel


@kernel(nogil=True)
def running(x, out, product, backwards):
    """out = np.cumsum(x, 1) (or np.cumprod), from the end if backwards"""
    n, c = x.shape[1], x.shape[2]
    first, last, step = (n - 1, -1, -1) if backwards else (0, n, 1)
    if c == 1:
        for a in range(x.shape[0]):
            s = 1.0 if product else 0.0
            for k in range(first, last, step):
                s = s * x[a, k, 0] if product else s + x[a, k, 0]
                out[a, k, 0] = s
    else:
        sums = np.empty(c)
        for a in range(x.shape[0]):
            for b in range(c):
                sums[b] = 1.0 if product else 0.0
            for k in range(first, last, step):
                for b in range(c):
                    sums[b] = sums[b] * x[a, k, b] if product else sums[b] + x[a, k, b]
                    out[a, k, b] = sums[b]
