"""What a dtype can hold: `finfo` and `iinfo`."""

from __future__ import annotations

import numpy as np

from . import dtypes


class finfo:
    """Of a floating dtype (default: the default dtype): `bits`, `eps`, `min`, `max`, `tiny`, `smallest_normal`, `resolution`.

    TypeError for an integer one.
    """

    def __init__(self, type=None):
        dtype = dtypes.get_default_dtype() if type is None else type
        if not dtype.is_floating_point:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{dtype}'")
        info = np.finfo(dtype.numpy)
        self.dtype, self.bits = dtype.name, info.bits
        self.eps, self.min, self.max = float(info.eps), float(info.min), float(info.max)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = 10.0**-info.precision

    def __repr__(self):
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{n}={getattr(self, n):g}' for n in names)}, dtype={self.dtype})"


class iinfo:
    """Of an integer dtype: `bits`, `min`, `max`. TypeError for a floating one."""

    def __init__(self, type):
        if type.is_floating_point or type is dtypes.bool:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'")
        info = np.iinfo(type.numpy)
        self.dtype, self.bits, self.min, self.max = type.name, info.bits, int(info.min), int(info.max)

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
