"""Every tolerance and every skip of the parity suite, stated once, as data. The report shows both tables."""

from __future__ import annotations

#: relative deviation allowed for the loss of every step of a training
LOSS = {"float32": 1e-3, "float64": 1e-9}

#: deviation allowed for final parameters and predictions, relative to the largest number of their tensor
FINAL = {"float32": 1e-2, "float64": 1e-8}

#: (rtol, atol) of values, gradients and second gradients of operations and modules: torch.testing's defaults
VALUES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}

#: operations whose float32 tolerance is ten times that: sums of products in another order
PRODUCTS = {"matmul", "mm", "bmm", "mv", "dot", "addmm", "einsum", "linear", "outer", "tensordot", "inner"}

#: relative deviation allowed for parameters after 20 steps of an optimizer, and for learning rates
UPDATES = {"float32": 1e-5, "float64": 1e-12}
RATES = 1e-12

#: why each kind of tolerance is what it is, for the report
REASONS = [
    ("initial weights, shuffles, dropout masks", "bit for bit", "the random stream is torch's own"),
    ("loss of every step, float64", "1e-9 relative", "rounding, amplified by training"),
    ("loss of every step, float32", "1e-3 relative", "rounding, amplified by training"),
    (
        "final parameters, predictions",
        "1e-2 (float32), 1e-8 (float64), relative to the largest of the tensor",
        "all that rounding has added up to by the last step; classes must be the same for every sample",
    ),
    ("epochs trained, learning rate, accuracy", "equal", "the same decisions were taken"),
    ("operations and modules, float32", "rtol 1.3e-6, atol 1e-5", "torch.testing's default"),
    ("operations and modules, float64", "rtol 1e-7, atol 1e-7", "torch.testing's default"),
    (
        "matrix products, float32",
        "10 x the default",
        "another order of summation; torch differs from itself as much",
    ),
    (
        "a float32 sample that misses torch-float32",
        "may match torch-float64",
        "at the same tolerance; such samples are counted in the column `by float64`",
    ),
    (
        "parameters after 20 optimizer steps",
        "1e-5 (float32), 1e-12 (float64) relative",
        "same NumPy gradients on both sides",
    ),
    ("learning rates of schedulers", "1e-12 relative", "Python floats on both sides"),
]

#: parts of an operation's check left out, with the reason: (operation, what) -> reason.
#: `what` is "all", "gradient" or "second gradient".
SKIPS: dict[tuple[str, str], str] = {}

#: arguments by position that torch takes as constants: it raises if they require grad
CONSTANTS = {"batch_norm": (1, 2)}


def of_operation(name, dtype):
    """(rtol, atol) for an operation's result of this dtype; integers and booleans must be equal."""
    rtol, atol = VALUES.get(dtype, (0.0, 0.0))
    if dtype == "float32" and name.split(".")[-1] in PRODUCTS:
        return 10 * rtol, 10 * atol
    return rtol, atol
