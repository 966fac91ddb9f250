"""Activation modules: each is one call of its function."""

from __future__ import annotations

from . import functional as F
from .module import Module


def _module(name, function, doc, inplace=False, torch_doc="", **defaults):
    """A Module class whose forward is `function(input, **its own attributes)` and whose constructor has torch's arguments."""
    fields = dict(defaults, inplace=False) if inplace else dict(defaults)

    def __init__(self, *args, **kwargs):
        Module.__init__(self)
        if len(args) > len(fields) or set(kwargs) - set(fields):
            raise TypeError(f"{name}.__init__() takes ({', '.join(fields)}), got {args} {kwargs}")
        for field, value in {**fields, **dict(zip(fields, args, strict=False)), **kwargs}.items():
            setattr(self, field, value)

    def forward(self, input):
        return function(input, **{f: getattr(self, f) for f in fields})

    def extra_repr(self):
        shown = [f"{f}={getattr(self, f)!r}" for f in defaults]
        return ", ".join(shown + (["inplace=True"] if inplace and self.inplace else []))

    return type(
        name,
        (Module,),
        dict(__init__=__init__, forward=forward, extra_repr=extra_repr, __doc__=doc, __module__=__name__),
    )


ReLU = _module("ReLU", F.relu, "max(x, 0)", inplace=True)
ReLU6 = _module("ReLU6", F.relu6, "min(max(x, 0), 6)", inplace=True)
LeakyReLU = _module(
    "LeakyReLU", F.leaky_relu, "x where positive, else negative_slope * x", inplace=True, negative_slope=0.01
)
ELU = _module("ELU", F.elu, "x where positive, else alpha * (exp(x) - 1)", inplace=True, alpha=1.0)
GELU = _module("GELU", F.gelu, "x * Phi(x)", approximate="none")
SiLU = _module("SiLU", F.silu, "x * sigmoid(x)", inplace=True)
Softplus = _module("Softplus", F.softplus, "log(1 + exp(beta * x)) / beta", beta=1.0, threshold=20.0)
Hardtanh = _module(
    "Hardtanh", F.hardtanh, "x limited to [min_val, max_val]", inplace=True, min_val=-1.0, max_val=1.0
)
Sigmoid = _module("Sigmoid", F.sigmoid, "1 / (1 + exp(-x))")
Tanh = _module("Tanh", F.tanh, "Hyperbolic tangent")
LogSigmoid = _module("LogSigmoid", F.logsigmoid, "log(sigmoid(x))")
Softsign = _module("Softsign", F.softsign, "x / (1 + |x|)")
Tanhshrink = _module("Tanhshrink", F.tanhshrink, "x - tanh(x)")
Softmax = _module("Softmax", F.softmax, "exp(x) / sum(exp(x)) along dim", dim=None)
LogSoftmax = _module("LogSoftmax", F.log_softmax, "x - logsumexp(x) along dim", dim=None)
Softmin = _module("Softmin", F.softmin, "softmax(-x) along dim", dim=None)
