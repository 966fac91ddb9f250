"""Activation modules: each is one call of its function, with its settings in torch's order."""

from __future__ import annotations

from ..ops.generated import compiled
from . import functional as F
from .module import Module


def _module(name, function, doc, **settings):
    """A Module class with torch's constructor, whose forward is `function(input, *its settings)`. The two are generated, so that
    signatures are true and a call costs no more than a written one."""
    parameters = "".join(f", {s}={default!r}" for s, default in settings.items())
    lines = [
        f"def __init__(self{parameters}):",
        "Module.__init__(self)",
        *[f"self.{s} = {s}" for s in settings],
    ]
    init = compiled("__init__", lines, Module=Module)
    arguments = "".join(f", self.{s}" for s in settings)
    lines = ["def forward(self, input):", f"return function(input{arguments})"]
    forward = compiled("forward", lines, function=function)

    def extra_repr(self):
        shown = [f"{s}={getattr(self, s)!r}" for s in settings if s != "inplace"]
        return ", ".join(shown + (["inplace=True"] if "inplace" in settings and self.inplace else []))

    methods = dict(__init__=init, forward=forward, extra_repr=extra_repr)
    return type(name, (Module,), dict(methods, __doc__=doc, __module__=__name__))


ReLU = _module("ReLU", F.relu, "max(x, 0)", inplace=False)
ReLU6 = _module("ReLU6", F.relu6, "min(max(x, 0), 6)", inplace=False)
LeakyReLU = _module(
    "LeakyReLU", F.leaky_relu, "x where positive, else negative_slope * x", negative_slope=0.01, inplace=False
)
ELU = _module("ELU", F.elu, "x where positive, else alpha * (exp(x) - 1)", alpha=1.0, inplace=False)
GELU = _module("GELU", F.gelu, "x * Phi(x)", approximate="none")
SiLU = _module("SiLU", F.silu, "x * sigmoid(x)", inplace=False)
Softplus = _module("Softplus", F.softplus, "log(1 + exp(beta * x)) / beta", beta=1.0, threshold=20.0)
Hardtanh = _module(
    "Hardtanh", F.hardtanh, "x limited to [min_val, max_val]", min_val=-1.0, max_val=1.0, inplace=False
)
Sigmoid = _module("Sigmoid", F.sigmoid, "1 / (1 + exp(-x))")
Tanh = _module("Tanh", F.tanh, "Hyperbolic tangent")
LogSigmoid = _module("LogSigmoid", F.logsigmoid, "log(sigmoid(x))")
Softsign = _module("Softsign", F.softsign, "x / (1 + |x|)")
Tanhshrink = _module("Tanhshrink", F.tanhshrink, "x - tanh(x)")
Softmax = _module("Softmax", F.softmax, "exp(x) / sum(exp(x)) along dim", dim=None)
LogSoftmax = _module("LogSoftmax", F.log_softmax, "x - logsumexp(x) along dim", dim=None)
Softmin = _module("Softmin", F.softmin, "softmax(-x) along dim", dim=None)
