"""Modules: layers, activations, losses, containers."""

from . import functional, init, utils  # noqa: F401
from .activation import (  # noqa: F401
    ELU,
    GELU,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softsign,
    Tanh,
    Tanhshrink,
)
from .container import ModuleDict, ModuleList, Sequential  # noqa: F401
from .linear import Embedding, Flatten, Identity, Linear, Unflatten  # noqa: F401
from .loss import (  # noqa: F401
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from .module import Module  # noqa: F401
from .norm import BatchNorm1d, BatchNorm2d, Dropout, LayerNorm  # noqa: F401
from .parameter import Buffer, Parameter  # noqa: F401
from .parameter_container import ParameterDict, ParameterList  # noqa: F401

# isort: split
from . import modules  # noqa: F401
