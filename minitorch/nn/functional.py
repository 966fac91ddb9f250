"""Functions of neural networks: the rows of the op table under torch's names. A Module's forward is one call of these."""

from __future__ import annotations

from ..ops import (  # noqa: F401
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    dropout,
    elu,
    embedding,
    gelu,
    hardtanh,
    huber_loss,
    kl_div,
    l1_loss,
    layer_norm,
    leaky_relu,
    linear,
    logsigmoid,
    mse_loss,
    nll_loss,
    normalize,
    one_hot,
    relu,
    relu6,
    sigmoid,
    silu,
    smooth_l1_loss,
    softmin,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from ..ops import log_softmax as _log_softmax
from ..ops import softmax as _softmax


def _implicit_dim(name, ndim):
    import warnings

    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.", stacklevel=4
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / sum(exp(x)) along `dim`."""
    return _softmax(input, _implicit_dim("softmax", input.ndim) if dim is None else dim, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """x - logsumexp(x) along `dim`."""
    return _log_softmax(input, _implicit_dim("log_softmax", input.ndim) if dim is None else dim, dtype)
