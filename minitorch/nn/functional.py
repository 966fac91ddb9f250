"""Functions of neural networks: the rows of the op table under torch's names. A Module's forward is one call of these."""

from __future__ import annotations

import warnings
from inspect import Parameter as _Parameter

from ..ops import (  # noqa: F401
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_similarity,
    cross_entropy,
    dropout,
    embedding,
    gelu,
    glu,
    hardshrink,
    huber_loss,
    kl_div,
    l1_loss,
    layer_norm,
    linear,
    logsigmoid,
    mse_loss,
    nll_loss,
    normalize,
    one_hot,
    pad,
    pairwise_distance,
    prelu,
    scaled_dot_product_attention,
    sigmoid,
    smooth_l1_loss,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
)
from ..ops import log_softmax as _log_softmax
from ..ops import softmax as _softmax
from ..ops import softmin as _softmin
from ..ops.generated import compiled as _compiled
from ..ops.inplace import apply as _apply
from ..ops.table import OPS as _OPS


def _with_inplace(name):
    """The front of an activation with torch's last argument `inplace`."""
    row = _OPS[name]
    arguments = ", ".join(["input", *row.metadata])
    required = _Parameter.empty
    parameters = ", ".join(["input", *(k if d is required else f"{k}={d!r}" for k, d in row.metadata.items())])
    lines = [
        f"def {name}({parameters}, inplace=False):",
        f"return apply({name!r}, {arguments}) if inplace else front({arguments})",
    ]
    function = _compiled(name, lines, apply=_apply, front=row.front)
    function.__doc__ = row.__doc__
    return function


relu, relu6, leaky_relu, elu, silu, hardtanh = map(
    _with_inplace, ("relu", "relu6", "leaky_relu", "elu", "silu", "hardtanh")
)
hardswish, hardsigmoid, mish, selu, celu, threshold = map(
    _with_inplace, ("hardswish", "hardsigmoid", "mish", "selu", "celu", "threshold")
)


def _with_implicit_dim(front):
    """The front of an op along `dim`, which may be left out, as in the first versions of torch."""

    def function(input, dim=None, _stacklevel=3, dtype=None):
        if dim is None:
            warnings.warn(
                f"Implicit dimension choice for {front.__name__} has been deprecated. Change the call to include dim=X as an argument.",
                stacklevel=_stacklevel,
            )
            dim = 0 if input.ndim in (0, 1, 3) else 1
        return front(input, dim, dtype)

    function.__name__, function.__doc__ = front.__name__, front.__doc__
    return function


softmax, log_softmax, softmin = map(_with_implicit_dim, (_softmax, _log_softmax, _softmin))
