"""The table of operations, and the functions generated from each block.

    @op(vjp=dict(x=lambda g, out: g * (1 - out * out)), torch="tanh", samples=unary(low=-3, high=3))
    def tanh(xp, x):
        return xp.tanh(x)

declares an operation. From the signature of the forward and of its rules two kinds of small functions are generated,
once: the *front* that users call (`print(ops.tanh.source)` shows it), and for each set of inputs that require grad a
*plan* that saves what the rules read and calls them. Nothing is inspected when an operation runs.
"""

from __future__ import annotations

import inspect
import linecache
import sys

from numpy import ndarray

from ..autograd.graph import LEAF, RELEASED, Node, Output, next_number
from ..autograd.mode import INFERENCE, state
from ..autograd.views import View
from ..out import into
from ..tensor import Tensor, wrap
from . import coerce

#: every operation by name
OPS: dict[str, Op] = {}

#: functions `(op, inputs, keywords, call) -> result` around every call: profiler, graph drawing, capture. Innermost last.
tracers: list = []

#: policies that take Python numbers
PROMOTING = (coerce.promote, coerce.promote_numbers, coerce.promote_floating)

#: our letters inside a block -> torch's names for the same arguments outside
TORCH_NAMES = {"x": "input", "y": "other"}


class Op:
    """One row of the table.

    name        torch's name            forward   the block: (xp, *arrays, **metadata)
    vjp         rules by input name     torch     dotted path of the torch twin, under `torch`
    samples     dtype -> samples        coerce    policy in ops/coerce.py
    view        the result shares memory with the first input
    outputs     number of results       returns   the class of several results (a named tuple)
    body        the forward is a composite: with tensors, its inner ops are recorded
    fused       (forward, backward) raw-array pair for a composite, or None; the forward may return NotImplemented
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
        self.coerce, self.view, self.outputs, self.returns, self.refuses = coerce, view, outputs, returns, refuses
        self.body, self.fused, self.method, self.inplace, self.varargs = body, fused, method, inplace, varargs
        self.name = name or forward.__name__
        self.out = bool(out and torch and not view and "." not in torch)
        self.node_name = "".join(part.capitalize() for part in self.name.split("_") if part) + "Backward0"
        self.__doc__ = forward.__doc__
        self.numbers = coerce in PROMOTING if numbers is None else numbers
        self.public_front = None
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        self.inputs = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.metadata = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        rename = TORCH_NAMES | (names or {})
        self.public = {n: rename.get(n, n) for n in self.inputs}
        self.parameters = [self.public[n] for n in self.inputs] or [self.variadic]
        self.defaults = defaults or {}  # of inputs that may be left out
        self.optional = {i for i, n in enumerate(self.inputs) if n in optional or n in self.defaults}
        unknown = set(self.vjp) - set(self.inputs) - {self.variadic}
        assert not unknown, f"{self.name}: rules for {unknown}, which are not inputs"
        self.plans: dict[int, Plan] = {}
        self.front = None
        self.source = ""

    @property
    def differentiable(self) -> bool:
        return bool(self.vjp) or self.body

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
        build = composite_front if row.body and not row.fused else variadic_front if row.variadic else front
        row.front = build(row)
        row.front.op = row
        row.front.__doc__ = row.__doc__
        row.front.__module__ = forward.__module__
        OPS[row.name] = row
        return row.front

    return declare


def composite(**options):
    """Declares an operation by a body in tensor code."""
    return op(body=True, **options)


# ---------------------------------------------------------------------- fronts


def signature_of(row: Op) -> str:
    """Torch's signature: the arrays under torch's names, then the metadata, which may be given by position."""
    parts = [
        f"{row.public[n]}=None" if i in row.optional and n not in row.defaults else row.public[n]
        for i, n in enumerate(row.inputs)
    ] or [row.variadic]
    parts = [
        p if "=" in p or n not in row.defaults else f"{p}=DEFAULTS[{n!r}]"
        for p, n in zip(parts, row.inputs or [row.variadic], strict=True)
    ]
    required = [n for n, d in row.metadata.items() if d is inspect.Parameter.empty]
    optional = [f"{n}=METADATA[{n!r}]" for n in row.metadata if n not in required]
    seen_default = any("=" in p for p in parts)
    parts += [f"{n}=None" if seen_default else n for n in required] + optional
    return ", ".join(parts + ["out=None"] * row.out)


def lines_of_out(row: Op):
    """The hook of `out=`."""
    arguments = ", ".join([*row.parameters, *(f"{k}={k}" for k in row.metadata)])
    hook = ["    if out is not None:", f"        return into({row.torch!r}, out, {row.name}({arguments}))"]
    return hook if row.out else []


def compile_function(name, source, **env):
    """exec with the source kept, so that tracebacks and debuggers show the generated lines."""
    file = f"<minitorch op {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), env)
    env[name].source = source
    return env[name]


def front(row: Op):
    """The function users call: coerce, compute, wrap, record."""
    inputs, keywords = row.inputs, "".join(f", {k}={k}" for k in row.metadata)
    public = [row.public[n] for n in inputs]
    arrays = ", ".join(f"a_{n}" for n in inputs)
    lines = [
        f"def {row.name}({signature_of(row)}):",
        *lines_of_out(row),
        "    if tracers:",
        f"        return traced(OP, ({', '.join(public)},), dict({keywords[2:]}))",
        f"    return launch({', '.join(public)}{keywords})",
        "",
        f"def launch({', '.join(public + [f'{k}' for k in row.metadata])}):",
    ]
    lines += [
        f"    xp, {arrays} = coerce(OP, {', '.join(public)})",
    ]
    recorded = f"        return body(ops, {', '.join(public)}{keywords})"
    if row.fused:  # NumPy only: elsewhere, and with kernels off, the body's own calls are recorded
        lines += [f"    if not switches.fused or type(a_{inputs[0]}) is not ndarray:", recorded]
    lines += [
        "    try:",
        f"        result = forward({'' if row.fused else 'xp, '}{arrays}{keywords})",
        "    except (ValueError, TypeError) as error:",
        f"        raise explained(error, OP, {arrays}) from None",
    ]
    if row.fused:
        lines += ["    if result is NotImplemented:", recorded]
    if row.outputs == 1:
        lines += [
            "    if type(result) is not ndarray:",
            "        result = xp.asarray(result)",
            "    out = new(Tensor)",
            "    out._array, out._node = result, None",
            "    out._cell = x._cell".replace("x.", f"{public[0]}.") if row.view else "    out._cell = [0]",
        ]
    else:
        lines += ["    out = tuple(wrap(xp.asarray(r)) for r in result)"]
    if row.view:
        lines += [f"    out._view = View({public[0]}, OP, dict({keywords[2:]}))"]
    differentiable = [n for n in inputs if n in row.vjp] if not row.fused else inputs
    if differentiable:
        lines += ["    if state.grad:"]
        scalars = row.numbers or row.optional
        for n in differentiable:
            x = row.public[n]
            edge = f"({x}._node if {x}._view is None else {x}._edge)"
            lines += [
                f"        n_{n} = {edge}" + (f" if isinstance({x}, Tensor) else None" if scalars else "")
            ]
        mask = " | ".join(
            f"(n_{n} is not None)" + (f" << {inputs.index(n)}" if inputs.index(n) else "")
            for n in differentiable
        )
        lines += [
            f"        mask = {mask}",
            "        if mask:",
            f"            (plans.get(mask) or plan(mask)).record(out, xp, {', '.join(public)}, {arrays}"
            + "".join(f", {k}" for k in row.metadata)
            + ")",
        ]
    if not row.view:  # a view has the cell of its source
        lines += [
            "    elif state.inference:" if differentiable else "    if state.inference:",
            "        out._cell = INFERENCE" if row.outputs == 1 else "        for o in out: o._cell = INFERENCE",
        ]
    lines += ["    return out" if row.outputs == 1 else "    return returns(out)"]
    env = dict(
        OP=row,
        coerce=row.coerce,
        forward=row.fused[0] if row.fused else row.forward,
        body=row.forward,
        ops=sys.modules[__package__],
        switches=switches,
        plans=row.plans,
        plan=row.plan,
        returns=lambda out: row.returns(*out) if row.returns is not tuple else out,
        **COMMON,
        METADATA=row.metadata,
        DEFAULTS=row.defaults,
    )
    made = compile_function(row.name, "\n".join(lines), **env)
    row.source = made.source
    row.launch = made.__globals__["launch"]
    return made


def composite_front(row: Op):
    """With tensors the body runs in the namespace of ops, and its inner calls are what is recorded."""
    keywords = "".join(f", {k}={k}" for k in row.metadata)
    public = ", ".join(
        f"*{row.variadic}" if row.variadic else row.public[n] for n in (row.inputs or [row.variadic])
    )
    given = public.replace("*", "")
    source = "\n".join(
        [
            f"def {row.name}({signature_of(row)}):",
            *lines_of_out(row),
            "    if tracers:",
            f"        return traced(OP, ({public},), dict({keywords[2:]}))",
            f"    return launch({public}{keywords})",
            "",
            f"def launch({public}, *, {', '.join(row.metadata)}):"
            if row.metadata
            else f"def launch({public}):",
            f"    check(OP, {given})" if not row.variadic else f"    check(OP, *{given})",
            f"    return forward(ops, {public}{keywords})",
        ]
    )
    from .. import ops

    made = compile_function(
        row.name,
        source,
        OP=row,
        forward=row.forward,
        ops=ops,
        check=check_tensors,
        METADATA=row.metadata,
        DEFAULTS=row.defaults,
        **COMMON,
    )
    row.source = source
    row.launch = made.__globals__["launch"]
    return made


def check_tensors(row, *xs):
    if row.coerce is coerce.one and not isinstance(xs[0], Tensor):
        raise coerce.not_a_tensor(row, 0, xs[0])


def variadic_front(row: Op):
    """An op on a list of tensors: one rule gives the gradients of all."""

    def variadic(tensors, **metadata):
        if tracers:
            return traced(row, tuple(tensors), metadata)
        return launch(*tensors, **metadata)

    def launch(*tensors, **metadata):
        xp, *arrays = row.coerce(row, *tensors)
        out = wrap(xp.asarray(row.forward(xp, *arrays, **metadata)))
        if state.grad:
            mask = sum((t._edge is not None) << i for i, t in enumerate(tensors))
            if mask:
                VariadicPlan(row, mask, [a.shape for a in arrays], metadata).record(out, xp, tensors)
        elif state.inference:
            out._cell = INFERENCE
        return out

    row.launch = launch
    keywords = "".join(f", {k}={k}" for k in row.metadata)
    lines = [f"def {row.name}({signature_of(row)}):", *lines_of_out(row), f"    return variadic({row.variadic}{keywords})"]
    row.source = "\n".join(lines)
    return compile_function(
        row.name, row.source, variadic=variadic, into=into, METADATA=row.metadata, DEFAULTS=row.defaults
    )


def traced(row, inputs, keywords):
    """A call while someone watches: each tracer gets the op, its inputs and metadata, and a function that goes on."""

    def call(depth=0):
        if depth == len(watching):
            return row.launch(*inputs, **keywords)
        return watching[depth](row, inputs, keywords, lambda: call(depth + 1))

    watching = tuple(tracers)
    return call()


def explained(error, row, *arrays):
    """torch's error for dtypes that the op refuses and for arrays that do not broadcast; any other error as it is."""
    if row.refuses and isinstance(error, TypeError):
        row.refuses(row, [coerce.dtypes.OF_RAW[a.dtype] for a in arrays if is_array(a)])
    if "broadcast" not in str(error):
        return error
    shapes = [tuple(a.shape) for a in arrays if is_array(a)]
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


class Switches:
    """`fused`: whether composites use their fused pair (and its kernels). Off for study and bisecting."""

    fused = True


switches = Switches()
COMMON = dict(
    tracers=tracers,
    traced=traced,
    explained=explained,
    state=state,
    INFERENCE=INFERENCE,
    into=into,
    Tensor=Tensor,
    new=object.__new__,
    ndarray=ndarray,
    View=View,
    wrap=wrap,
)


# ---------------------------------------------------------------------- plans


class Plan:
    """For one op and one set of inputs that require grad (bit i of `mask`: input i): what to save, how to call the rules.

    record           makes the node of a call
    backward         (node, g, xp) -> gradients of those inputs, on raw arrays
    backward_tensors (node, g) -> the same on tensors, recording
    """

    def __init__(self, row: Op, mask: int):
        self.op, self.mask = row, mask
        self.positions = [i for i in range(len(row.inputs)) if mask >> i & 1]
        self.n_differentiable = sum(n in row.vjp for n in row.inputs)
        self.wanted = [row.inputs[i] for i in self.positions]
        self._restricted: dict = {}
        if row.fused and not row.vjp:
            self.rules = {}
            self.saved_names = [*row.inputs, *row.metadata, "out"]
        else:
            self.rules = {
                n: (row.vjp[n], list(inspect.signature(row.vjp[n]).parameters)) for n in self.wanted
            }
            needed = dict.fromkeys(p for _, names in self.rules.values() for p in names)
            self.saved_names = [p for p in needed if p not in ("g", "xp") and not is_gradient(p)]
        self.node_class = node_class(row)
        self._generate()

    def _generate(self):
        row, saved = self.op, self.saved_names
        values, versions = [], []
        for name in saved:
            if name in row.inputs:
                values.append(f"a_{name}")
                x = row.public[name]
                cell = f"{x}._cell"
                if row.numbers or row.inputs.index(name) in row.optional:
                    versions += [
                        f"({x}._cell if isinstance({x}, Tensor) else FIXED)",
                        f"({x}._cell[0] if isinstance({x}, Tensor) else 0)",
                    ]
                else:
                    versions += [cell, cell + "[0]"]
            elif name == "out":
                values.append("out._array" if row.outputs == 1 else "tuple(o._array for o in out)")
                if row.outputs == 1:
                    versions += ["out._cell", "out._cell[0]"]
            elif name.startswith("out") and name[3:].isdigit():
                values.append(f"out[{name[3:]}]._array")
                versions += [f"out[{name[3:]}]._cell", f"out[{name[3:]}]._cell[0]"]
            elif name.endswith("_shape") and name[:-6] in row.inputs:
                values.append(f"a_{name[:-6]}.shape")
            elif name in row.metadata:
                values.append(name)
            else:
                raise TypeError(
                    f"{row.name}: a rule has a parameter {name!r}: expected g, xp, out, "
                    f"{', '.join([*row.inputs, *row.metadata])} or <input>_shape"
                )
        self.n_versions = len(versions) // 2
        public = [row.public[n] for n in row.inputs]
        arguments = public + [f"a_{n}" for n in row.inputs] + list(row.metadata)
        edges = "".join(
            f"{x} if ({x}._node if {x}._view is None else {x}._edge) is LEAF else {x}._node, "
            for x in (row.public[n] for n in self.wanted)
        )
        lines = [
            f"def record(out, xp, {', '.join(arguments)}):",
            "    node = new(Node)",
            "    node.plan, node.xp, node.hooks = PLAN, xp, None",
            f"    node.edges = ({edges})",
            f"    node.saved = ({''.join(v + ', ' for v in values)})",
            f"    node.versions = ({''.join(v + ', ' for v in versions)})",
            "    node.number = next_number()",
            "    node.trace = stack() if state.anomaly else None",
        ]
        if row.outputs == 1:
            lines += [
                "    result = out._array",
                "    node.shape, node.dtype = result.shape, result.dtype",
                "    out._node = node",
            ]
        else:
            lines += ["    attach_outputs(node, out)"]
        lines += ["", "def backward(node, g, xp):"]
        if versions:
            changed = " or ".join(f"v[{i}][0] != v[{i + 1}]" for i in range(0, len(versions), 2))
            lines += ["    v = node.versions", f"    if {changed}:", "        check_versions(node)"]
        if saved:
            lines += [f"    {', '.join(saved)}, = saved(node)"]
        if row.outputs > 1:
            lines += [f"    {', '.join(f'g{i}' for i in range(row.outputs))} = filled(node, g, xp)"]
        if self.rules:
            calls = ", ".join(f"rule_{n}({', '.join(names)})" for n, (_, names) in self.rules.items())
            lines += [f"    return ({calls},)"]
        else:
            inputs = ", ".join([*row.inputs, *row.metadata, "out"])
            lines += [f"    return fused_backward(PLAN, g, {inputs})"]
        env = dict(
            PLAN=self,
            new=object.__new__,
            Node=self.node_class,
            next_number=next_number,
            state=state,
            stack=stack,
            LEAF=LEAF,
            Tensor=Tensor,
            FIXED=[0],
            check_versions=check_versions,
            saved=saved_of,
            filled=filled,
            attach_outputs=attach_outputs,
            fused_backward=fused_backward,
            **{f"rule_{n}": rule for n, (rule, _) in self.rules.items()},
        )
        self.record = compile_function("record", "\n".join(lines), **env)
        self.backward = self.record.__globals__["backward"]

    def restricted(self, wanted):
        """The same saved values, but only the gradients at the positions `wanted` of `edges` (None elsewhere)."""
        if all(wanted):
            return self
        plan = self._restricted.get(wanted)
        if plan is None:
            plan = self._restricted[wanted] = Restricted(self, wanted)
        return plan

    def saved_tensors(self, node):
        """name -> what the rules read, arrays as tensors with their place in the graph."""
        return {name: self.saved_tensor(node, name) for name in self.saved_names}

    def saved_tensor(self, node, name):
        value = node.saved[self.saved_names.index(name)]
        if not is_array(value):
            return value
        t = wrap(value)
        if name == "out" and node.xp.is_floating(value):
            t._node = node
        elif name in self.wanted:
            edge = node.edges[self.wanted.index(name)]
            if not isinstance(edge, Node):
                return edge if edge._array is value else cast_like(edge, value)
            t._node = edge
            if value.dtype != edge.dtype:  # the saved value was promoted: so must its history be
                t._node = None
                source = wrap(node.xp.asarray(node.xp.astype(value, coerce.dtypes.OF_RAW[edge.dtype])))
                source._node = edge
                return cast_like(source, value)
        return t

    def backward_tensors(self, node, g, wanted=None):
        from .. import ops

        check_versions(node)
        saved_of(node)
        if not self.rules:
            return replay(node, g, self)
        values = self.saved_tensors(node) | {"g": g, "xp": ops}
        if self.op.outputs > 1:
            values |= {f"g{i}": gi for i, gi in enumerate(filled(node, g, ops))}
        return tuple(
            rule(*[values[p] for p in names]) if wanted is None or n in wanted else None
            for n, (rule, names) in self.rules.items()
        )


class Restricted:
    """A plan of which only some gradients are asked for."""

    def __init__(self, plan, wanted):
        self.plan = plan
        self.names = [n for n, w in zip(plan.wanted, wanted, strict=True) if w]

    def backward(self, node, g, xp):
        plan = self.plan
        if not plan.rules:
            return plan.backward(node, g, xp)
        check_versions(node)
        values = dict(zip(plan.saved_names, saved_of(node), strict=True)) | {"g": g, "xp": xp}
        if plan.op.outputs > 1:
            values |= {f"g{i}": gi for i, gi in enumerate(filled(node, g, xp))}
        return tuple(
            rule(*[values[p] for p in names]) if n in self.names else None
            for n, (rule, names) in plan.rules.items()
        )

    def backward_tensors(self, node, g):
        return self.plan.backward_tensors(node, g, self.names)


class VariadicPlan:
    """One call of an op on a list of tensors. Its rule gives the gradients of all of them."""

    saved_names = ()

    def __init__(self, row, mask, shapes, metadata):
        self.op, self.shapes, self.metadata = row, shapes, metadata
        self.positions = [i for i in range(len(shapes)) if mask >> i & 1]
        self.n_differentiable = len(shapes)

    def record(self, out, xp, tensors):
        node = object.__new__(node_class(self.op))
        node.plan, node.xp, node.hooks, node.saved, node.versions = self, xp, None, (), ()
        nodes = [tensors[i]._edge for i in self.positions]
        node.edges = tuple(tensors[i] if n is LEAF else n for i, n in zip(self.positions, nodes, strict=True))
        node.number, node.trace = next_number(), stack() if state.anomaly else None
        node.shape, node.dtype = out._array.shape, out._array.dtype
        out._node = node

    def restricted(self, wanted):
        return self

    def backward(self, node, g, xp):
        saved_of(node)
        gradients = self.op.vjp[self.op.variadic](xp, g, self.shapes, **self.metadata)
        return tuple(gradients[i] for i in self.positions)

    def backward_tensors(self, node, g):
        from .. import ops

        return self.backward(node, g, ops)


def node_class(row):
    """`MulBackward0` ...: a node type an op, as torch shows them."""
    made = _node_classes.get(row.name)
    if made is None:
        made = _node_classes[row.name] = type(row.node_name, (Node,), {"__slots__": ()})
    return made


_node_classes: dict[str, type] = {}


def is_gradient(name):
    return name[0] == "g" and name[1:].isdigit()


def is_array(value):
    return isinstance(value, ndarray) or (hasattr(value, "dtype") and hasattr(value, "shape"))


def cast_like(tensor, value):
    from .. import ops

    return ops.to_dtype(tensor, dtype=coerce.dtypes.OF_RAW[value.dtype])


def saved_of(node):
    if node.saved is None:
        raise RuntimeError(RELEASED)
    return node.saved


def attach_outputs(node, out):
    """Several results: the node's incoming gradient is a list, filled through one `Output` for each float result."""
    node.shape, node.dtype = [o._array.shape for o in out], [o._array.dtype for o in out]
    for i, o in enumerate(out):
        if o.is_floating_point():
            o._node = Output(node, i, o._array)


def filled(node, gradients, xp):
    """The list of gradients of several results, zeros for those that got none."""
    return [
        (wrap(node.xp.zeros_raw(s, d)) if xp is not node.xp else node.xp.zeros_raw(s, d)) if g is None else g
        for g, s, d in zip(gradients, node.shape, node.dtype, strict=True)
    ]


def check_versions(node):
    """RuntimeError if a saved value was changed in place after it was saved."""
    versions = node.versions
    for i in range(0, len(versions), 2):
        cell, version = versions[i], versions[i + 1]
        if cell[0] != version:
            tensors = [
                n
                for n in node.plan.saved_names
                if n in node.plan.op.inputs or (n.startswith("out") and n[3:].isdigit()) or n == "out"
            ]
            which = tensors[i // 2] if i // 2 < len(tensors) else "a saved value"
            value = (
                node.saved[node.plan.saved_names.index(which)]
                if node.saved and which in node.plan.saved_names
                else None
            )
            shape = list(value.shape) if is_array(value) else []
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"[torch.FloatTensor {shape}], which is {'the output 0' if which.startswith('out') else f'the saved input {which!r}'} of "
                f"{node.name()}, is at version {cell[0]}; expected version {version} instead. Hint: enable anomaly "
                "detection to find the operation that failed to compute its gradient, with "
                "torch.autograd.set_detect_anomaly(True)."
            )


def stack():
    import traceback

    return traceback.extract_stack()[:-2]


# ---------------------------------------------------------------------- fused composites


def fused_backward(plan, g, *values):
    """Raw gradients of a fused composite."""
    row = plan.op
    *arguments, out = values
    inputs, metadata = arguments[: len(row.inputs)], arguments[len(row.inputs) :]
    wanted = tuple(i in plan.positions for i in range(len(row.inputs)))
    gradients = row.fused[1](g, out, *inputs, **dict(zip(row.metadata, metadata, strict=True)), wanted=wanted)
    return tuple(gradients[i] for i in plan.positions)


def replay(node, g, plan):
    """The gradient of a fused composite, itself recorded: the body on fresh aliases of the saved inputs, or partial
    derivatives would become total ones where one input depends on another."""
    from .. import ops
    from ..autograd.api import grad

    row = plan.op
    *arguments, _ = [node.saved[i] for i in range(len(plan.saved_names))]
    metadata = dict(zip(row.metadata, arguments[len(row.inputs) :], strict=True))
    saved = [
        plan.saved_tensor(node, n) if arguments[i] is not None else None for i, n in enumerate(row.inputs)
    ]
    with state_grad(True):
        leaves = [ops.alias(s) if i in plan.positions else s for i, s in enumerate(saved)]
        out = row.forward(ops, *leaves, **metadata)
        wanted = [leaves[i] for i in plan.positions]
        return grad(out, wanted, g, create_graph=True, allow_unused=True)


class state_grad:
    def __init__(self, value):
        self.value = value

    def __enter__(self):
        self.before, state.grad = state.grad, self.value

    def __exit__(self, *exc):
        state.grad = self.before
