"""minitorch: PyTorch's training API rebuilt from scratch. `import minitorch as torch` gives the same numbers."""

import warnings as _warnings

# torch says nothing when a division by zero or an overflow gives inf or NaN; NumPy warns, naming the calling module.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"minitorch\.")

from . import (
    dtypes,  # noqa: F401
    ops,
)
from .autograd.mode import (  # noqa: F401
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .creation import (  # noqa: F401
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    is_floating_point,
    is_tensor,
    linspace,
    logspace,
    numel,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from .device import device, get_default_device, set_default_device  # noqa: F401
from .dtypes import (  # noqa: F401
    bool,
    double,
    dtype,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
)
from .ops.attach import attach as _attach
from .ops.bytecode import keep as _keep
from .out import taking_out
from .tensor import Size, Tensor  # noqa: F401

_attach()
from . import autograd, random  # noqa: F401
from .random import *  # noqa: F403

random.attach()
from math import e, inf, nan, pi  # noqa: F401

from . import linalg, nn, optim, utils  # noqa: F401
from .limits import finfo, iinfo  # noqa: F401
from .printing import set_printoptions  # noqa: F401
from .utils import data as _data  # noqa: F401

#: what of `ops` is public under the same name
_FUNCTIONS = [
    name
    for name in dir(ops)
    if not name.startswith("_")
    and callable(getattr(ops, name))
    and name not in globals()
    and getattr(getattr(ops, name), "__module__", "").startswith("minitorch")
    and not isinstance(getattr(ops, name), type)
]
globals().update({name: getattr(ops, name) for name in _FUNCTIONS})
globals().update(
    {
        name: taking_out(row.public_front) if row.out else row.public_front
        for name, row in ops.OPS.items()
        if row.public_front
    }
)
clip = globals()["clamp"]
globals().update(  # torch.sqrt_(x) and the like
    {
        name + "_": getattr(Tensor, name + "_")
        for name, row in ops.OPS.items()
        if row.inplace and len(row.inputs) == 1 and "." not in (row.torch or ".")
    }
)
detach, detach_, fill_, zero_ = Tensor.detach, Tensor.detach_, Tensor.fill_, Tensor.zero_
__version__ = "2.13.0"
_keep()


def __getattr__(name):
    """`save`, `load`, `cuda`, `accelerator`, `training` and `profile` are looked up when they are first used: they need more of the standard library."""
    from importlib import import_module

    if name in ("save", "load"):
        return getattr(import_module(".serialization", __name__), name)
    if name in ("accelerator", "cuda", "training", "serialization", "profile"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
