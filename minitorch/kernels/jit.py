"""`kernel`: the one decorator of all Numba loops, so that what every kernel needs is said once.

Numba takes half a second to import. A module of kernels imports it at its top, through this file, and is
itself imported only inside the functions that call a kernel: `import minitorch` does not pay for it.

Rules for kernels, each learned from a measurement:

- A bare Python literal in a float32 loop makes Numba compute in float64: slower, and rounded otherwise than
  torch. Give literals the array's type, e.g. `one = x.dtype.type(1)` or a module constant `np.float32(0.5)`.
- Loops see contiguous 1-d arrays where possible: any other layout, and a read-only array, compiles anew.
- `cache=True` looks at the time stamp of the kernel's own file only: a helper that kernels call belongs in
  it.
- With NUMBA_DISABLE_JIT=1 a kernel runs as plain Python: slow, but it can be stepped through.
"""

from __future__ import annotations

import numba

# The default layer (OpenMP) leaves its threads spinning beside those of OpenBLAS: a 1 ms step became 13 ms.
numba.config.THREADING_LAYER = "workqueue"


def kernel(function=None, *, parallel: bool = False, reorder: bool = False):
    """Compiles a loop at its first call for given types: `@kernel`; `@kernel(parallel=True)` for
    `numba.prange`; `@kernel(reorder=True)` for a helper that only adds: its sum is taken in several lanes at once.

    `error_model="numpy"`: 1/0 is inf, and without the check the loop vectorises (7 times faster). No
    fastmath: NaN, inf and -0.0 are torch's, and `a * b + c` rounds twice, as written.
    """
    if function is None:
        return lambda f: kernel(f, parallel=parallel, reorder=reorder)
    fastmath = {"reassoc"} if reorder else False
    options = {"error_model": "numpy", "fastmath": fastmath, "parallel": parallel}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no writable place for the cache, as in a read-only container
        return numba.njit(cache=False, **options)(function)
