"""Which dimensions an operation has broadcast."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(1024)
def summed(have, shape):
    """The dimensions over which the gradient of what was broadcast from `shape` to `have` is summed; None: it was not."""
    extra = len(have) - len(shape)
    if extra < 0 or any(have[i + extra] != n != 1 for i, n in enumerate(shape)):
        return None
    return tuple(i for i in range(len(have)) if i < extra or (shape[i - extra] == 1 and have[i] != 1))


def sum_to(xp, g, shape):
    """g, of the shape of a result, summed to that of what was broadcast."""
    dims = summed(tuple(g.shape), shape)
    if dims:
        g = xp.sum(g, dim=dims)
    return xp.reshape(g, shape=shape) if tuple(g.shape) != shape else g
