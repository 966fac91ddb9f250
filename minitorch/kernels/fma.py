"""`fma(a, b, c)`: a * b + c rounded once, in loops. One instruction of the processor."""

from __future__ import annotations

import math

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic


def exact_fma(a, b, c):
    """a * b + c rounded once, to the type of `a` (float32 or float64), in exact arithmetic: for runs without
    the JIT."""
    from fractions import Fraction  # (takes 7 ms to import)

    plain = a * b + c
    if not np.isfinite(plain):
        return plain
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact == 0:  # of either sign
        return plain
    rounded = float(exact)
    if type(a) is not np.float32 or Fraction(rounded) == exact:
        return type(a)(rounded)
    # Rounding twice (to float64, then float32) is safe once the inexact middle result has an odd last bit.
    if np.float64(rounded).view(np.uint64) % 2 == 0:
        rounded = math.nextafter(rounded, math.inf if exact > Fraction(rounded) else -math.inf)
    return np.float32(rounded)


if numba.config.DISABLE_JIT:
    fma = exact_fma
else:

    @intrinsic
    def fma(typingctx, a, b, c):
        """a * b + c with one rounding; three floats of one type."""
        if isinstance(a, types.Float) and a == b == c:
            return a(a, a, a), lambda context, builder, signature, args: builder.fma(*args)
        return None
