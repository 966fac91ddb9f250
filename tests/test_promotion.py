"""The promotion table, all of it: every pair of dtypes x (dimensioned, 0-d, Python number), against torch."""

import itertools
import warnings

import pytest
import torch

import minitorch

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]
FORMS = [("dimensioned", d) for d in DTYPES] + [("zero-dim", d) for d in DTYPES]
NUMBERS = [("number", True), ("number", 2), ("number", 2.5)]
PAIRS = [p for p in itertools.product(FORMS + NUMBERS, repeat=2) if "number" not in (p[0][0], p[1][0])]
PAIRS += [(a, b) for a, b in itertools.product(FORMS, NUMBERS)] + list(itertools.product(NUMBERS, FORMS))

OPERATIONS = {
    "add": lambda T, a, b: a + b,
    "sub": lambda T, a, b: a - b,
    "mul": lambda T, a, b: a * b,
    "true_divide": lambda T, a, b: a / b,
    "floor_divide": lambda T, a, b: a // b,
    "remainder": lambda T, a, b: a % b,
    "pow": lambda T, a, b: a**b,
    "lt": lambda T, a, b: a < b,
    "eq": lambda T, a, b: a == b,
    "where": lambda T, a, b: T.where(T.tensor([True, False]), a, b),
}
TENSORS_ONLY = {
    "maximum": lambda T, a, b: T.maximum(a, b),
    "cat": lambda T, a, b: T.cat([a.reshape(-1), b.reshape(-1)]),
    "atan2": lambda T, a, b: T.atan2(a, b),
    "bitwise_and": lambda T, a, b: a & b,
    "promote_types": lambda T, a, b: T.zeros(1, dtype=T.promote_types(a.dtype, b.dtype)),
}


def operand(T, form, what):
    if form == "number":
        return what
    return T.tensor([1, 1] if form == "dimensioned" else 1, dtype=getattr(T, what))


def outcome(T, operation, a, b):
    """The result, or the type of the exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return operation(T, operand(T, *a), operand(T, *b))
        except (TypeError, RuntimeError, NotImplementedError) as error:
            return type(error)


@pytest.mark.parametrize("name", OPERATIONS | TENSORS_ONLY)
def test_pairs(name):
    """Equal values and dtypes, or the same type of exception."""
    operation = (OPERATIONS | TENSORS_ONLY)[name]
    wrong = []
    for a, b in PAIRS:
        if (name in TENSORS_ONLY and "number" in (a[0], b[0])) or (name, a[1], b[1]) == ("pow", "bool", True):
            continue  # bool ** True: the difference from torch that pow's docstring names
        theirs, ours = outcome(torch, operation, a, b), outcome(minitorch, operation, a, b)
        if isinstance(theirs, type) or isinstance(ours, type):
            same = theirs is ours
        else:
            same = str(ours.dtype) == str(theirs.dtype) and ours.tolist() == pytest.approx(
                theirs.tolist(), 1e-6
            )
        if not same:
            wrong.append((a, b, theirs, ours))
    assert not wrong, f"{len(wrong)} of {len(PAIRS)}: " + "\n".join(map(str, wrong[:10]))


@pytest.mark.parametrize("name", ["add_", "mul_", "div_", "copy_"])
def test_in_place(name):
    """The result keeps its dtype, or torch refuses the cast, and then nothing is changed."""
    wrong = []
    for a, b in PAIRS:
        if (
            a[0] == "number"
            or (name == "copy_" and b[0] == "number")
            or (a[0], b[0]) == ("zero-dim", "dimensioned")
        ):
            continue
        results = []
        for T in (torch, minitorch):
            x = operand(T, *a)
            try:
                getattr(x, name)(operand(T, *b))
                results.append((str(x.dtype), x.tolist()))
            except RuntimeError:
                results.append((str(x.dtype), "refused", x.tolist()))
        if results[0] != results[1]:
            wrong.append((a, b, *results))
    assert not wrong, f"{len(wrong)}: " + "\n".join(map(str, wrong[:10]))


@pytest.mark.parametrize("a", DTYPES)
def test_casts(a):
    """Every dtype to every other, and reductions of it."""
    for b in DTYPES:
        results = [T.tensor([0, 1, 3], dtype=getattr(T, a)).to(getattr(T, b)) for T in (torch, minitorch)]
        assert str(results[0].dtype) == str(results[1].dtype)
        assert results[0].tolist() == results[1].tolist()
    for name in ("sum", "prod", "cumsum", "max", "any", "exp"):
        results = []
        for T in (torch, minitorch):
            x = T.tensor([0, 1, 1], dtype=getattr(T, a))
            try:
                results.append(str((x.cumsum(0) if name == "cumsum" else getattr(x, name)()).dtype))
            except (RuntimeError, NotImplementedError):
                results.append("refused")
        assert results[0] == results[1], name


def test_default_dtype():
    """Integers divided, and Python floats, follow the default dtype."""
    try:
        for T in (torch, minitorch):
            T.set_default_dtype(T.float64)
        for T in (torch, minitorch):
            assert T.tensor(1.5).dtype is T.float64
            assert (T.tensor([1]) / 2).dtype is T.float64
            assert (T.tensor([1]) * 2.5).dtype is T.float64
            assert T.zeros(1).dtype is T.rand(1).dtype is T.float64
    finally:
        for T in (torch, minitorch):
            T.set_default_dtype(T.float32)
