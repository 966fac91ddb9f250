"""Every operation of the table, forward and backward, over sizes from 10 to 10^7.

The inputs come from the table: the first sample of a row says how many arrays the operation takes, and its smallest
and largest number, between which the operation is defined. Where its arrays are made of the two dimensions of a
matrix, these grow to `(rows, columns)`, near a square of `size` elements. Other operations have a row in `SHAPES`.
"""

from __future__ import annotations

import math

from .workload import Workload

SIZES = (10, 10**2, 10**3, 10**4, 10**5, 10**6, 10**7)
FEWER = (10, 10**3, 10**5, 10**6)

#: largest sizes, in elements of an argument, of operations whose work grows faster than their arguments
PRODUCT = 10**6
DECOMPOSITION = 10**5


class I:  # noqa: E742 - read as in formulas
    """Integers in [0, high) of a shape."""

    def __init__(self, high, *shape):
        self.high, self.shape = high, shape


class V:
    """Passed as it is: a tuple that is not a shape."""

    def __init__(self, value):
        self.value = value


class Definite:
    """A symmetric positive definite matrix with that many rows."""

    def __init__(self, rows):
        self.rows = rows


#: operation -> arguments for r rows and c columns: a shape stands for numbers of the first sample's range
SHAPES = {
    "view": lambda r, c: ((r, c), V((c, r))),
    "permute": lambda r, c: ((r, c, 1), V((2, 0, 1))),
    "expand": lambda r, c: ((r, 1), V((r, c))),
    "squeeze": lambda r, c: ((r, 1, c, 1),),
    "unfold": lambda r, c: ((r * c,), 0, 3, 2),
    "cat": lambda r, c: ([(r, c), (1, c)],),
    "stack": lambda r, c: ([(r, c), (r, c)],),
    "gather": lambda r, c: ((r, c), 1, I(c, r, c // 2)),
    "scatter": lambda r, c: ((r, c), 1, I(c, r, 1), (r, 1)),
    "scatter_add": lambda r, c: ((r, c), 1, I(c, r, c // 2), (r, c // 2)),
    "scatter_reduce": lambda r, c: ((r, c), 1, I(c, r, c // 2), (r, c // 2)),
    "index_select": lambda r, c: ((r, c), 1, I(c, c)),
    "index_add": lambda r, c: ((r, c), 1, I(c, c), (r, c)),
    "matmul": lambda r, c: ((r, c), (c, r)),
    "mm": lambda r, c: ((r, c), (c, r)),
    "bmm": lambda r, c: ((4, max(r // 4, 1), c), (4, c, max(r // 4, 1))),
    "linear": lambda r, c: ((r, c), (r, c), (r,)),
    "addmm": lambda r, c: ((r,), (r, c), (c, r)),
    "addmv": lambda r, c: ((r,), (r, c), (c,)),
    "addbmm": lambda r, c: ((r, r), (4, r, max(c // 4, 1)), (4, max(c // 4, 1), r)),
    "baddbmm": lambda r, c: ((4, r, r), (4, r, max(c // 4, 1)), (4, max(c // 4, 1), r)),
    "kron": lambda r, c: ((max(r // 4, 1), c), (2, 2)),
    "dot": lambda r, c: ((r * c,), (r * c,)),
    "outer": lambda r, c: ((r,), (c,)),
    "inv": lambda r, c: ((r, r),),
    "det": lambda r, c: ((r, r),),
    "solve": lambda r, c: ((r, r), (r, 2)),
    "slogdet": lambda r, c: ((r, r),),
    "cholesky_lower": lambda r, c: (Definite(r),),
    "svdvals": lambda r, c: ((r, r),),
    "scaled_dot_product_attention": lambda r, c: ((4, max(r // 4, 1), c),) * 3,
    "prelu": lambda r, c: ((r, c), (c,)),
    "layer_norm": lambda r, c: ((r, c), V((c,))),
    "batch_norm": lambda r, c: ((r, c), (c,), (c,)),
    "embedding": lambda r, c: (I(r, r), (r, c)),
    "nll_loss": lambda r, c: ((r, c), I(c, r)),
    "mean_cross_entropy": lambda r, c: ((r, c), I(c, r)),
    "cross_entropy": lambda r, c: ((r, c), I(c, r)),
}

LIMITS = {
    **dict.fromkeys(("matmul", "mm", "bmm", "linear", "addmm", "addbmm", "baddbmm"), PRODUCT),
    **dict.fromkeys(("inv", "det", "solve", "slogdet", "cholesky_lower", "svdvals"), DECOMPOSITION),
}

#: arguments by position that are no leaves: torch raises if they require grad
CONSTANT = {"batch_norm": (1, 2)}

#: keywords of the benchmark where the first sample has none that fit
KEYWORDS = {"batch_norm": {"training": True}}


def rows_and_columns(size):
    """Whole numbers whose product is `size`, as near to a square as possible."""
    r = next(r for r in range(math.isqrt(size), 0, -1) if size % r == 0)
    return r, size // r


def specification(op, size):
    """(arguments, keywords) of a call on `size` elements as plain data, or None if the table's samples don't say.

    ("array", dtype, shape, low, high, leaf), ("definite", dtype, rows), ("list", parts) or ("value", value).
    """
    import numpy as np

    dtype = "float32"
    sample = first_sample(op, dtype)
    arrays = [a for a in flat(sample.args) if isinstance(a, np.ndarray)]
    r, c = rows_and_columns(size)
    if op.name in SHAPES:
        given = SHAPES[op.name](r, c)
    elif arrays and arrays[0].ndim == 2 and all(set(a.shape) <= {*arrays[0].shape, 1} for a in arrays):
        larger = dict(zip(arrays[0].shape, (r, c), strict=True)) | {1: 1}
        given = [
            tuple(larger[n] for n in a.shape) if isinstance(a, np.ndarray) else V(a) for a in sample.args
        ]
    else:
        return None
    ranges = iter(arrays)
    constant = CONSTANT.get(op.name, ())

    def describe(part, leaf=True):
        if isinstance(part, I):
            return ("array", "int64", part.shape, 0, part.high, False)
        if isinstance(part, V):
            return ("value", part.value)
        if isinstance(part, Definite):
            return ("definite", dtype, part.rows)
        if isinstance(part, list):
            return ("list", [describe(p) for p in part])
        if not isinstance(part, tuple):
            return ("value", part)
        model = next(ranges)
        while op.name in SHAPES and model.dtype.kind == "i":  # indices have a class of their own
            model = next(ranges)
        low, high = float(model.min()), float(model.max())
        return (
            "array",
            model.dtype.name,
            part,
            low,
            high,
            op.differentiable and leaf and model.dtype.kind == "f",
        )

    arguments = [describe(part, i not in constant) for i, part in enumerate(given)]
    keywords = {k: v for k, v in sample.kwargs.items() if op.name not in SHAPES or k != "dim"}
    return arguments, keywords | KEYWORDS.get(op.name, {})


def first_sample(op, dtype):
    """The first sample of the table, of int64 where the operation takes no floats."""
    found = next(iter(op.samples(dtype)), None)
    return next(iter(op.samples("int64"))) if found is None else found


def flat(parts):
    for part in parts:
        if isinstance(part, list):
            yield from part
        else:
            yield part


def function_at(T, path):
    """The function at a dotted path of T, such as `nn.functional.gelu`."""
    for part in path.split("."):
        T = getattr(T, part)
    return T


def call(T, path, arguments, keywords):
    """Forward and backward of the function at `path`."""
    function = function_at(T, path)
    leaves = []
    arguments = [argument(T, part, leaves) for part in arguments]

    def forward():
        return function(*arguments, **keywords)

    result = forward()
    several = isinstance(result, (tuple, list))
    results = list(result) if several else [result]
    which = next((i for i, r in enumerate(results) if isinstance(r, T.Tensor) and r.requires_grad), None)
    if which is None:
        return nothing_returned(forward)
    g = T.ones_like(results[which].detach())

    def step():
        for leaf in leaves:
            leaf.grad = None
        out = forward()
        (out[which] if several else out).backward(g)

    return step


def nothing_returned(forward):
    """A step's result is compared between the libraries, which is meant for losses."""

    def step():
        forward()

    return step


def argument(T, part, leaves):
    """A tensor of uniform random numbers, a definite matrix of them, a list, or a value."""
    import numpy as np

    kind, *rest = part
    if kind == "value":
        return rest[0]
    if kind == "list":
        return [argument(T, p, leaves) for p in rest[0]]
    r = np.random.default_rng(0)
    if kind == "definite":
        dtype, rows = rest
        factor = r.random((rows, rows), dtype)
        array, leaf = factor @ factor.T + rows * np.eye(rows, dtype=dtype), True
    else:
        dtype, shape, low, high, leaf = rest
        array = uniform(r, dtype, shape, low, high)
    tensor = T.as_tensor(np.asarray(array, dtype))
    if leaf:
        leaves.append(tensor.requires_grad_())
    return tensor


def uniform(r, dtype, shape, low, high):
    """Random numbers in [low, high)."""
    if dtype.startswith("float"):
        return r.random(shape, dtype) * (high - low) + low
    if dtype == "bool":
        return r.random(shape) < 0.5
    return r.integers(int(low), max(int(high), 1), shape)


# ---------------------------------------------------------------------- rows


def table():
    """The rows that have a twin in torch and samples."""
    from minitorch.ops.table import OPS

    return [op for op in OPS.values() if op.torch and op.samples]


def workloads(choices):
    without = left_out()
    found = []
    for op in table():
        for size in FEWER if choices.brief else SIZES:
            if op.name not in without and size <= LIMITS.get(op.name, size):
                arguments = (op.torch, *specification(op, size))
                found.append(Workload("ops", op.name, f"{__name__}:call", arguments, size=size))
    return found


def left_out():
    """`{operation: reason}` of the rows without a workload."""
    import minitorch

    found = {}
    for op in table():
        try:
            function_at(minitorch, op.torch)
        except AttributeError:
            found[op.name] = f"minitorch has no {op.torch}"
        else:
            if specification(op, 100) is None:
                found[op.name] = "no inputs by size: add a row to SHAPES in benchmarks/ops.py"
    return found
