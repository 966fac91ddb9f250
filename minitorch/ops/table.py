"""The table of operations, and the functions generated from each block.

    @op(vjp=dict(x=lambda g, out: g * (1 - out * out)), torch="tanh", samples=unary(low=-3, high=3))
    def tanh(xp, x):
        return xp.tanh(x)

declares an operation. From the signature of the forward and of its rules two kinds of small functions are generated,
once: the *front* that users call (`print(ops.tanh.source)` shows it), and for each set of inputs that require grad a
*plan* (`ops/plan.py`) that saves what the rules read and calls them. Nothing is inspected when an operation runs.
"""

from __future__ import annotations

import inspect
import linecache
from functools import cached_property

from numpy import asarray, generic, ndarray

from .. import ops
from ..autograd.mode import INFERENCE, state
from ..autograd.views import View
from ..backends import numpy as NUMPY
from ..dtypes import OF_RAW
from ..kernels.fuse import LARGE, Fused
from ..out import into
from ..tensor import Tensor, wrap
from . import coerce
from .plan import Plan, VariadicPlan, node_class

#: every operation by name
OPS: dict[str, Op] = {}

#: functions `(op, inputs, keywords, call) -> result` around every call: profiler, graph drawing, capture. Innermost last.
tracers: list = []

#: our letters inside a block -> torch's names for the same arguments outside
TORCH_NAMES = {"x": "input", "y": "other"}


class Switches:
    """`fused`: whether operations use their fused pair, and formulas on large arrays fused loops. Off for study and bisecting."""

    fused = True


switches = Switches()


class Op:
    """One row of the table.

    name        torch's name            forward   the block: (xp, *arrays, **metadata)
    vjp         rules by input name     torch     dotted path of the torch twin, under `torch`
    samples     dtype -> samples        coerce    policy in ops/coerce.py
    view        the result shares memory with the first input
    inplace     elementwise: there is an in-place form
    outputs     number of results       returns   the class of several results (a named tuple)
    body        the forward is a composite: with tensors, its inner ops are recorded
    fused       NumPy only, a faster equal: forward(*arrays, **metadata) and backward(g, ..., wanted), see `ops/plan.py`;
                each may return NotImplemented (the forward may be None), and the readable one is used
    exact       the rules give gradients of the inputs' own shapes and dtypes: the engine need not look
    numbers     Python numbers may stand for tensors
    refuses     (op, dtypes of the operands): raises torch's error for dtypes that the op does not take
    out         the function takes `out=` (if its torch twin is a function of `torch` itself, and no view)
    public_front  what users call, where torch's signature is not the generated one
    """

    def __init__(
        self,
        forward,
        *,
        vjp=None,
        torch=None,
        samples=None,
        coerce=coerce.one,
        view=False,
        outputs=1,
        returns=tuple,
        optional=(),
        body=False,
        fused=None,
        exact=None,
        names=None,
        method=True,
        inplace=True,
        varargs=None,
        defaults=None,
        name=None,
        numbers=None,
        refuses=None,
        out=True,
    ):
        self.forward, self.vjp, self.torch, self.samples = forward, vjp or {}, torch, samples
        self.coerce, self.view, self.outputs, self.returns, self.refuses = (
            coerce,
            view,
            outputs,
            returns,
            refuses,
        )
        self.body, self.fused, self.method, self.inplace, self.varargs = body, fused, method, inplace, varargs
        self.name = name or forward.__name__
        self.out = bool(out and torch and not view and "." not in torch)
        self.__doc__ = forward.__doc__
        self.numbers = coerce in PROMOTING if numbers is None else numbers
        self.public_front = None
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        self.inputs = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.metadata = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        rename = TORCH_NAMES | (names or {})
        self.public = {n: rename.get(n, n) for n in self.inputs}
        self.parameters = list(self.public.values()) or [self.variadic]
        self.defaults = defaults or {}  # of inputs that may be left out
        self.optional = {i for i, n in enumerate(self.inputs) if n in optional or n in self.defaults}
        # a rule of an elementwise op of one input cannot but give that input's shape
        self.exact = bool(fused and body) or (inplace and len(self.inputs) == 1) if exact is None else exact
        unknown = set(self.vjp) - set(self.inputs) - {self.variadic}
        assert not unknown, f"{self.name}: rules for {unknown}, which are not inputs"
        self.plans: dict[int, Plan] = {}
        self.node_class = node_class(self.name, outputs)
        self.front = composite_front(self) if body and not fused else front(self)
        self.front.op, self.front.__doc__, self.front.__module__ = self, self.__doc__, forward.__module__

    @property
    def differentiable(self) -> bool:
        return bool(self.vjp) or self.body

    @property
    def source(self) -> str:
        return self.front.source

    @cached_property
    def launch(self):
        """The front without its look at the tracers: what `traced` goes on with."""
        without = self.source.replace(TRACED.format(call=traced_call(self)), "")
        return compile_function(self.name, without, **self.front.__globals__)

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


# ---------------------------------------------------------------------- fronts

#: policies that take Python numbers
PROMOTING = (coerce.promote, coerce.promote_floating, coerce.powers, coerce.tensor_first)

#: first lines of every front
TRACED = "    if tracers:\n        return {call}\n"


def compile_function(name, source, **env):
    """exec with the source kept, so that tracebacks and debuggers show the generated lines."""
    file = f"<minitorch op {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), env)
    env[name].source = source
    return env[name]


def signature_of(row: Op) -> str:
    """Torch's signature: the arrays under torch's names, then the metadata, which may be given by position."""
    parts = [row.public.get(n, n) for n in row.inputs or [row.variadic]]
    for i, n in enumerate(row.inputs or [row.variadic]):
        if n in row.defaults:
            parts[i] += f"=DEFAULTS[{n!r}]"
        elif i in row.optional:
            parts[i] += "=None"
    required = [n for n, d in row.metadata.items() if d is inspect.Parameter.empty]
    optional = [f"{n}=METADATA[{n!r}]" for n in row.metadata if n not in required]
    seen_default = any("=" in p for p in parts)
    parts += [f"{n}=None" if seen_default else n for n in required] + optional
    return ", ".join(parts + ["out=None"] * row.out)


def keywords(row: Op) -> str:
    return "".join(f", {k}={k}" for k in row.metadata)


def traced_call(row: Op) -> str:
    inputs = f"tuple({row.variadic})" if row.variadic else f"({', '.join(row.parameters)},)"
    return f"traced(OP, {inputs}, dict({keywords(row)[2:]}))"


def entry(row: Op) -> list[str]:
    """From what the user passed to `xp` and raw arrays: tensors of one dtype on the CPU in line, the policy for the rest."""
    takes_number = row.coerce in PROMOTING
    lines, guards = [], []
    for i, n in enumerate(row.inputs):
        x = row.public[n]
        other = f"float({x}) if type({x}) in NUMBERS else None" if takes_number and row.numbers else "None"
        lines.append(f"a_{n} = {x}._array if isinstance({x}, Tensor) else {other}")
        guards.append(
            f"({x} is None or type(a_{n}) is ndarray)" if i in row.optional else f"type(a_{n}) is ndarray"
        )
    arrays = [f"a_{n}" for n in row.inputs]
    if takes_number and len(arrays) == 2:
        x, y = arrays
        guards = [
            f"(type({x}) is ndarray and {x}.dtype.kind == 'f' and (type({y}) is float or type({y}) is ndarray and {x}.dtype is {y}.dtype)"
            + ("" if row.coerce is coerce.tensor_first else f" or type({x}) is float and type({y}) is ndarray and {y}.dtype.kind == 'f'")
            + ")"
        ]
    elif row.coerce in (coerce.floating, coerce.number):
        guards += [f"{arrays[0]}.dtype.kind == 'f'"]
    elif row.coerce not in (coerce.one, coerce.same):
        return [f"xp, {', '.join(arrays)} = coerce(OP, {', '.join(row.parameters)})"]
    return [
        *lines,
        f"if {' and '.join(guards)}:",
        "    xp = NUMPY",
        "else:",
        f"    xp, {', '.join(arrays)} = coerce(OP, {', '.join(row.parameters)})",
    ]


def front(row: Op):
    """The function users call: raw arrays, the forward, a tensor of the result, a node if an input requires grad."""
    if row.variadic:
        return variadic_front(row)
    public, kw, arrays = ", ".join(row.parameters), keywords(row), ", ".join(f"a_{n}" for n in row.inputs)
    lines = entry(row)
    if row.body:  # elsewhere than on NumPy, and with kernels off, the body's own calls are recorded
        readable = f"return forward(ops, {public}{kw})"
    elif row.view or row.outputs > 1:
        readable = f"result = forward(xp, {arrays}{kw})"
    else:
        readable = f"result = (large if {is_large('a_' + row.inputs[0])} else forward)(xp, {arrays}{kw})"
    fused = row.fused and row.fused[0]
    if fused:
        lines += ["result = NotImplemented", "if xp is NUMPY and switches.fused:"]
        lines += trying(f"result = fused({arrays}{kw})", arrays, "    ") + ["if result is NotImplemented:"]
    lines += trying(readable, arrays, "    " if fused else "")
    if row.outputs == 1:
        lines += [
            "if type(result) is not ndarray:  # NumPy makes a scalar of a result of no dimensions",
            "    result = asarray(result) if isinstance(result, generic) else xp.asarray(result)",
            "out = new(Tensor)",
            "out._array = result",
            f"out._cell = {row.parameters[0]}._cell" if row.view else "out._cell = [0]",
            "out._node = out._grad = out.hooks = None",
            f"out._view = View({row.parameters[0]}, OP, dict({kw[2:]}))" if row.view else "out._view = None",
        ]
    else:
        lines += ["out = tuple([wrap(xp.asarray(r)) for r in result])"]
    lines += recording(row)
    if not row.view:  # a view has the cell of its source
        lines += [
            "elif state.inference:" if row.differentiable else "if state.inference:",
            "    out._cell = INFERENCE" if row.outputs == 1 else "    for o in out: o._cell = INFERENCE",
        ]
    lines += ["return out" if row.outputs == 1 or row.returns is tuple else "return returns(*out)"]
    return made(row, lines)


def is_large(array):
    """Generated code: whether a formula on this array goes through `kernels/fuse.py`."""
    return f"type({array}) is ndarray and {array}.size >= LARGE and switches.fused"


def trying(line, arrays, indent):
    handler = [
        "except (ValueError, TypeError) as error:",
        f"    raise explained(error, OP, {arrays}) from None",
    ]
    return [indent + part for part in ["try:", f"    {line}", *handler]]


def recording(row: Op) -> list[str]:
    """If an input requires grad, the plan for that set of inputs makes a node."""
    differentiable = [n for n in row.inputs if n in row.vjp or (row.fused and row.body)]
    if not differentiable:
        return []
    lines, bits = ["if state.grad:"], []
    for n in differentiable:
        i, x = row.inputs.index(n), row.public[n]
        edge = f"{x}._node if {x}._view is None else {x}._edge"
        lines += [
            f"    n_{n} = "
            + (f"({edge}) if isinstance({x}, Tensor) else None" if row.numbers or i in row.optional else edge)
        ]
        bits += [f"(n_{n} is not None)" + (f" << {i}" if i else "")]
    arguments = [
        "out",
        "xp",
        *row.parameters,
        *[f"a_{n}" for n in row.inputs],
        *[f"n_{n}" for n in differentiable],
        *row.metadata,
    ]
    return lines + [
        f"    mask = {' | '.join(bits)}",
        "    if mask:",
        f"        (plans.get(mask) or plan(mask)).record({', '.join(arguments)})",
    ]


def made(row: Op, lines):
    head = f"def {row.name}({signature_of(row)}):\n"
    if row.out:
        arguments = ", ".join([*row.parameters, *[f"{k}={k}" for k in row.metadata]])
        head += f"    if out is not None:\n        return into(OP.torch, out, {row.name}({arguments}))\n"
    head += TRACED.format(call=traced_call(row))
    return compile_function(
        row.name,
        head + "".join(f"    {line}\n" for line in lines),
        OP=row, METADATA=row.metadata, DEFAULTS=row.defaults, tracers=tracers, traced=traced, switches=switches,
        INFERENCE=INFERENCE,
        NUMBERS=(float, int), asarray=asarray, generic=generic, large=Fused(row.forward), LARGE=LARGE,
        into=into, NUMPY=NUMPY, ndarray=ndarray, Tensor=Tensor, View=View, new=object.__new__, wrap=wrap, ops=ops, state=state,
        coerce=row.coerce, explained=explained, forward=row.forward, fused=row.fused and row.fused[0],
        plans=row.plans, plan=row.plan, returns=row.returns, variadic=variadic, checked=checked,
    )  # fmt: skip


def composite_front(row: Op):
    """With tensors the body runs in the namespace of ops, and its inner calls are what is recorded."""
    inputs = f"*{row.variadic}" if row.variadic else ", ".join(row.parameters)
    lines = [f"checked(OP, {inputs})"] if row.coerce is coerce.one else []
    return made(row, [*lines, f"return forward(ops, {inputs}{keywords(row)})"])


def checked(row, x, *others):
    if not isinstance(x, Tensor):
        raise coerce.not_a_tensor(row, 0, x)


def variadic_front(row: Op):
    """An op on a list of tensors: one rule gives the gradients of all."""
    return made(row, [f"return variadic(OP, {row.variadic}{keywords(row)})"])


def variadic(row, tensors, **metadata):
    xp, *arrays = row.coerce(row, *tensors)
    out = wrap(xp.asarray(row.forward(xp, *arrays, **metadata)))
    if state.grad:
        nodes = [t._edge for t in tensors]
        if any(n is not None for n in nodes):
            VariadicPlan(row, nodes, arrays, metadata).record(out, xp, tensors, nodes)
    elif state.inference:
        out._cell = INFERENCE
    return out


def traced(row, inputs, metadata):
    """A call while someone watches: each tracer gets the op, its inputs and metadata, and a function that goes on."""

    def call(depth=0):
        if depth == len(watching):
            return row.launch(*([inputs] if row.variadic else inputs), **metadata)
        return watching[depth](row, inputs, metadata, lambda: call(depth + 1))

    watching = tuple(tracers)
    return call()


def explained(error, row, *arrays):
    """torch's error for dtypes that the op refuses and for arrays that do not broadcast; any other error as it is."""
    arrays = [a for a in arrays if hasattr(a, "shape")]
    if row.refuses and isinstance(error, TypeError):
        row.refuses(row, [OF_RAW[a.dtype] for a in arrays])
    if "negative integer powers" in str(error):
        return RuntimeError("Integers to negative integer powers are not allowed.")
    if "broadcast" not in str(error):
        return error
    shapes = [tuple(a.shape) for a in arrays]
    result = shapes[0]
    for shape in shapes[1:]:
        for i in range(1, min(len(result), len(shape)) + 1):
            a, b = result[-i], shape[-i]
            if a != b and 1 not in (a, b):
                dim = max(len(result), len(shape)) - i
                return RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {dim}"
                )
        longer, shorter = sorted((result, shape), key=len, reverse=True)
        shorter = (1,) * (len(longer) - len(shorter)) + shorter
        result = tuple(b if a == 1 else a for a, b in zip(longer, shorter, strict=True))
    return RuntimeError(str(error))
