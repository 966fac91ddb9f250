"""torch's paths to the modules, `nn.modules.batchnorm._BatchNorm` and the like: names for the files of `nn`."""

import sys

from .. import *  # noqa: F403
from .. import activation, container, linear, loss, module, norm

_FILES = {
    "activation": activation,
    "batchnorm": norm,
    "container": container,
    "dropout": norm,
    "flatten": linear,
    "linear": linear,
    "loss": loss,
    "module": module,
    "normalization": norm,
    "sparse": linear,
}
globals().update(_FILES)
sys.modules.update({f"{__name__}.{name}": file for name, file in _FILES.items()})
