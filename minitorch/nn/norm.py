"""Normalisation layers and dropout."""

from __future__ import annotations

from ..creation import empty, ones, tensor, zeros
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class _BatchNorm(Module):
    """Normalises each feature over the batch. In training by the batch's mean and variance (ValueError if there is only one value a
    channel), whose running averages are used in evaluation. https://arxiv.org/abs/1502.03167"""

    dims, shape_text = (), ""
    _version = 2  # torch's: num_batches_tracked is part of the state

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        like = dict(device=device, dtype=dtype)
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, Parameter(empty(num_features, **like)) if wanted else None)
        self.register_buffer("running_mean", zeros(num_features, **like) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features, **like) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", tensor(0, device=device) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self):
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input):
        shape = tuple(input.shape)
        if len(shape) not in self.dims:
            raise ValueError(f"expected {self.shape_text} input (got {len(shape)}D input)")
        if shape[1] != self.num_features:
            raise RuntimeError(f"running_mean should contain {shape[1]} elements not {self.num_features}")
        try:
            fixed, learnt = self._buffers, self._parameters
            mean, var, tracked = fixed["running_mean"], fixed["running_var"], fixed["num_batches_tracked"]
            weight, bias, momentum = learnt["weight"], learnt["bias"], self.momentum
        except KeyError:  # one was replaced by a plain attribute
            mean, var, tracked = self.running_mean, self.running_var, self.num_batches_tracked
            weight, bias, momentum = self.weight, self.bias, self.momentum
        training = self.training or mean is None
        if self.training and self.track_running_stats:
            if momentum is None:
                momentum = 1.0 / (tracked.item() + 1)
            out = F.batch_norm(input, mean, var, weight, bias, True, momentum, self.eps)
            tracked._array += 1  # now that nothing has failed
            tracked._cell[0] += 1
            return out
        if self.training:
            mean = var = None
        return F.batch_norm(input, mean, var, weight, bias, training, momentum or 0.0, self.eps)

    def _complete_state(self, state_dict, prefix, version):
        """`load_state_dict` calls this: states that are older than `num_batches_tracked`, or say no version, may lack it."""
        if (version is None or version < 2) and self.track_running_stats:
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    __doc__ = f"x (N, C) or (N, C, L). {_BatchNorm.__doc__}"

    dims, shape_text = (2, 3), "2D or 3D"


class BatchNorm2d(_BatchNorm):
    __doc__ = f"Images (N, C, H, W). {_BatchNorm.__doc__}"

    dims, shape_text = (4,), "4D"


class LayerNorm(Module):
    """Normalises each sample over its last dimensions (`normalized_shape`). https://arxiv.org/abs/1607.06450"""

    def __init__(
        self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None, dtype=None
    ):
        super().__init__()
        self.normalized_shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.eps, self.elementwise_affine = eps, elementwise_affine
        like = dict(device=device, dtype=dtype)
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            parameter = Parameter(empty(self.normalized_shape, **like)) if wanted else None
            self.register_parameter(name, parameter)
        self.reset_parameters()

    def reset_parameters(self):
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"


class Dropout(Module):
    """In training each element is 0 with probability p, else divided by 1 - p; in evaluation the input. https://arxiv.org/abs/1207.0580"""

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input):
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"
