"""Fronts: the function that users call, generated from the signature of an op's block.

    raw arrays of the arguments  ->  the forward  ->  a tensor of the result  ->  a node, if an input requires grad

This is the one place through which every recorded call goes. The common case, floating tensors of one type on the CPU, is in
line; everything else is a call: of the policy (`ops/coerce.py`), of the tracers, of the fused loops (`kernels/fuse.py`).
"""

from __future__ import annotations

import re
from _thread import get_ident
from functools import partial
from inspect import Parameter

from numpy import asarray, generic, ndarray

from .. import dtypes, ops
from ..autograd.mode import INFERENCE, inferring, silent
from ..autograd.views import View
from ..backends import numpy as NUMPY
from ..kernels.fuse import HUGE, LARGE, Fused
from ..out import into
from ..tensor import Tensor, wrap
from . import coerce
from .dims import broadcast_shape
from .generated import compiled, indented, is_large, switches, tracers
from .variadic import variadic

FLOATING = frozenset(d.numpy for d in dtypes.ALL if d.is_floating_point)
WHOLE = frozenset(d.numpy for d in dtypes.ALL) - FLOATING
INTEGERS = WHOLE - {coerce.BOOL}
NO_ARRAY = asarray(None)  # it has a dtype, which is no number's


def front(row, *, traced=True, operator=None):
    """
    traced    whether it looks for tracers first
    operator  the general form of an operator, `(x, other)`: the front is then a short way for floating operands before it
    """
    lines = [f"def {row.name}({signature(row, out=row.out and not operator)}):"]
    if not operator:
        lines += numpy_names(row)
    if row.out and not operator:
        lines += ["if out is not None:", f"    return into(OP.torch, out, {row.name}({arguments(row)}))"]
    if traced:
        lines += ["if tracers:", f"    return {'operator' if operator else 'call_traced'}({watched(row, operator)})"]
    if row.variadic and not row.body:
        lines += [f"return variadic(OP, {row.variadic}{keywords(row)})"]
    elif row.body and not row.fused:
        lines += composite(row)
    else:
        lines += [*entry(row, operator), *computation(row), *wrapping(row), *recording(row)]
        lines += ["return out" if row.outputs == 1 or row.returns is tuple else "return made(returns, out)"]
    return compiled(row.name, lines, **environment(row, operator))


def finished(row):
    """`(result, *inputs)`: what the front makes of a raw result, if it was computed elsewhere, of floating tensors on the CPU."""
    arrays = [f"a_{n} = {x}._array if isinstance({x}, Tensor) else None" for n, x in row.public.items()]
    lines = [f"def {row.name}(result, {', '.join(row.parameters)}):", "xp = NUMPY", *arrays, *wrapping(row), *recording(row), "return out"]
    return compiled(row.name, lines, **environment(row))


def environment(row, operator=None) -> dict:
    """What the generated source names."""
    return dict(
        OP=row, METADATA=row.metadata, DEFAULTS=row.defaults, NUMBERS=(float, int), LARGE=large_from(row), HUGE=HUGE, INFERENCE=INFERENCE, NUMPY=NUMPY,
        FLOATING=FLOATING, WHOLE=WHOLE, INTEGERS=INTEGERS, NO_ARRAY=NO_ARRAY, Tensor=Tensor, View=View, ndarray=ndarray, generic=generic, new=partial(object.__new__, Tensor), wrap=wrap, asarray=asarray,
        tracers=tracers, switches=switches, silent=silent, inferring=inferring, get_ident=get_ident, ops=ops, plans=row.plans, plan=row.plan, operator=operator,
        coerce=row.coerce, forward=row.forward, fused=row.fused and row.fused[0], large=Fused(row.forward), returns=row.returns, made=tuple.__new__,
        MISSING=Parameter.empty, missing=coerce.missing, into=into, call_traced=call_traced, variadic=variadic, checked=coerce.checked, explained=explained,
    )  # fmt: skip


# ---------------------------------------------------------------------- parts of the source


def signature(row, out) -> str:
    """Torch's signature: the arrays under torch's names, then the metadata, which may be given by position."""
    inputs = row.inputs or [row.variadic]
    parts = [row.public.get(n, n) for n in inputs]
    for i, n in enumerate(inputs):
        if n in row.defaults:
            parts[i] += f"=DEFAULTS[{n!r}]"
        elif i in row.optional:
            parts[i] += "=None"
    required = [n for n, d in row.metadata.items() if d is Parameter.empty]
    seen_default = any("=" in p for p in parts)
    parts += [f"{n}=None" if seen_default else n for n in required]
    parts += [f"{n}=METADATA[{n!r}]" for n in row.metadata if n not in required]
    if reduces(row):
        parts = [f"{p}=MISSING" if p == "dim" else p for p in parts]
        return ", ".join([*parts, *["out=None"] * out, "*", "axis=None", *["keepdims=None"] * ("keepdim" in row.metadata)])
    return ", ".join(parts + ["out=None"] * out)


def large_from(row) -> int:
    """From how many elements on a fused kernel is asked for: one call of a ufunc of ours gains by nothing but more threads."""
    return 4 * LARGE if hasattr(row.forward, "formula") and not row.one_call else LARGE


def reduces(row) -> bool:
    """Whether it has a `dim`, which if required is its only required keyword, and which torch for NumPy's sake lets users call `axis`."""
    required = {n for n, default in row.metadata.items() if default is Parameter.empty}
    return "dim" in row.metadata and ("dim" not in required or required == {"dim"}) and bool(row.torch) and not row.torch.startswith("nn.")


def numpy_names(row) -> list[str]:
    """The lines that make `dim` of `axis`. A required `dim` has a default in the signature, or it could not be left out for `axis`."""
    if not reduces(row):
        return []
    if row.metadata["dim"] is Parameter.empty:
        lines = ["if dim is MISSING:", "    dim = axis if axis is not None else missing(OP, 'dim')"]
    else:
        lines = ["if axis is not None:", "    dim = axis"]
    return lines + ["if keepdims is not None:", "    keepdim = keepdims"] * ("keepdim" in row.metadata)


def keywords(row) -> str:
    return "".join(f", {k}={k}" for k in row.metadata)


def arguments(row) -> str:
    return ", ".join(row.parameters) + keywords(row)


def watched(row, operator) -> str:
    """The arguments of a call that goes another way because someone watches."""
    if operator:
        return ", ".join(row.parameters)
    inputs = f"tuple({row.variadic})" if row.variadic else f"({', '.join(row.parameters)},)"
    return f"OP, {inputs}, dict({keywords(row)[2:]})"


def composite(row) -> list[str]:
    """With tensors the body runs in the namespace of ops, and its inner calls are what is recorded."""
    inputs = f"*{row.variadic}" if row.variadic else ", ".join(row.parameters)
    check = [f"checked(OP, {inputs})"] if row.coerce is coerce.one else []
    return [*check, f"return forward(ops, {inputs}{keywords(row)})"]


def raw(row) -> list[str]:
    """The names of the raw arrays."""
    return [f"a_{n}" for n in row.inputs]


def short_way(row) -> str | None:
    """When the arrays are what the op wants as they are: the condition, or None if only the policy knows."""
    arrays = raw(row)
    if takes_numbers(row):
        if len(arrays) != 2:
            return f"{' is '.join([f'{a}.dtype' for a in arrays])} in FLOATING"
        x, y = arrays
        if row.coerce in coerce.AS_THEY_ARE and not row.refuses:
            return f"type({x}) is ndarray and {x}.dtype is {y}.dtype"
        kinds = "FLOATING" if row.coerce is not coerce.integers else "INTEGERS" if row.refuses else "WHOLE"
        return f"{x}.dtype is {y}.dtype in {kinds}"
    if row.coerce is coerce.integer:
        return f"{arrays[0]}.dtype in WHOLE"
    if row.coerce in coerce.ONE_FLOATING:
        return f"{arrays[0]}.dtype in FLOATING"
    conditions = [
        f"({row.public[n]} is None or type(a_{n}) is ndarray)" if i in row.optional else f"type(a_{n}) is ndarray"
        for i, n in enumerate(row.inputs)
    ]
    return " and ".join(conditions) if row.coerce in (coerce.one, coerce.same) else None


def with_number(row) -> list[str]:
    """The lines by which a Python number beside a floating array is taken as it is."""
    if not row.numbers or row.coerce is coerce.integers or len(row.inputs) != 2:
        return []
    lines = []
    for n, other in [row.inputs, row.inputs[::-1]][: 1 if row.coerce is coerce.tensor_first else 2]:
        x = row.public[other]
        lines += [f"elif type({x}) in NUMBERS and a_{n}.dtype in FLOATING:", "    xp = NUMPY", f"    a_{other} = float({x})"]
    return lines


def takes_numbers(row) -> bool:
    return row.coerce in coerce.PROMOTING or row.coerce is coerce.integers


def entry(row, operator) -> list[str]:
    """From what the user passed to `xp` and raw arrays: the common case in line, the policy for the rest."""
    policy = f"xp, {', '.join(raw(row))} = coerce(OP, {', '.join(row.parameters)})"
    otherwise = f"return operator({', '.join(row.parameters)})" if operator else policy
    condition = short_way(row)
    if condition is None:
        return [otherwise]
    other = "None" if row.coerce in (coerce.one, coerce.same) else "NO_ARRAY"
    lines = [f"a_{n} = {row.public[n]}._array if isinstance({row.public[n]}, Tensor) else {other}" for n in row.inputs]
    return [*lines, f"if {condition}:", "    xp = NUMPY", *with_number(row), "else:", f"    {otherwise}"]


def computation(row) -> list[str]:
    """`result`, from the fused forward if there is one and it can, or the readable one."""
    arrays, kw = ", ".join(raw(row)), keywords(row)
    formula = getattr(row.forward, "formula", None)
    block = re.sub(r"\b([xy])\b", r"a_\1", formula) if formula else f"forward(xp, {arrays}{kw})"
    if row.body:  # elsewhere than on NumPy, and with kernels off, the body's own calls are recorded
        readable = [f"return forward(ops, {arguments(row)})"]
    elif row.plain:
        readable = [f"result = {block}"]
    elif not row.inplace:
        readable = [f"result = (large if {is_large(raw(row)[0])} else forward)(xp, {arrays}{kw})"]
    else:
        first = raw(row)[0]
        size = f"{first}.size if {f'type({first}) is ndarray' if row.numbers else 'xp is NUMPY'} else 0"
        large = "size >= HUGE" if row.one_call else "size >= LARGE"
        if row.one_call and len(row.inputs) == 2:  # where one is broadcast, a ufunc is not shared
            large = f"size >= LARGE and ({large} or (type({raw(row)[1]}) is ndarray and {raw(row)[1]}.size != size))"
        readable = [f"elif {large} and switches.fused:", f"    result = large(xp, {arrays}{kw})", "else:", f"    result = {block}"]
        if row.one_call or formula:
            readable = [f"size = {size}", readable[0][2:], *readable[1:]]
        else:
            scalars = ", ".join(f"{a}[()] if type({a}) is ndarray else {a}" for a in raw(row))
            readable = [
                f"size = {size}",
                f"if size == 1 and {first}.dtype in FLOATING:  # NumPy is twice as fast on its scalars as on arrays of no dimensions",
                f"    result = forward(NUMPY, {scalars}{kw})",
                *readable,
            ]
    fused = row.fused and row.fused[0]
    if not fused:
        return explaining(row, readable)
    return [
        "result = NotImplemented",
        f"if xp is NUMPY and switches.fused{f' and a_x.size >= {row.least}' if row.least else ''}:",
        *indented(explaining(row, [f"result = fused({arrays}{kw})"])),
        "if result is NotImplemented:",
        *indented(explaining(row, readable)),
    ]


def explaining(row, lines) -> list[str]:
    return [
        *("try:", *indented(lines)),
        *("except (ValueError, TypeError) as error:", f"    raise explained(error, OP, {', '.join(raw(row))}) from None"),
    ]


def wrapping(row) -> list[str]:
    """`out`, the tensor of `result`, or a tuple of them."""
    if row.outputs > 1:
        return ["out = tuple([wrap(r if type(r) is ndarray else xp.asarray(r)) for r in result])"]
    x = row.parameters[0]
    return [
        "if type(result) is not ndarray:  # NumPy makes a scalar of a result of no dimensions",
        "    result = asarray(result) if isinstance(result, generic) else xp.asarray(result)",
        "out = new()",
        "out._array = result",
        f"out._cell = {x}._cell" if row.view else "out._cell = [0]",
        "out._node = out._grad = out.hooks = out._view = None",
        *[f"out._view = View({x}, OP, dict({keywords(row)[2:]}))"] * row.view,
    ]


def recording(row) -> list[str]:
    """If an input requires grad, the plan for that set of inputs makes a node."""
    nodes, lines, bits = row.recorded_inputs, [], []
    for n in nodes:
        i, x = row.inputs.index(n), row.public[n]
        node = f"{x}._node if {x}._view is None else {x}._edge"
        if row.numbers or i in row.optional:
            node = f"({node}) if isinstance({x}, Tensor) else None"
        lines += [f"n_{n} = {node}"]
        bits += [f"(n_{n} is not None)" + (f" << {i}" if i else "")]
    if nodes:
        given = ", ".join(["out", "xp", *row.parameters, *raw(row), *[f"n_{n}" for n in nodes], *row.metadata])
        lines += [f"mask = {' | '.join(bits)}", "if mask:", f"    (plans.get(mask) or plan(mask)).record({given})"]
        lines = ["if not silent or get_ident() not in silent:", *indented(lines)]
    if row.view:  # it has the cell of its source
        return lines
    outs = "out._cell = INFERENCE" if row.outputs == 1 else "for o in out: o._cell = INFERENCE"
    return [*lines, f"{'el' if nodes else ''}if inferring and get_ident() in inferring:", f"    {outs}"]


# ---------------------------------------------------------------------- what the generated source calls


def call_traced(row, inputs, metadata):
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
        row.refuses(row, [dtypes.OF_RAW[a.dtype] for a in arrays])
    if "broadcast" not in str(error):
        return error
    common = ()
    try:
        for a in arrays:
            common = broadcast_shape(common, a.shape)
    except RuntimeError as mismatch:
        return mismatch
    return RuntimeError(str(error))
