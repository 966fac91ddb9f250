"""Large arrays: a formula of the table in one pass over memory, instead of one pass an operation.

    tanh_dx = Fused(lambda g, out: g * (1 - out * out))
    tanh_dx(g, out)            # what the lambda gives, bit for bit

The formula is called once with `Symbol`s for arrays, which record what NumPy is asked to do. Of that record a `Program`
is made: each run of simple operations (`EXPRESSIONS`) becomes a Numba loop; exp, tanh and the like remain the calls of
NumPy that they were, since Numba's would round otherwise. A formula that does anything but elementwise arithmetic cannot
be traced, and is left to NumPy, as are arrays of unequal shape or type.

One call alone, of any type of numbers, is left to NumPy too, but large arrays of it are shared between threads.

Loops are known by their text: formulas of one form share a loop, in memory and in Numba's cache on disk. Compiling one
takes as long as NumPy takes for some 10**8 elements, so a formula has to earn it: see `EARNED`.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from . import threads

#: elements of a call from which on a formula may be fused
LARGE = 8192

#: and elements times passes saved (`Program.saves`) from which on it is: below, the start of a program (3 us) costs more.
#: us, NumPy / program: tanh's rule (saves 2) 4096: 2.9 / 3.9, 16384: 5.8 / 5.1, 10**6: 300 / 160;
#: relu's (saves 5) 4096: 6.2 / 3.9, 16384: 18 / 5, 10**6: 3980 / 174
WORTH = 1 << 14

#: elements that a formula has processed before its loops are compiled (0.2 s each, or 10 ms from the cache on disk)
EARNED = 1 << 22

#: ns that 4 bytes of a loop take (a + b: 0.13), and of a call of NumPy's that is none (exp 0.45, log 0.37, tanh 0.36, sin 0.51, pow 0.69)
LOOP, CALL = 0.15, 0.45

#: programs that one formula may have: one for each type, and for each value of its numbers; more are left to NumPy
PROGRAMS = 8

#: NumPy's function -> the same for single elements, equal to the last bit; `zero` and `one` are of the array's type
EXPRESSIONS = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.divide: "{} / {}",
    np.negative: "-{}",
    np.absolute: "abs({})",
    np.square: "{0} * {0}",
    np.reciprocal: "one / {}",
    np.sqrt: "np.sqrt({})",
    np.floor: "np.floor({})",
    np.ceil: "np.ceil({})",
    np.trunc: "np.trunc({})",
    np.sign: "one if {0} > zero else -one if {0} < zero else {0} + zero",
    np.greater: "{} > {}",
    np.greater_equal: "{} >= {}",
    np.less: "{} < {}",
    np.less_equal: "{} <= {}",
    np.equal: "{} == {}",
    np.not_equal: "{} != {}",
    np.isnan: "{0} != {0}",
    np.maximum: "{0} if ({0} > {1}) | ({0} != {0}) else {1}",
    np.minimum: "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
    np.logical_and: "{} & {}",
    np.logical_or: "{} | {}",
    np.logical_xor: "{} ^ {}",
    np.logical_not: "not {}",
    np.where: "{1} if {0} else {2}",
}
#: calls of NumPy's that take no longer than a loop
QUICK = {np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.rint}
ARITHMETIC = {np.add, np.subtract, np.multiply, np.negative, np.absolute, np.maximum, np.minimum}
LOGICAL = {np.logical_and, np.logical_or, np.logical_xor, np.logical_not}
CONSTANTS = {np.zeros_like: 0.0, np.ones_like: 1.0}
#: slow in NumPy, and how many passes of another they take (10**5 elements, us: where 350, ours 20; maximum with a number 38,
#: logical_and 88, sign 43)
SLOW = dict.fromkeys(LOGICAL, 4) | {np.where: 5, np.sign: 2, np.maximum: 2, np.minimum: 2}
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


def loop_of(result, held):
    """The text of a loop that computes `result`; the arrays that it reads, of those held; its numbers."""
    reads, numbers, lines, names = [], [], [], {}

    def define(x, value):
        names[id(x)] = f"v{len(lines)}"
        lines.append(f"    v{len(lines)} = {value}")

    def name(x, takes):
        if not isinstance(x, Symbol):
            numbers.append(x)
            return f"c{len(numbers) - 1}"
        if id(x) in names:
            pass
        elif id(x) in held or x.function not in EXPRESSIONS:
            define(x, f"a{len(reads)}[i]")
            reads.append(x)
        else:
            logical = x.function in LOGICAL
            args = [name(a, BOOL if logical else t) for a, t in zip(x.args, x.takes, strict=True)]
            define(x, EXPRESSIONS[x.function].format(*args))
        if x.dtype == takes:
            return names[id(x)]
        return f"({names[id(x)]} != zero)" if takes == BOOL else f"number({names[id(x)]})"

    last = name(result, result.dtype)
    lines = [
        f"def loop(c, {''.join(f'a{i}, ' for i in range(len(reads)))}out):",
        "number = c.dtype.type",
        "zero, one = number(0), number(1)",
        *[f"c{i} = c[{i}]" for i in range(len(numbers))],
        "for i in range(out.size):",
        *lines,
        f"    out[i] = {last}",
    ]
    return "\n    ".join(lines), reads, numbers


@cache
def compiled(text):
    """The loop, under a name made of its text. For Numba's cache it is a function of this file."""
    import hashlib

    from .jit import kernel

    name = "loop_" + hashlib.sha256(text.encode()).hexdigest()[:16]
    env = {"np": np, "__name__": __name__}
    exec(compile(text.replace("loop", name, 1), __file__, "exec"), env)
    return kernel(nogil=True)(env[name])


class Program:
    """A traced formula as steps, Numba loops and calls of NumPy, on one-dimensional arrays: `print(program.source)`.

    saves  how many passes over memory it needs less than NumPy. (None: it is one call, of which threads may share the elements.)
    cost   ns an element
    """

    def __init__(self, result, inputs, number):
        self.dtype, self.number = result.dtype, number
        self.lines, self.scratch, self.env = [], [], {"__name__": __name__}
        self.held = {id(s): f"a{i}" for i, s in enumerate(inputs)}
        self.compute(result, "out")
        names = [f"a{i}" for i in range(len(inputs))] + ["out"] + [f"t{i}" for i in range(len(self.scratch))]
        self.source = "\n    ".join([f"def run({', '.join(names)}):", *self.lines])
        calls = calls_of(result)
        self.saves = sum(SLOW.get(call.function, 1) for call in calls) - len(self.lines)
        slow_calls = sum(call.function not in EXPRESSIONS and call.function not in QUICK for call in calls)
        self.cost = (CALL * slow_calls + LOOP * (len(self.lines) - slow_calls)) * number.itemsize / 4
        exec(compile(self.source, "<minitorch program>", "exec"), self.env)
        self.run = self.env["run"]

    def compute(self, symbol, place=None):
        """The name of the array that holds `symbol`, after the steps that put it there."""
        if id(symbol) in self.held:
            return self.held[id(symbol)]
        if self.is_call(symbol):
            args = [self.compute(a) if isinstance(a, Symbol) else self.name(a) for a in symbol.args]
            args.insert(0, self.name(symbol.function))
        else:
            text, reads, numbers = loop_of(symbol, self.held)
            args = [self.name(compiled(text)), self.name(np.array(numbers, self.number))]
            args += [self.compute(x) for x in reads]
        if place is None:
            place = f"t{len(self.scratch)}"
            self.scratch.append(symbol.dtype)
        self.lines.append(f"{args[0]}({', '.join([*args[1:], place])})")
        self.held[id(symbol)] = place
        return place

    def is_call(self, symbol):
        """Whether NumPy computes it: it is no expression, or nothing but one."""
        alone = all(not isinstance(a, Symbol) or id(a) in self.held for a in symbol.args)
        return symbol.function not in EXPRESSIONS or self.number not in FLOATS or (alone and symbol.function not in SLOW)

    def name(self, value):
        self.env[f"k{len(self.env)}"] = value
        return f"k{len(self.env) - 1}"

    def __call__(self, arrays):
        out = np.empty(arrays[0].shape, self.dtype)
        flat = [a.reshape(-1) for a in (*arrays, out)]
        if self.is_shared(out.size):
            threads.run(self.piece, flat, cost=self.cost / len(flat))
        else:
            self.piece(*flat)
        return out

    def is_shared(self, size):
        """Whether so many elements are cut into pieces: for several threads, and so that a step finds in the cache what the one
        before left."""
        return size * self.cost >= threads.WORTH

    def piece(self, *flat):
        self.run(*flat, *[np.empty(flat[0].size, dtype) for dtype in self.scratch])


class Fused:
    """The formula itself, with a program in its place where that is faster. Called as the formula is."""

    def __init__(self, formula):
        self.formula, self.programs, self.seen = formula, {}, 0

    def __call__(self, *values, **metadata):
        arrays = [v for v in values if type(v) is np.ndarray]
        shape, size = arrays[0].shape, arrays[0].size
        for a in arrays:
            if a.shape != shape or not a.flags.carray:  # which is writeable, too: or Numba would compile anew
                return self.formula(*values, **metadata)
        self.seen += size
        program = self.program(values, metadata) if self.seen >= EARNED else None
        if program is None or (size * program.saves < WORTH and not program.is_shared(size)):
            return self.formula(*values, **metadata)
        return program(arrays)

    def program(self, values, metadata):
        """The program for arrays of these types and for these numbers. None if there is none."""
        key = (*[v.dtype if type(v) is np.ndarray else v for v in values], *metadata.items())
        try:
            if key in self.programs:
                return self.programs[key]
        except TypeError:  # a list among the numbers: no elementwise formula takes one
            return None
        if len(self.programs) < PROGRAMS:
            self.programs[key] = self.made(values, metadata)
        return self.programs.get(key)

    def made(self, values, metadata):
        try:
            result = traced(self.formula, values, metadata)
        except (TypeError, AttributeError):  # not elementwise arithmetic
            return None
        return Program(*result)


def one_loop(rule):
    """A backward for `fused=(None, one_loop(rule))`: a rule of `g` and `out` as one loop, compiled at its first use. For the
    activations that every network calls, on arrays below LARGE (32x16, relu: 2.4 us in NumPy, 0.9 here); above, `Fused` decides.
    """
    runs = {}

    def backward(g, out):
        if out.size >= LARGE or out.itemsize < 4:
            return NotImplemented
        run = runs.get(out.itemsize)
        if run is None:
            example = np.ones(1, out.dtype)
            run = runs[out.itemsize] = Program(*traced(rule, (example, example), {})).run
        dx = np.empty(out.shape, out.dtype)
        run(g.ravel(), out.ravel(), dx.ravel())
        return (dx,)

    return backward
