"""Large arrays: a formula of the table in one pass over memory, instead of one pass an operation.

    tanh_dx = Fused(lambda g, out: g * (1 - out * out))
    tanh_dx(g, out)            # what the lambda gives, bit for bit

The formula is called once with `Symbol`s for arrays, which record what NumPy is asked to do. Of that record a `Program`
is made, one kernel: each run of operations that are simple (`EXPRESSIONS`) or formulas of ours (ufuncs.py) becomes a loop; what has no
formula is a call of a ufunc's own loop (loops.py), since Numba's would round otherwise. A formula that does anything but elementwise arithmetic cannot
be traced, and is left to NumPy, as are arrays of unequal type, or whose shapes are neither equal nor those of rows and single
numbers. A formula of one call, of any type of numbers, gains by more threads alone.

Kernels are known by their text: formulas of one form share one, in memory and in Numba's cache on disk. Compiling one
takes as long as NumPy takes for some 10**8 elements, so a formula has to earn it: see `EARNED`.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from .trace import BOOL, FLOATS, LOGICAL, Symbol, calls_of, traced

#: elements of a call from which on a formula may be fused
LARGE = 8192

#: elements of a call from which on `OneKernel` is. us, NumPy / kernel: hardswish 100: 5.5 / 1.3, but small arrays are not worth a compilation
MEDIUM = 512

#: elements from which on it is in place of one ufunc, too, which the team shares below (10**5 abs: 7.8 / 9.8 us, 10**6: 75 / 59)
HUGE = 1 << 18

#: and elements times passes saved (`Program.saves`) from which on it is: below, the start of a program (3 us) costs more.
#: us, NumPy / program: tanh's rule (saves 2) 8192: 2.5 / 3, 16384: 4 / 3.4, 65536: 14 / 6.8; that of silu (4) 8192: 6.4 / 4.6
WORTH = 1 << 15

#: elements that a formula has processed before its loops are compiled (0.2 s each, or 10 ms from the cache on disk)
EARNED = 1 << 22

#: elements that go through a kernel of several steps at a time
BLOCK = 4096

#: ns that 4 bytes of a loop take (10**5 elements: ~a 0.14, a & b 0.18, (a + b) * a 0.2), and more for each function that is not arithmetic (exp 0.3, log 0.5, tanh 0.9, pow 2.7)
LOOP, CALL = 0.17, 0.45

#: what an array is in a formula: as large as the result, repeated in each of its ROWs (the last dimensions), ONE number; and the shortest row
FULL, ROW, ONE = range(3)
SHORT = 32

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
    np.isfinite: "({0} - {0}) == ({0} - {0})",
    np.isinf: "({0} == {0}) & (({0} - {0}) != ({0} - {0}))",
    np.maximum: "{0} if ({0} > {1}) | ({0} != {0}) else {1}",
    np.minimum: "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
    np.logical_and: "{} & {}",
    np.logical_or: "{} | {}",
    np.logical_xor: "{} ^ {}",
    np.logical_not: "not {}",
    np.where: "{1} if {0} else {2}",
}
#: functions of NumPy whose loops kernels call; those of ufuncs.py are called, too, or computed in a loop
QUICK = {
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.rint),
    *(np.add, np.subtract, np.multiply, np.negative, np.absolute, np.maximum, np.minimum),
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
}
#: slow in NumPy, and how many passes of another they take (10**4 elements, us: add 0.8, sign 3.6, maximum with a number 3.2)
SLOW = {np.sign: 4, np.maximum: 4, np.minimum: 4}


@cache
def compiled(text):
    """The kernel, under a name made of its text. For Numba's cache it is a function of this file."""
    import hashlib

    from . import loops, ufuncs
    from .jit import kernel

    name = "loop_" + hashlib.sha256(text.encode()).hexdigest()[:16]
    env = {"np": np, "__name__": __name__}
    env |= {u.__name__: loops.loop(u) for u in QUICK | ufuncs.MADE if f" {u.__name__}(" in text}
    env |= {f"one_{name}": formula for name, formula in ufuncs.FORMULAS.items() if f"one_{name}(" in text}
    exec(compile(text.replace("loop", name, 1), __file__, "exec"), env)
    return kernel(nogil=True)(env[name])


class Program:
    """A traced formula as one kernel of flat arrays, `loop(*inputs, out, numbers)`: `print(program.text)`.

    steps   of lines each: loops over the elements, and calls of NumPy's loops
    saves   how many passes over memory it needs less than NumPy
    calls   how many of these take their time: exp, tanh or the like
    cost    ns an element
    least   the fewest elements for which it is worth its start: it saves enough, or the team takes pieces
    """

    def __init__(self, result, inputs, number, roles=None):
        from . import team, ufuncs  # and Numba

        self.team, self.ufuncs, self.dtype, self.number = team, ufuncs, result.dtype, number
        self.steps, self.numbers, self.scratch, self.calls = [], [], 0, 0
        self.roles = roles or (FULL,) * len(inputs)
        self.held = {id(s): f"a{i}" for i, s in enumerate(inputs)}
        self.ones = {id(s): f"s{i}" for i, s in enumerate(inputs) if self.roles[i] == ONE}
        self.compute(result, "out")
        self.saves = sum(SLOW.get(call.function, 1) for call in calls_of(result)) - len(self.steps)
        self.cost = (CALL * self.calls + LOOP * len(self.steps)) * number.itemsize / 4
        self.text = self.written()
        self.loop, self.constants = compiled(self.text), np.array(self.numbers, number)
        self.full, rows, ones = ([i for i, role in enumerate(self.roles) if role == wanted] for wanted in (FULL, ROW, ONE))
        self.repeated, self.row = rows + ones, rows[0] if rows else None
        self.is_plain = not self.repeated
        shared = team.WORTH / self.cost
        self.least = min(shared, WORTH / self.saves) if self.saves > 0 else shared

    def compute(self, symbol, place=None):
        """The name of the array that holds `symbol`, after the steps that put it there."""
        if id(symbol) in self.held:
            return self.held[id(symbol)]
        if self.expression(symbol) and self.number in FLOATS:
            step = self.loop_of(symbol)
        elif self.has_loop(symbol):
            step = [self.call_of(symbol)]
        else:
            raise TypeError(f"{symbol.function} is not called in kernels")
        place = place or self.new_scratch()
        self.steps.append([line.replace("RESULT", place) for line in step])
        self.held[id(symbol)] = place
        return place

    def expression(self, symbol):
        """What computes it of single elements, `{}` for each; None if nothing does."""
        if self.ufuncs.in_loop(symbol.function, self.number):
            return f"one_{symbol.function.__name__}({', '.join(['{}'] * symbol.function.nin)})"
        return EXPRESSIONS.get(symbol.function)

    def has_loop(self, symbol):
        """Whether a kernel can call the ufunc's own loop."""
        from .loops import named

        known = symbol.function in QUICK | self.ufuncs.MADE and set(symbol.takes) == {self.number}
        return known and symbol.dtype in (self.number, BOOL) and named(symbol.function, self.number.char, symbol.dtype.char) is not None

    def new_scratch(self):
        self.scratch += 1
        return f"t{self.scratch - 1}"

    def constant(self, value):
        self.numbers.append(value)
        return f"c{len(self.numbers) - 1}"

    def call_of(self, symbol):
        """A call of one of NumPy's loops; its numbers are arrays of one element."""
        args = []
        for a in symbol.args:
            if id(a) in self.ones:
                args.append(f"a{self.ones[id(a)][1:]}")
            elif isinstance(a, Symbol):
                args.append(self.compute(a))
            else:
                i = int(self.constant(a)[1:])
                args.append(f"c[{i} : {i + 1}]")
        self.calls += symbol.function in self.ufuncs.MADE
        return f"{symbol.function.__name__}({', '.join(args)}, RESULT)"

    def loop_of(self, result):
        """The lines of a loop that computes `result` from arrays that are held."""
        lines, names = [], {}

        def define(x, value):
            names[id(x)] = f"v{len(lines)}"
            lines.append(f"    v{len(lines)} = {value}")

        def name(x, takes):
            if not isinstance(x, Symbol):
                return self.constant(x)
            if id(x) in names:
                pass
            elif id(x) in self.ones:
                names[id(x)] = self.ones[id(x)]
            elif id(x) in self.held or not self.expression(x):
                define(x, f"{self.compute(x)}[i]")
            else:
                logical = x.function in LOGICAL
                args = [name(a, BOOL if logical else t) for a, t in zip(x.args, x.takes, strict=True)]
                define(x, self.expression(x).format(*args))
                self.calls += x.function in self.ufuncs.MADE
            if x.dtype == takes:
                return names[id(x)]
            return f"({names[id(x)]} != zero)" if takes == BOOL else f"number({names[id(x)]})"

        last = name(result, result.dtype)
        return ["for i in range(n):", *lines, f"    RESULT[i] = {last}"]

    def named(self, *roles):
        return [f"a{i}" for i, role in enumerate(self.roles) if role in roles]

    def written(self):
        """The text of the kernel: of all elements if it is one loop, else of so many at a time as stay in the fastest cache; of matrices
        row by row if there is something to be repeated in each."""
        arrays = [*self.named(FULL), "out"]
        head = [
            f"def loop({', '.join([*arrays, 'c', *self.named(ROW, ONE)])}):",
            "number = c.dtype.type",
            "zero, one = number(0), number(1)",
            *[f"c{i} = c[{i}]" for i in range(len(self.numbers))],
            *[f"s{a[1:]} = {a}[0]" for a in self.named(ONE)],
        ]
        lines = [line for step in self.steps for line in step]
        if len(self.steps) == 1 and ROW not in self.roles:
            return "\n    ".join([*head, "n = out.size", *lines])
        scratch = [f"t{i}" for i in range(self.scratch)]
        head += [f"all_{a} = {a}" for a in arrays]
        if ROW in self.roles:
            head += [f"{t} = np.empty(out.shape[1], c.dtype)" for t in scratch] + ["for row in range(all_out.shape[0]):"]
            block = ["n = all_out.shape[1]", *[f"{a} = all_{a}[row]" for a in arrays]]
            return "\n    ".join([*head, *["    " + line for line in block + lines]])
        head += [f"all_{t} = np.empty(min(out.size, {BLOCK}), c.dtype)" for t in scratch]
        head += [f"for start in range(0, all_out.size, {BLOCK}):"]
        block = [f"n = min({BLOCK}, all_out.size - start)"]
        block += [f"{a} = all_{a}[start : start + n]" for a in arrays] + [f"{t} = all_{t}[:n]" for t in scratch]
        return "\n    ".join([*head, *["    " + line for line in block + lines]])

    def function(self):
        """The same as a built-in function, which looks itself whether its one or two arrays are plain and of one shape; NotImplemented if not."""
        from . import direct

        return direct.of_program(self)

    def __call__(self, arrays):
        full = arrays if self.is_plain else [arrays[i] for i in self.full]
        out = np.empty(full[0].shape, self.dtype)
        if self.row is None:
            flat = [*[a.ravel() for a in full], out.ravel()]
        else:
            shape = (-1, arrays[self.row].size)
            flat = [a.reshape(shape) for a in (*full, out)]
        others = (self.constants,) if self.is_plain else (self.constants, *[arrays[i].ravel() for i in self.repeated])
        self.team.run(self.loop, flat, others, self.cost / len(flat))
        return out


@cache
def roles_of(shapes):
    """The role of each array of unequal shapes in a formula, or None: NumPy knows better."""
    full = max(shapes, key=math.prod)
    roles, rows = [], set()
    for shape in shapes:
        size = math.prod(shape)
        own = next((i for i, n in enumerate(shape) if n > 1), len(shape))  # before it are dimensions of 1
        if len(shape) > len(full):
            return None
        if shape == full:
            roles.append(FULL)
        elif size == 1:
            roles.append(ONE)
        elif shape[own:] == full[len(full) - len(shape) + own :] and size >= SHORT:
            roles.append(ROW)
            rows.add(size)
        else:
            return None
    return tuple(roles) if len(rows) <= 1 else None


class Fused:
    """The formula itself, with a program in its place where that is faster. Called as the formula is.

    seen    elements that it has processed
    least   the fewest elements for which one of the programs is worth it
    """

    def __init__(self, formula):
        self.formula, self.programs, self.seen, self.least = formula, {}, 0, 0

    def __call__(self, *values, **metadata):
        arrays = [v for v in values if type(v) is np.ndarray]
        size, shape, roles = arrays[0].size, arrays[0].shape, None
        for a in arrays:
            if a.shape != shape:
                size, shape = max(size, a.size), None
        self.seen += size
        if size < self.least or self.seen < EARNED:
            return self.formula(*values, **metadata)
        for i, a in enumerate(arrays):
            if not a.flags.carray:  # writeable, too, or Numba would compile anew
                if any(a.strides) or not any(b.shape == a.shape and b.flags.carray for b in arrays):
                    return self.formula(*values, **metadata)
                arrays[i], shape = a[(slice(1),) * a.ndim].copy(), None  # one number, expanded, as the gradient of a sum is
        if shape is None:
            roles = roles_of(tuple([a.shape for a in arrays]))
        program = self.program(values, metadata, roles) if roles or shape is not None else None
        if program is None or size < program.least:
            return self.formula(*values, **metadata)
        return program(arrays)

    def program(self, values, metadata, roles=None):
        """The program for arrays of these types and for these numbers. None if there is none."""
        key = (*[v.dtype if type(v) is np.ndarray else v for v in values], *metadata.items(), roles)
        try:
            if key in self.programs:
                return self.programs[key]
        except TypeError:  # a list among the numbers: no elementwise formula takes one
            return None
        if len(self.programs) < PROGRAMS:
            self.programs[key] = self.made(values, metadata, roles)
            self.least = min([0 if program is None else program.least for program in self.programs.values()])
        return self.programs.get(key)

    def made(self, values, metadata, roles):
        try:
            result, inputs, number = traced(self.formula, values, metadata)
            used = {id(a) for call in calls_of(result) for a in call.args}
            if roles and not any(role == FULL and id(x) in used for x, role in zip(inputs, roles, strict=True)):
                return None  # the result is smaller
            return Program(result, inputs, number, roles)
        except (TypeError, AttributeError, OverflowError):  # not elementwise arithmetic, or a number that is no element
            return None


def for_large(formula):
    """`Fused(formula)`; `lambda g: g` itself."""
    return formula if getattr(formula, "__code__", for_large.__code__).co_code == (lambda g: g).__code__.co_code else Fused(formula)


class OneKernel:
    """A formula of one or two floating arrays of one shape, and of numbers, as one kernel, compiled at its first use:
    `kernel(arrays, numbers)`. NotImplemented for others. From MEDIUM elements on it's faster than the formula if that has a few steps."""

    def __init__(self, formula):
        self.formula, self.functions = formula, {}

    def __call__(self, arrays, numbers):
        try:
            function = self.functions.get((arrays[0].dtype, *numbers.values()))
        except TypeError:  # what cannot be hashed is no number
            return NotImplemented
        return self.made(arrays, numbers) if function is None else function(*arrays)

    def made(self, arrays, numbers):
        x = arrays[0]
        if x.dtype not in FLOATS or len(self.functions) == PROGRAMS or any(a.dtype is not x.dtype or a.shape != x.shape for a in arrays):
            return NotImplemented
        function = Program(*traced(self.formula, arrays, numbers)).function()
        self.functions[x.dtype, *numbers.values()] = function
        return function(*arrays)


def one_loop(rule):
    """A backward for `fused=(None, one_loop(rule))`: a rule of `g` and `out` as one kernel, for the activations that every network
    calls, on arrays of any size (32x16, relu: 2.4 us in NumPy, 0.3 here)."""
    functions = {}

    def backward(g, out):
        function = functions.get(out.itemsize)
        if function is None:
            if out.itemsize < 4:
                return NotImplemented
            example = np.ones(1, out.dtype)
            function = functions[out.itemsize] = Program(*traced(rule, (example, example), {})).function()
        dx = function(g, out)
        return dx if dx is NotImplemented else (dx,)

    return backward
