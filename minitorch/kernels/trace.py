"""What a formula of the table asks NumPy to do, without arrays: it is called once with `Symbol`s, which record it. For fuse.py."""

from __future__ import annotations

import numpy as np

ARITHMETIC = {np.add, np.subtract, np.multiply, np.negative, np.absolute, np.maximum, np.minimum}
LOGICAL = {np.logical_and, np.logical_or, np.logical_xor, np.logical_not}
NUMPYS = {ufunc.__name__: ufunc for ufunc in LOGICAL}  # for ours, which give what they give
CONSTANTS = {np.zeros_like: 0.0, np.ones_like: 1.0}
BOOL, FLOATS = np.dtype(bool), (np.dtype("float32"), np.dtype("float64"))


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """An array in a traced formula: an input, or the result of `function` for `args` (Symbols and numbers).

    takes  the types in which the function computes
    """

    __pow__ = __rpow__ = None  # x ** 2 is not np.power(x, 2) to the last bit

    def __init__(self, dtype, function=None, args=(), takes=()):
        self.dtype, self.function, self.args, self.takes = dtype, function, args, takes

    def __bool__(self):
        raise TypeError("a formula that branches on its values is not traced")

    def __array_ufunc__(self, ufunc, method, *args, **options):
        if method != "__call__" or options or ufunc.signature or ufunc.nout > 1:
            return NotImplemented
        ufunc = NUMPYS.get(ufunc.__name__, ufunc)
        *takes, gives = ufunc.resolve_dtypes((*map(kind, args), None))
        return Symbol(gives, ufunc, args, takes)

    def __array_function__(self, function, types, args, options):
        if function is np.where and len(args) == 3:
            kinds = [kind(a) for a in args]
            gives = np.result_type(*[k if isinstance(k, np.dtype) else k(0) for k in kinds[1:]])
            return Symbol(gives, np.where, args, (BOOL, gives, gives))
        if function in CONSTANTS:
            return self.dtype.type(CONSTANTS[function])
        return self.dtype.type(args[1]) if function is np.full_like else NotImplemented


def kind(x):
    """What `ufunc.resolve_dtypes` wants to know of an argument."""
    if isinstance(x, Symbol) or (isinstance(x, (np.ndarray, np.generic)) and x.ndim == 0):
        return x.dtype
    if type(x) in (int, float):
        return type(x)
    raise TypeError(f"a formula with {type(x).__name__} is not traced")


def traced(formula, values, metadata):
    """-> the formula's result, its inputs (Symbols) and their type. TypeError or AttributeError if it isn't elementwise
    arithmetic in one of `FLOATS`, or one call for other numbers."""
    symbols = [Symbol(v.dtype) if type(v) is np.ndarray else v for v in values]
    result = formula(*symbols, **metadata)
    inputs = [s for s in symbols if isinstance(s, Symbol)]
    number = next((s.dtype for s in inputs if s.dtype != BOOL), BOOL)
    if not isinstance(result, Symbol) or not result.function or not (number in FLOATS or is_lone(result)):
        raise TypeError("the result is not computed from float32 or float64")
    for symbol in calls_of(result):
        arithmetic = symbol.function in ARITHMETIC and symbol.dtype == BOOL
        if arithmetic or {symbol.dtype, *symbol.takes} - {number, BOOL}:
            raise TypeError("a formula of several types is not traced")
    return result, inputs, number


def is_lone(symbol):
    """Whether it is one call for inputs."""
    return not any(isinstance(a, Symbol) and a.function for a in symbol.args)


def calls_of(result):
    """All calls that lead to `result`, each after those of its arguments."""
    found = {}

    def visit(symbol):
        if id(symbol) not in found and symbol.function:
            for a in symbol.args:
                if isinstance(a, Symbol):
                    visit(a)
            found[id(symbol)] = symbol

    visit(result)
    return list(found.values())
