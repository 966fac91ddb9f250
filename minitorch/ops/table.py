"""The table of operations.

    @op(vjp=dict(x=lambda g, out: g * (1 - out * out)), torch="tanh", samples=unary(low=-3, high=3))
    def tanh(xp, x):
        return xp.tanh(x)

declares an operation. From the signature of the forward and of its rules two kinds of small functions are generated,
once: the *front* that users call (`ops/front.py`; `print(ops.tanh.source)` shows it), and for each set of inputs that
require grad a *plan* (`ops/plan.py`) that saves what the rules read and calls them. Nothing is inspected when an operation runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from ..kernels.fuse import MEDIUM
from . import coerce
from .front import finished, front
from .generated import switches, tracers  # noqa: F401  (this is where one looks for them)
from .hot import HOT, pair
from .plan import Plan, node_class

#: every operation by name
OPS: dict[str, Op] = {}

#: our letters inside a block -> torch's names for the same arguments outside
TORCH_NAMES = {"x": "input", "y": "other"}

#: metadata that say where elements are or go
PLACES = {"dim", "dims", "shifts", "pad", "diagonal", "index"}

@dataclass(eq=False, repr=False)
class Op:
    """One row of the table."""

    forward: Callable  # the block: (xp, *arrays, **metadata)
    vjp: dict | None = None  # rules by input name; of an op on a list: one rule for all
    torch: str | None = None  # dotted path of the torch twin, under `torch`
    samples: Callable | None = None  # dtype -> samples
    name: str | None = None  # torch's, if it isn't the block's

    # what users may pass
    coerce: Callable = coerce.one  # policy in ops/coerce.py
    refuses: Callable | None = None  # (op, dtypes of the operands): raises torch's error for dtypes that the op does not take
    numbers: bool | None = None  # Python numbers may stand for tensors (None: as the policy says)
    optional: tuple = ()  # inputs that may be None
    defaults: dict = field(default_factory=dict)  # of inputs that may be left out
    names: dict = field(default_factory=dict)  # torch's names of inputs, where they aren't those of TORCH_NAMES
    varargs: str | None = None  # the method takes this argument as several: `x.view(2, 3)`
    out: bool = True  # the function takes `out=` (if its torch twin is a function of `torch` itself, and no view)
    method: bool = True  # there is a method

    # what comes out
    inplace: bool = True  # elementwise: there is an in-place form
    view: bool = False  # the result shares memory with the first input
    outputs: int = 1  # number of results
    returns: type = tuple  # the class of several results (a named tuple)
    exact: bool | None = None  # the rules give gradients of the inputs' own shapes and dtypes (unless there's a `dtype`): the engine need not look

    # how it is computed
    body: bool = False  # the forward is a composite: with tensors, its inner ops are recorded
    one_call: bool = False  # the block is one call of a ufunc of NumPy's: see kernels/direct.py
    fused: tuple | None = None  # NumPy only, a faster equal: forward(*arrays, **metadata) and backward(g, ..., wanted), see
    # `ops/plan.py`; each may return NotImplemented (the forward may be None), and the readable one is used

    public_front = None  # what users call, where torch's signature is not the generated one

    def __post_init__(self):
        self.name = self.name or self.forward.__name__
        self.__doc__ = self.forward.__doc__
        self.vjp = self.vjp or {}
        self.least = MEDIUM if self.fused == HOT else 0  # elements from which on the fused pair is asked
        self.fused = pair(self) if self.fused == HOT else self.fused
        self.out = bool(self.out and self.torch and not self.view and "." not in self.torch)
        if self.numbers is None:
            self.numbers = self.coerce in coerce.PROMOTING
        code, defaults = self.forward.__code__, self.forward.__kwdefaults__ or {}  # (`inspect.signature` takes 20 times as long)
        first, last = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
        self.inputs = list(code.co_varnames[1:first])
        self.variadic = code.co_varnames[last] if code.co_flags & inspect.CO_VARARGS else None
        self.metadata = {n: defaults.get(n, inspect.Parameter.empty) for n in code.co_varnames[first:last]}
        rename = TORCH_NAMES | self.names
        self.public = {n: rename.get(n, n) for n in self.inputs}
        self.parameters = list(self.public.values()) or [self.variadic]
        may_lack = {*self.optional, *self.defaults}
        self.optional = {i for i, n in enumerate(self.inputs) if n in may_lack}
        if self.exact is None:  # where nothing is broadcast or promoted, a rule cannot but give its input's shape
            self.exact = bool(self.fused and self.body) or (len(self.vjp) == 1 and self.coerce in coerce.ALONE)
        unknown = set(self.vjp) - set(self.inputs) - {self.variadic}
        assert not unknown, f"{self.name}: rules for {unknown}, which are not inputs"
        self.plans: dict[int, Plan] = {}
        self.front = front(self)
        self.front.op, self.front.__doc__, self.front.__module__ = self, self.__doc__, self.forward.__module__

    @property
    def differentiable(self) -> bool:
        return bool(self.vjp) or self.body

    @property
    def recorded_inputs(self) -> list[str]:
        """The inputs that a node of this op may lead to."""
        return [n for n in self.inputs if n in self.vjp or (self.fused and self.body)]

    @property
    def plain(self) -> bool:
        """Whether no loop over elements (kernels/fuse.py) can replace its formulas."""
        return self.view or self.outputs > 1 or not PLACES.isdisjoint(self.metadata) or getattr(self.forward, "plain", False)

    @property
    def source(self) -> str:
        return self.front.source

    @cached_property
    def node_class(self):
        return node_class(self)

    @cached_property
    def launch(self):
        """The front without its look at the tracers: what a traced call goes on with."""
        return front(self, traced=False)

    @cached_property
    def finished(self):
        """The front after its computation: what makes a tensor, and a node, of a raw result."""
        return finished(self)

    def plan(self, mask: int) -> Plan:
        plan = self.plans.get(mask)
        if plan is None:
            plan = self.plans[mask] = Plan(self, mask)
        return plan

    def __repr__(self):
        return f"<op {self.name}>"


def op(**options):
    """Declares an operation (see the module's docstring and `Op`). Returns its front."""

    def declare(forward):
        row = Op(forward, **options)
        OPS[row.name] = row
        return row.front

    return declare


def composite(**options):
    """Declares an operation by a body in tensor code."""
    return op(body=True, **options)
