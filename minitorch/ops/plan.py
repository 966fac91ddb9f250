"""Plans: for one op and one set of inputs that require grad, what to save and how to call the rules.

The names of a rule's parameters say what it reads: `g` (the incoming gradient; `g0, g1 ...` of several results), `xp`, `out`
(`out0 ...`), an input, `<input>_shape`, a keyword. Their union over the inputs that require grad is what a node saves. A
fused backward is read in the same way; it may also ask for `wanted` (a bool for each input) and returns one gradient or
None for each input, or NotImplemented where the rules shall be used.
"""

from __future__ import annotations

import copy
import inspect
import types
from functools import partial

from numpy import ndarray

from ..autograd.graph import LEAF, Node, Output, next_number, released
from ..autograd.mode import state
from ..backends import numpy as NUMPY
from ..dtypes import FLOATING, OF_RAW
from ..kernels.fuse import LARGE, for_large
from ..tensor import Tensor, wrap
from .generated import compiled, indented, is_large, switches


def parameters(function):
    return list(inspect.signature(function).parameters)


class Plan:
    """
    record(out, xp, *inputs, *arrays, *nodes, *metadata)   makes the node of a call
    backward(node, g, xp)                                  gradients of the inputs that require grad, on raw arrays
    backward_tensors(node, g)                              the same on tensors, recording
    """

    def __init__(self, row, mask):
        self.op = row
        self.positions = [i for i in range(len(row.inputs)) if mask >> i & 1]
        self.wanted = [row.inputs[i] for i in self.positions]
        self.differentiable = row.recorded_inputs
        self.rules = {n: (row.vjp[n], parameters(row.vjp[n])) for n in self.wanted if n in row.vjp}
        self.large = {} if row.plain else {f"large_{n}": for_large(rule) for n, (rule, _) in self.rules.items()}
        self.fused = parameters(row.fused[1]) if row.fused else []
        read = [p for _, names in self.rules.values() for p in names] + self.fused
        if not self.rules:
            read += [*row.inputs, *row.metadata]  # to replay the body
        self.saved_names = [
            p for p in dict.fromkeys(read) if p not in ("xp", "wanted") and not is_gradient(p)
        ]
        self.needed = [i for i in range(row.outputs) if f"g{i}" in read]  # results without whose gradients there is none
        self.guarded = []  # those of them whose memory may be changed in place
        self.record = compiled("record", self._record(), **self._names())
        self.backward = compiled("backward", self._backward(), **self._names())
        self._restricted: dict = {}

    def _names(self):
        row = self.op
        rules = {f"rule_{n}": rule for n, (rule, _) in self.rules.items()}
        return rules | self.large | dict(
            PLAN=self, new=object.__new__, Node=row.node_class, next_number=next_number, LEAF=LEAF, Tensor=Tensor, NUMPY=NUMPY,
            FIXED=[0], switches=switches, fused=row.fused and row.fused[1], changed=changed, released=released,
            filled=filled, attach_outputs=attach_outputs, ndarray=ndarray, LARGE=LARGE,
        )  # fmt: skip

    def _saved(self, name):
        """-> (expression for the value, expression for its version cell or None)"""
        row = self.op
        if name in row.inputs:
            x, maybe = row.public[name], row.numbers or row.inputs.index(name) in row.optional
            return (
                f"a_{name}",
                f"({x}._cell if isinstance({x}, Tensor) else FIXED)" if maybe else f"{x}._cell",
            )
        if name == "out":
            return (
                ("out._array", "out._cell") if row.outputs == 1 else ("tuple([o._array for o in out])", None)
            )
        if name.startswith("out") and name[3:].isdigit():
            return f"out[{name[3:]}]._array", f"out[{name[3:]}]._cell"
        if name.endswith("_shape") and name[:-6] in row.inputs:
            return f"a_{name[:-6]}.shape", None
        if name in row.metadata:
            return name, None
        raise TypeError(
            f"{row.name}: a rule has a parameter {name!r}: expected g, xp, out, {', '.join([*row.inputs, *row.metadata])} or <input>_shape"
        )

    def _record(self):
        row, values, cells, versions = self.op, "", [], ""
        for name in self.saved_names:
            value, cell = self._saved(name)
            values += f"{value}, "
            if cell:
                self.guarded.append(name)
                cells.append(f"c_{name} = {cell}")
                versions += f"c_{name}, c_{name}[0], "
        public = row.public
        edges = "".join(f"{public[n]} if n_{n} is LEAF else n_{n}, " for n in self.wanted)
        fits = "".join(f"({public[n]}._array.shape, {public[n]}._array.dtype), " for n in self.wanted)
        same = " and ".join(f"a_{n} is {public[n]}._array and a_{n}.shape == out._array.shape" for n in self.wanted)
        right = ("dtype is None" if "dtype" in row.metadata else "True") if row.exact else same * row.inplace
        arguments = [
            *row.parameters,
            *[f"a_{n}" for n in row.inputs],
            *[f"n_{n}" for n in self.differentiable],
            *row.metadata,
        ]
        lines = [
            f"def record(out, xp, {', '.join(arguments)}):",
            "node = new(Node)",
            "node.plan = PLAN",
            "node.xp = xp",
            "node.hooks = None",
            f"node.edges = ({edges})",
            f"node.fits = {f'None if {right} else ' * bool(right)}({fits})",
            f"node.saved = ({values})",
            *cells,
            f"node.versions = ({versions})",
            "node.number = next_number()",
            "out._node = node" if row.outputs == 1 else "attach_outputs(node, out)",
        ]
        return lines

    def _backward(self, wanted=None):
        wanted = wanted or self.wanted
        lines = ["def backward(node, g, xp):"]
        if self.saved_names:
            lines += ["s = node.saved", "if s is None:", "    released()"]
        read = {p for n in wanted if n in self.rules for p in self.rules[n][1]}.union(self.fused)
        stale = [f"v[{2 * i}][0] != v[{2 * i + 1}]" for i, n in enumerate(self.guarded) if n in read]
        if stale:
            lines += ["v = node.versions", f"if {' or '.join(stale)}:", "    changed(node)"]
        if self.saved_names:
            lines += [f"{', '.join(self.saved_names)}, = s"]
        if self.op.outputs > 1:
            lines += [f"g{i} = g[{i}]" for i in self.needed]
            lines += [f"if {' is '.join(f'g{i}' for i in self.needed)} is None:", f"    return {(None,) * len(self.wanted)}"]
            if len(self.needed) > 1:
                lines += [line for i in self.needed for line in (f"if g{i} is None:", f"    g{i} = filled(node, g, {i}, xp)")]
        if self.fused:
            asked = tuple(n in wanted for n in self.op.inputs)
            given = ", ".join(str(asked) if p == "wanted" else p for p in self.fused)
            pick = "".join(
                f"d[{self.op.inputs.index(n)}], " if n in wanted else "None, " for n in self.wanted
            )
            pick = "d" if all(asked) else f"({pick})"
            if self.rules:
                use = [f"d = fused({given})", "if d is not NotImplemented:", f"    return {pick}"]
                lines += [f"if xp is NUMPY and switches.fused{f' and g.size >= {self.op.least}' if self.op.least else ''}:", *indented(use)]
            else:
                lines += [f"d = fused({given})", f"return {pick}"]
        if self.rules:
            calls = [
                f"rule_{n}({', '.join(names)})" if n in wanted else "None"
                for n, (_, names) in self.rules.items()
            ]
            calls = f"return ({', '.join(calls)},)"
            if self.large:
                lines += [f"if {is_large('g')}:", "    " + calls.replace("rule_", "large_")]
            lines += [calls]
        return lines

    def restricted(self, asked):
        """This plan with only some of the gradients (a bool for each), None for the others."""
        if all(asked):
            return self
        plan = self._restricted.get(asked)
        if plan is None:
            names = [n for n, a in zip(self.wanted, asked, strict=True) if a]
            plan = self._restricted[asked] = copy.copy(self)
            plan.backward = compiled("backward", self._backward(names), **self._names())
            plan.backward_tensors = types.MethodType(
                lambda self, node, g: Plan.backward_tensors(self, node, g, names), plan
            )
        return plan

    def backward_tensors(self, node, g, wanted=None):
        from .. import ops

        if node.saved is None and self.saved_names:
            released()
        changed(node)
        if not self.rules:
            return replay(node, g, self)
        values = {name: self.saved_tensor(node, name) for name in self.saved_names} | {"g": g, "xp": ops}
        if self.op.outputs > 1:
            if all(g[i] is None for i in self.needed):
                return (None,) * len(self.wanted)
            values |= {f"g{i}": filled(node, g, i, ops) if g[i] is None else g[i] for i in self.needed}
        return tuple(
            rule(*[values[p] for p in names]) if wanted is None or n in wanted else None
            for n, (rule, names) in self.rules.items()
        )

    def saved_tensor(self, node, name):
        """A saved array as a tensor with its place in the graph; anything else as it is."""
        value = node.saved[self.saved_names.index(name)]
        if not hasattr(value, "dtype") or not hasattr(value, "shape"):
            return value
        t = wrap(value)
        if name == "out" and node.xp.is_floating(value):
            t._node = node
        elif name in self.wanted:
            i = self.wanted.index(name)
            edge = node.edges[i]
            if isinstance(edge, Tensor):
                return edge if edge._array is value else cast_like(edge, value)
            dtype = value.dtype if node.fits is None else node.fits[i][1]
            if dtype != value.dtype:  # the saved value was promoted: so must its history be
                t = wrap(node.xp.asarray(node.xp.astype(value, OF_RAW[dtype])))
            t._node = edge
            return t if dtype == value.dtype else cast_like(t, value)
        return t


def node_class(row):
    """`MulBackward0` ...: a node type an op, as torch shows them. Of several results it knows shapes and dtypes."""
    camel = "".join(part.capitalize() for part in row.name.split("_") if part) + "Backward0"
    readable = ["out", *row.inputs, *row.metadata, *[f"{n}_shape" for n in row.inputs]]
    saved = {f"_saved_{n}": property(partial(saved_value, name=n)) for n in readable}
    return type(camel, (Node,), saved | {"__slots__": () if row.outputs == 1 else ("dtype", "shape")})


def saved_value(node, name):
    """`node._saved_x`: a saved value, under the name that the rules use. (Properties, as with a `__getattr__` every look at a node would
    take 30 ns longer.)"""
    if name not in node.plan.saved_names:
        raise AttributeError(f"{node.name()!r} has no attribute '_saved_{name}'")
    if node.saved is None:
        released()
    return node.plan.saved_tensor(node, name)


def is_gradient(name):
    return name[0] == "g" and (name == "g" or name[1:].isdigit())


def cast_like(tensor, value):
    from .. import ops

    return ops.to_dtype(tensor, dtype=OF_RAW[value.dtype])


def attach_outputs(node, out):
    """Several results: the node's incoming gradient is a list, filled through one `Output` for each float result."""
    node.shape, node.dtype = shapes, types = [], []
    for i, o in enumerate(out):
        shapes.append(o._array.shape)
        types.append(dtype := o._array.dtype)
        if OF_RAW[dtype].category == FLOATING:
            o._node = Output(node, i)


def filled(node, gradients, i, xp):
    """The gradient of one of several results that got none: zeros."""
    found = next(g for g in gradients if g is not None)
    if xp is node.xp:
        return xp.zeros_beside(found, node.shape[i], node.dtype[i])
    return wrap(node.xp.zeros_beside(found._array, node.shape[i], node.dtype[i]))


def changed(node):
    """RuntimeError if a saved value was changed in place after it was saved."""
    plan = node.plan
    for i, name in enumerate(plan.guarded):
        cell, version = node.versions[2 * i : 2 * i + 2]
        if cell[0] != version:
            value = node.saved[plan.saved_names.index(name)]
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"[torch.FloatTensor {list(getattr(value, 'shape', ()))}], which is "
                f"{'the output 0' if name.startswith('out') else f'the saved input {name!r}'} of {node.name()}, is at version {cell[0]}; "
                f"expected version {version} instead. Hint: enable anomaly detection to find the operation that failed to compute its "
                "gradient, with torch.autograd.set_detect_anomaly(True)."
            )


def replay(node, g, plan):
    """The gradient of a fused composite, itself recorded: the body on fresh aliases of the saved inputs, or partial
    derivatives would become total ones where one input depends on another."""
    from .. import ops
    from ..autograd.api import grad

    row = plan.op
    saved = dict(zip(plan.saved_names, node.saved, strict=True))
    inputs = [None if saved[n] is None else plan.saved_tensor(node, n) for n in row.inputs]
    before, state.grad = state.grad, True
    try:
        leaves = [ops.alias(x) if i in plan.positions else x for i, x in enumerate(inputs)]
        out = row.forward(ops, *leaves, **{n: saved[n] for n in row.metadata})
        return grad(out, [leaves[i] for i in plan.positions], g, create_graph=True, allow_unused=True)
    finally:
        state.grad = before
