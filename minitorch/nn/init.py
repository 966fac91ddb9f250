"""Initial values, drawn as torch draws them. Each fills its tensor in place, unrecorded, and returns it."""

from __future__ import annotations

import math
import warnings

from ..autograd.mode import no_grad
from ..tensor import Tensor


def calculate_gain(nonlinearity, param=None):
    """The factor that keeps the variance through a nonlinearity; ValueError for one that is not known."""
    if nonlinearity in (
        "linear",
        "sigmoid",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
    ):
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def _fans(tensor):
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = 1
    for n in tensor.shape[2:]:
        field *= n
    return tensor.shape[1] * field, tensor.shape[0] * field


_calculate_fan_in_and_fan_out = _fans


@no_grad()
def uniform_(tensor: Tensor, a=0.0, b=1.0, generator=None):
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor: Tensor, mean=0.0, std=1.0, generator=None):
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def constant_(tensor: Tensor, val):
    return tensor.fill_(val)


@no_grad()
def ones_(tensor: Tensor):
    return tensor.fill_(1)


@no_grad()
def zeros_(tensor: Tensor):
    return tensor.fill_(0)


@no_grad()
def eye_(tensor: Tensor):
    """The identity matrix; ValueError if it is not 2-d."""
    from ..creation import eye as identity

    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(identity(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


@no_grad()
def xavier_uniform_(tensor: Tensor, gain=1.0, generator=None):
    """Uniform in +-gain * sqrt(6 / (fan_in + fan_out)). Glorot and Bengio, 2010."""
    fan_in, fan_out = _fans(tensor)
    a = math.sqrt(3.0) * (gain * math.sqrt(2.0 / float(fan_in + fan_out)))
    return tensor.uniform_(-a, a, generator=generator)


@no_grad()
def xavier_normal_(tensor: Tensor, gain=1.0, generator=None):
    """Normal with std gain * sqrt(2 / (fan_in + fan_out))."""
    fan_in, fan_out = _fans(tensor)
    return tensor.normal_(0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator=generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan = _fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


@no_grad()
def kaiming_uniform_(tensor: Tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform in +-sqrt(3) * gain / sqrt(fan). https://arxiv.org/abs/1502.01852"""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor.uniform_(-bound, bound, generator=generator)


@no_grad()
def kaiming_normal_(tensor: Tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Normal with std gain / sqrt(fan)."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return tensor.normal_(0, _kaiming_std(tensor, a, mode, nonlinearity), generator=generator)


@no_grad()
def orthogonal_(tensor: Tensor, gain=1, generator=None):
    """A (semi-)orthogonal matrix, by QR of normals. Unlike torch: equal only to about 1e-7, LAPACK's QR being another."""
    import numpy as np

    from ..creation import from_raw_like

    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows, cols = tensor.shape[0], tensor.numel() // tensor.shape[0]
    flat = tensor.new_empty((rows, cols)).normal_(0, 1, generator=generator)
    a = flat.cpu().numpy()
    q, r = np.linalg.qr(a.T if rows < cols else a)
    q = q * np.sign(np.diagonal(r))
    q = q.T if rows < cols else q
    return tensor.copy_(from_raw_like(np.ascontiguousarray(q), tensor).view(tensor.shape) * gain)


@no_grad()
def dirac_(tensor: Tensor, groups=1):
    """Convolution weights (out, in, *kernel) that leave their input as it is, in each of `groups`. ValueError for other shapes."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out, channels, *kernel = tensor.shape
    if out % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    tensor.zero_()
    middle = tuple(n // 2 for n in kernel)
    for i in range(out):
        if i % (out // groups) < channels:
            tensor[(i, i % (out // groups), *middle)] = 1
    return tensor


@no_grad()
def sparse_(tensor: Tensor, sparsity, std=0.01, generator=None):
    """Normal, and in each column this fraction of the rows 0. ValueError if it is not 2-d. Martens, 2010."""
    from ..random import randperm

    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor[randperm(rows)[: math.ceil(sparsity * rows)], column] = 0
    return tensor


@no_grad()
def trunc_normal_(tensor: Tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Normal, redrawn outside [a, b] (torch 2.13's rejection sampling)."""
    from .. import ops

    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            stacklevel=2,
        )

    def cdf(x):
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    def draw(fill):
        return fill(tensor.detach().clone())  # of its memory layout, in whose order numbers are drawn

    if cdf((b - mean) / std) - cdf((a - mean) / std) > 0.3:
        low, high = (float(tensor.new_full((), v)) for v in (a, b))
        x = draw(lambda t: t.normal_(mean, std, generator=generator))
        while bool((bad := (x < low) | (x > high)).any()):
            x = ops.where(bad, draw(lambda t: t.normal_(mean, std, generator=generator)), x)
        return tensor.copy_(x)
    mode = max(a, min(mean, b))
    peak = -0.5 * ((mode - mean) / std) ** 2

    def too_low(x, accept):
        return accept.log() > ((x - mean) / std) ** 2 * -0.5 - peak

    uniform = lambda low=0.0, high=1.0: draw(lambda t: t.uniform_(low, high, generator=generator))
    x = uniform(a, b)
    pending = too_low(x, uniform())
    while bool(pending.any()):
        candidate = uniform(a, b)
        x = ops.where(pending, candidate, x)
        pending = ops.where(pending, too_low(candidate, uniform()), pending)
    return tensor.copy_(x)


def _without_underscore(function):
    def old(*args, **kwargs):
        name = f"nn.init.{old.__name__}"
        warnings.warn(f"`{name}` is now deprecated in favor of `{name}_`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    old.__name__, old.__doc__ = function.__name__[:-1], f"The old name of `{function.__name__}`."
    return old


uniform, normal, constant, eye = map(_without_underscore, (uniform_, normal_, constant_, eye_))
xavier_uniform, xavier_normal = map(_without_underscore, (xavier_uniform_, xavier_normal_))
kaiming_uniform, kaiming_normal = map(_without_underscore, (kaiming_uniform_, kaiming_normal_))
dirac, orthogonal, sparse = map(_without_underscore, (dirac_, orthogonal_, sparse_))
