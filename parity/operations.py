"""Every operation of minitorch's table beside its torch twin: value, gradient, second gradient."""

from __future__ import annotations

import traceback
import warnings
import zlib
from dataclasses import dataclass, field

import numpy as np
import torch

from . import tolerances
from .compare import largest, relative_to_scale, ulps

DTYPES = ("float32", "float64")
ORDERS = ("value", "gradient", "second gradient")


@dataclass
class OperationResult:
    """One operation in one dtype: counts, largest differences by order, failures, and what was left out."""

    name: str
    torch: str
    dtype: str
    samples: int = 0
    compared: dict = field(default_factory=lambda: dict.fromkeys(ORDERS, 0))
    ulps: dict = field(default_factory=lambda: dict.fromkeys(ORDERS))  # None: nothing compared
    absolute: float = 0.0
    relative: float = 0.0  # to the largest number of the array
    by_float64: int = 0  # results that miss torch-float32 and match torch-float64
    failures: list = field(default_factory=list)
    skips: list = field(default_factory=list)  # (what, reason)

    @property
    def passed(self):
        return not self.failures


def twin(path):
    """The function of torch at a dotted path, such as `tanh`, `nn.functional.gelu`, `Tensor.view`."""
    found = torch
    for part in path.split("."):
        found = getattr(found, part)
    return found


def dtypes_of(op, dtypes):
    """The floating dtypes chosen; of an operation on integers only, int64 and bool."""
    return dtypes if any(True for d in DTYPES for _ in op.samples(d)) else ("int64", "bool")


def check_operation(T, op, dtype, device="cpu") -> OperationResult:
    """Compares one row of the table in one dtype. `T` is the library under test, `op` a row of its table."""
    result = OperationResult(op.name, op.torch, dtype)
    if reason := tolerances.SKIPS.get((op.name, "all")):
        result.skips.append(("all", reason))
        return result
    for number, sample in enumerate(op.samples(dtype)):
        result.samples += 1
        case = Case(result, op, number, sample, dtype)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = [evaluate(torch, sample, case, "cpu")]
                if dtype == "float32":  # the judge of last resort: torch in float64
                    expected.append(lambda s=sample, c=case: evaluate(torch, widened(s), c, "cpu"))
        except Exception as error:
            expected = error
        case.compare(T, expected, device)
    return result


def widened(sample):
    """The sample with its float32 arrays in float64."""

    def widen(value):
        if isinstance(value, np.ndarray) and value.dtype == np.float32:
            return value.astype(np.float64)
        if isinstance(value, (list, tuple)):
            return type(value)(widen(v) for v in value)
        return value

    return type(sample)(tuple(map(widen, sample.args)), {k: widen(v) for k, v in sample.kwargs.items()})


def to_tensors(T, value, device, leaves):
    """Arrays become tensors that share their memory (so their strides stay); floating ones require grad."""
    if isinstance(value, np.ndarray):
        t = T.from_numpy(value)
        if device != "cpu":
            t = moved(t, device)
        if value.dtype.kind == "f" and leaves is not None:
            t.requires_grad_()
            leaves.append(t)
        return t
    if isinstance(value, (list, tuple)) and any(isinstance(v, np.ndarray) for v in value):
        return type(value)(to_tensors(T, v, device, leaves) for v in value)
    if type(value).__module__ == "minitorch.dtypes":
        return getattr(T, value.name)
    return value


#: torch takes their `dim` between the tensors
DIM_SECOND = {"gather", "scatter", "scatter_add", "scatter_reduce", "index_select", "index_add"}


def call(T, op, args, kwargs):
    """The operation as a user calls it: torch's function, or the front of the row."""
    function = twin(op.torch) if T is torch else (getattr(op, "public_front", None) or op.front)
    if op.name in DIM_SECOND:
        kwargs = dict(kwargs)
        return function(args[0], kwargs.pop("dim"), *args[1:], **kwargs)
    return function(*args, **kwargs)


def moved(tensor, device):
    """`tensor.to(device)`; AssertionError if it did not move, since all comparisons would be about another."""
    there = tensor.to(device)
    assert str(there.device).split(":")[0] == device, f"to({device!r}) gave a tensor on {there.device}"
    return there


def flat(T, out):
    """The results as a flat list: tensors, and whatever else there is."""
    if isinstance(out, T.Tensor) or not isinstance(out, (list, tuple)):
        return [out]
    return [leaf for part in out for leaf in flat(T, part)]


def to_array(T, value):
    """NumPy's form of a result; None stays None."""
    if not isinstance(value, T.Tensor):
        return value if value is None else np.asarray(value)
    value = value.detach().to("cpu")
    # `force`: torch's lazy tensor of zeros, a gradient known to be zero, is refused otherwise
    return np.array(value.numpy(force=True) if T is torch else value.numpy())


def cotangents(T, tensors, case, order, device):
    """Fixed random arrays shaped like the tensors, seeded by the operation, the sample and the order."""
    rng = np.random.default_rng(zlib.crc32(f"{case.op.name} {case.number} {order}".encode()))
    made = []
    for t in tensors:
        dtype = str(t.dtype).split(".")[-1]
        g = np.asarray(rng.uniform(-1, 1, tuple(t.shape))).astype(np.float32).astype(dtype)
        made.append(T.from_numpy(g) if device == "cpu" else moved(T.from_numpy(g), device))
    return made


def evaluate(T, sample, case, device):
    """`{order: list of arrays}` of one sample in one library; a gradient is absent where there is none.

    The gradient is taken on the unrecorded path (raw arrays, fused kernels), and again recorded.
    """
    differentiable = case.op.differentiable and case.wants("gradient")
    leaves = [] if differentiable else None
    constant = tolerances.CONSTANTS.get(case.op.name, ())
    args = tuple(
        to_tensors(T, a, device, None if i in constant else leaves) for i, a in enumerate(sample.args)
    )
    kwargs = {k: to_tensors(T, v, device, leaves) for k, v in sample.kwargs.items()}
    outs = flat(T, call(T, case.op, args, kwargs))
    results = {"value": [to_array(T, o) for o in outs]}
    outs = [o for o in outs if isinstance(o, T.Tensor) and o.requires_grad]
    if not outs or not leaves:
        return results
    given = cotangents(T, outs, case, "gradient", device)
    once = T.autograd.grad(outs, leaves, given, retain_graph=True, allow_unused=True)
    results["gradient"] = [zeros_for_none(T, g, x) for g, x in zip(once, leaves, strict=True)]
    if not case.wants("second gradient"):
        return results
    first = T.autograd.grad(outs, leaves, given, create_graph=True, allow_unused=True)
    results["gradient"] += [zeros_for_none(T, g, x) for g, x in zip(first, leaves, strict=True)]
    live = [g for g in first if g is not None and g.requires_grad]
    if live:
        given = cotangents(T, live, case, "second gradient", device)
        second = T.autograd.grad(live, leaves, given, allow_unused=True)
        results["second gradient"] = [zeros_for_none(T, g, x) for g, x in zip(second, leaves, strict=True)]
    return results


def zeros_for_none(T, g, x):
    """No gradient and a gradient of zeros are the same number."""
    return np.zeros(tuple(x.shape), str(x.dtype).split(".")[-1]) if g is None else to_array(T, g)


class Case:
    """One sample of one operation in one dtype."""

    def __init__(self, result, op, number, sample, dtype):
        self.result, self.op, self.number, self.sample, self.dtype = result, op, number, sample, dtype

    def wants(self, what):
        """Whether this part is to be checked; a skip is noted once."""
        reason = tolerances.SKIPS.get((self.op.name, what))
        if reason and (what, reason) not in self.result.skips:
            self.result.skips.append((what, reason))
        return not reason

    def fail(self, text):
        self.result.failures.append(f"sample {self.number} {describe(self.sample)}: {text}")

    def compare(self, T, expected, device):
        """Our results against `expected`: [results, function that gives torch's in float64], or its error."""
        before = [np.copy(a) for a in self.sample.args if isinstance(a, np.ndarray)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ours = evaluate(T, self.sample, self, device)
        except Exception as error:
            if isinstance(expected, Exception):
                if not isinstance(error, type(expected)) and not isinstance(expected, type(error)):
                    self.fail(f"{said(error)}; torch: {said(expected)}")
                return
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.fail(f"{said(error)} ({where.filename.split('/')[-1]}:{where.lineno})")
            return
        if isinstance(expected, Exception):
            self.fail(f"gives a result where torch raises {said(expected)}")
            return
        after = [a for a in self.sample.args if isinstance(a, np.ndarray)]
        if any(a.tobytes() != b.tobytes() for a, b in zip(after, before, strict=True)):
            self.fail("changed its input")
        theirs = expected[0]
        wide = {}
        for order in ORDERS:
            a, b = ours.get(order), theirs.get(order)
            if a is None and b is None:
                continue
            if order == "second gradient" and (a is None or b is None):
                # One library knows that the gradient is constant; the other's must be zeros.
                if any(np.any(x) for x in (a or b)):
                    self.fail(f"{order}: only {'torch' if a is None else 'ours'} has one, and it is not zero")
                continue
            if a is None or b is None:
                self.fail(f"{order}: only {'torch' if a is None else 'ours'} has one")
                continue
            self.compare_order(order, a, b, lambda o=order: self.widely(expected, wide).get(o))

    def widely(self, expected, wide):
        """Torch's results in float64, computed when first needed."""
        if not wide and len(expected) > 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wide.update(expected[1]())
        return wide

    def compare_order(self, order, ours, theirs, judge):
        if len(ours) != len(theirs):
            self.fail(f"{order}: {len(ours)} results for torch's {len(theirs)}")
            return
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if a is None or b is None:
                if a is not b:
                    self.fail(f"{order} {i}: {a} for torch's {b}")
                continue
            if a.dtype != b.dtype or a.shape != b.shape:
                self.fail(f"{order} {i}: {a.dtype}{list(a.shape)} for torch's {b.dtype}{list(b.shape)}")
                continue
            self.compare_arrays(order, i, a, b, judge)

    def compare_arrays(self, order, i, a, b, judge):
        result = self.result
        result.compared[order] += 1
        rtol, atol = tolerances.of_operation(self.op.torch, a.dtype.name)
        distance = largest(ulps(a, b))
        if close(a, b, rtol, atol):
            pass
        elif (wide := judge()) and wide[i].shape == a.shape and close(a, wide[i], rtol, atol):
            result.by_float64 += 1
        else:
            difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
            self.fail(f"{order} {i}: largest difference {largest(difference):.3g}, {distance:,.0f} ulps")
        result.ulps[order] = max(result.ulps[order] or 0.0, distance)
        with np.errstate(invalid="ignore"):
            difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
        finite = np.isfinite(difference)
        result.relative = max(result.relative, relative_to_scale(a[finite], b[finite]))
        result.absolute = max(result.absolute, largest(np.nan_to_num(difference, nan=0.0, posinf=0.0)))


def close(a, b, rtol, atol):
    """torch.testing's criterion: |a - b| <= atol + rtol |b|, NaN equal to NaN."""
    return bool(np.allclose(a.astype(np.float64), b.astype(np.float64), rtol=rtol, atol=atol, equal_nan=True))


def said(error):
    """The first line of an exception."""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]


def describe(sample):
    """The call without its numbers: `(float32[3, 4], 1.5, dim=1)`."""

    def show(value):
        if isinstance(value, np.ndarray):
            return f"{value.dtype}{list(value.shape)}"
        if isinstance(value, list):
            return "[" + ", ".join(map(show, value)) + "]"
        return repr(value)

    return (
        "("
        + ", ".join([*map(show, sample.args), *(f"{k}={show(v)}" for k, v in sample.kwargs.items())])
        + ")"
    )
