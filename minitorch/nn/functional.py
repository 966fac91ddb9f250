"""Functions of neural networks: the rows of the op table under torch's names. A Module's forward is one call of these."""

from __future__ import annotations

from ..ops import (  # noqa: F401
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    dropout,
    embedding,
    gelu,
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
    sigmoid,
    smooth_l1_loss,
    softmin,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from ..ops import log_softmax as _log_softmax
from ..ops import softmax as _softmax
from ..ops.inplace import apply as _apply
from ..ops.table import OPS as _OPS


def _with_inplace(name):
    """An activation with torch's last argument `inplace`."""
    row = _OPS[name]
    n = len(row.metadata)

    def activation(input, *args, inplace=False, **kwargs):
        if len(args) > n:
            *args, inplace = args
        return _apply(name, input, *args, **kwargs) if inplace else row.front(input, *args, **kwargs)

    activation.__name__, activation.__doc__ = name, row.__doc__
    return activation


relu, relu6, leaky_relu, elu, silu, hardtanh = map(
    _with_inplace, ("relu", "relu6", "leaky_relu", "elu", "silu", "hardtanh")
)


def _implicit_dim(name, ndim):
    import warnings

    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=4,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / sum(exp(x)) along `dim`."""
    return _softmax(input, _implicit_dim("softmax", input.ndim) if dim is None else dim, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """x - logsumexp(x) along `dim`."""
    return _log_softmax(input, _implicit_dim("log_softmax", input.ndim) if dim is None else dim, dtype)
