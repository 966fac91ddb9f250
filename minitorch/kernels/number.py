"""Formulas of one number, as part of a loop: `exp = formula(single, double)` is for kernels what `exp` is for them.

A formula is called once with a `Number`, whose arithmetic writes the instructions of LLVM for it. It has no branch and no call, but
`where`, so that a loop of it vectorises; and it becomes part of the kernel that names it, without a function of Numba's, each of which
takes 0.1 s to compile. Called with numbers of NumPy it gives what the kernel gives. Numbers are float32 or float64 throughout: a constant
takes the type of what it meets.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .fma import exact_fma

I32, I64, SINGLE, DOUBLE = ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
#: the bits of sqrt(1/2) as a float32
ROOT = 0x3F3504F3


class Number:
    """A float32, a float64 or a truth, while code is written."""

    __slots__ = ("builder", "ir")

    def __init__(self, builder, value):
        self.builder, self.ir = builder, value

    def like(self, x):
        """x as LLVM has it, in this number's type."""
        return x.ir if isinstance(x, Number) else ir.Constant(self.ir.type, float(x))

    def of(self, value):
        return Number(self.builder, value)

    def intrinsic(self, name, *others):
        """What LLVM's function of this name gives for numbers of this type."""
        kind, given = self.ir.type, [self.ir, *map(self.like, others)]
        function = self.builder.module.declare_intrinsic(f"llvm.{name}", [kind], ir.FunctionType(kind, [kind] * len(given)))
        return self.of(self.builder.call(function, given))

    def __neg__(self):
        return self.of(self.builder.fneg(self.ir))

    def __and__(self, other):
        return self.of(self.builder.and_(self.ir, other.ir))

    def __or__(self, other):
        return self.of(self.builder.or_(self.ir, other.ir))


def _arithmetic(name, instruction):
    def forward(self, other):
        return self.of(getattr(self.builder, instruction)(self.ir, self.like(other)))

    def backward(self, other):
        return self.of(getattr(self.builder, instruction)(self.like(other), self.ir))

    setattr(Number, f"__{name}__", forward)
    setattr(Number, f"__r{name}__", backward)


def _comparison(name, sign):
    compare = "fcmp_unordered" if name == "ne" else "fcmp_ordered"
    setattr(Number, f"__{name}__", lambda self, other: self.of(getattr(self.builder, compare)(sign, self.ir, self.like(other))))


for _name, _instruction in dict(add="fadd", sub="fsub", mul="fmul", truediv="fdiv").items():
    _arithmetic(_name, _instruction)
for _name, _sign in dict(lt="<", le="<=", gt=">", ge=">=", eq="==", ne="!=").items():
    _comparison(_name, _sign)


def where(condition, x, y):
    """x if the condition is true, else y; one of them may be a constant."""
    if not isinstance(condition, Number):
        chosen, other = (x, y) if condition else (y, x)
        return type(other)(chosen) if type(chosen) is float else chosen
    some = x if isinstance(x, Number) else y
    if not isinstance(some, Number):
        raise TypeError(f"a formula chooses between the constants {x} and {y}: what is their type?")
    return some.of(some.builder.select(condition.ir, some.like(x), some.like(y)))


def _function(name, numpys):
    """What LLVM has under a name, NumPy's of NumPy's numbers."""

    def function(x, *others):
        return x.intrinsic(name, *others) if isinstance(x, Number) else numpys(x, *others)

    return function


absolute, sqrt, floor = _function("fabs", abs), _function("sqrt", np.sqrt), _function("floor", np.floor)
rint, trunc, copysign = _function("rint", np.rint), _function("trunc", np.trunc), _function("copysign", np.copysign)


def fma(a, b, c):
    """a * b + c with one rounding"""
    some = next((x for x in (a, b, c) if isinstance(x, Number)), None)
    if some is None:
        kind = next(type(x) for x in (a, b, c) if type(x) is not float)
        return exact_fma(kind(a), kind(b), kind(c))
    return some.of(some.builder.fma(*map(some.like, (a, b, c))))


def signbit(x):
    """Whether there is a minus before it, also of 0 and NaN."""
    if not isinstance(x, Number):
        return np.signbit(x)
    whole = I64 if x.ir.type == DOUBLE else I32
    return x.of(x.builder.icmp_signed("<", x.builder.bitcast(x.ir, whole), whole(0)))


def is_odd(k):
    """Whether a whole number is odd."""
    half = k * 0.5
    return floor(half) != half


def between(x, low, high):
    """x, but no less than `low` and no more than `high`; `low` of NaN"""
    x = where(x > low, x, low)
    return where(x < high, x, high)


def double(x):
    """The float64 that a float32 is."""
    return x.of(x.builder.fpext(x.ir, DOUBLE)) if isinstance(x, Number) else np.float64(x)


def single(x):
    """The float32 that is nearest to a float64."""
    return x.of(x.builder.fptrunc(x.ir, SINGLE)) if isinstance(x, Number) else np.float32(x)


def power2(k):
    """2 ** k of a whole number, where that is neither infinite nor denormal"""
    if not isinstance(k, Number):
        return np.ldexp(type(k)(1), int(k))
    builder = k.builder
    word, bias, shift = (I64, 1023, 52) if k.ir.type == DOUBLE else (I32, 127, 23)
    whole = builder.fptosi(k.ir, I32)  # there is no AVX2 instruction from float64 to int64
    whole = builder.sext(whole, word) if word == I64 else whole
    return k.of(builder.bitcast(builder.shl(builder.add(whole, word(bias)), word(shift)), k.ir.type))


def split(x):
    """k and m with x = 2 ** k * m, sqrt(1/2) <= m < sqrt(2), of a positive, normal float32"""
    if not isinstance(x, Number):
        fraction, k = np.frexp(x)
        k -= fraction < np.sqrt(0.5)
        return np.float32(k), np.ldexp(x, -k)
    builder, bits = x.builder, x.builder.bitcast(x.ir, I32)
    k = builder.lshr(builder.sub(bits, I32(ROOT - (127 << 23))), I32(23))
    k = builder.sub(k, I32(127))
    m = builder.sub(bits, builder.shl(k, I32(23)))
    return x.of(builder.sitofp(k, SINGLE)), x.of(builder.bitcast(m, SINGLE))


def library(name):
    """A formula that is a call of C's function of float64."""

    def call(x):
        if not isinstance(x, Number):
            return getattr(math, name)(x)
        function = cgutils.get_or_insert_function(x.builder.module, ir.FunctionType(DOUBLE, [DOUBLE]), name)
        return x.of(x.builder.call(function, [x.ir]))

    return call


def formula(of_single, of_double=None):
    """A function for kernels: `of_single` of float32, `of_double` of float64."""
    choice = {types.float32: of_single, types.float64: of_double}

    def typed(kind, *more):
        chosen = choice.get(kind)
        if chosen is None or {kind, *more} != {kind}:
            return None
        return kind(kind, *more), lambda context, builder, signature, args: chosen(*[Number(builder, a) for a in args]).ir

    if numba.config.DISABLE_JIT:
        return lambda *x: choice[types.float32 if type(x[0]) is np.float32 else types.float64](*x)
    if of_single.__code__.co_argcount == 1:
        return intrinsic(lambda typing_context, x: typed(x))
    return intrinsic(lambda typing_context, x, y: typed(x, y))


if numba.config.DISABLE_JIT:

    def ordered(x):
        """A float, in the order of the floats."""
        return x

else:

    @intrinsic
    def ordered(typing_context, x):
        """A float as a whole number, in the order of the floats; and of that the float."""
        pairs = {types.float32: types.int32, types.float64: types.int64}
        pairs |= {whole: number for number, whole in pairs.items()}

        def generate(context, builder, signature, args):
            word = ir.IntType(x.bitwidth)
            bits = builder.bitcast(args[0], word)
            turned = builder.and_(builder.ashr(bits, word(x.bitwidth - 1)), word(2 ** (x.bitwidth - 1) - 1))  # of negative ones all but the sign
            return builder.bitcast(builder.xor(bits, turned), context.get_value_type(pairs[x]))

        return pairs[x](x), generate
