"""The loops of torch's CPU random numbers: the Mersenne Twister and what its 32-bit outputs become.

Every kernel reads `draws`, outputs of the engine as uint32, and fills `out`, a contiguous 1-d array.
`Generator` decides which kernel runs and how many draws it gets. Where a comment says FMA, GCC fuses the
product and the sum in torch's AVX2 and AVX512 builds; all other products and sums round separately. Source:
aten/src/ATen/core/{MT19937RNGEngine,TransformationHelper,DistributionsHelper}.h,
native/cpu/DistributionTemplates.h.
"""

from __future__ import annotations

import math

import numpy as np

from .fma import fma
from .jit import kernel

# --- the engine: Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998)

N, M = 624, 397
UPPER, LOWER, MATRIX = np.uint32(0x80000000), np.uint32(0x7FFFFFFF), np.uint32(0x9908B0DF)
TEMPER_B, TEMPER_C = np.uint32(0x9D2C5680), np.uint32(0xEFC60000)
U1, U7, U11, U15, U18 = (np.uint32(k) for k in (1, 7, 11, 15, 18))


@kernel(inner=True)
def _twist(word, following, source):
    y = (word & UPPER) | (following & LOWER)
    return source ^ (y >> U1) ^ ((y & U1) * MATRIX)


@kernel(inner=True)
def _next_block(words):
    """The next 624 words. Indices of one array, not slices: so these loops vectorise (five times faster)."""
    for i in range(N - M):
        words[i] = _twist(words[i], words[i + 1], words[i + M])
    for i in range(N - M, N - 1):
        words[i] = _twist(words[i], words[i + 1], words[i - (N - M)])
    words[N - 1] = _twist(words[N - 1], words[0], words[M - 1])


@kernel(inner=True)
def _temper(words, draws):
    for i in range(draws.size):
        y = words[i]
        y ^= y >> U11
        y ^= (y << U7) & TEMPER_B
        y ^= (y << U15) & TEMPER_C
        draws[i] = y ^ (y >> U18)


@kernel
def mt19937(words, position, draws):
    """Fills `draws` (uint32) with the next outputs; `words` (uint32[624]) moves on; returns the new position,
    0 .. 624."""
    filled = 0
    while filled < draws.size:
        if position == N:
            _next_block(words)
            position = 0
        count = min(N - position, draws.size - filled)
        _temper(words[position : position + count], draws[filled : filled + count])
        position += count
        filled += count
    return position


# --- uniforms

MASK24, MASK53, U32 = np.uint32(2**24 - 1), np.uint64(2**53 - 1), np.uint64(32)
EPS24, EPS53 = np.float32(2.0**-24), np.float64(2.0**-53)


@kernel(inner=True)
def _word64(draws, i):
    """The i-th pair of draws as one 64-bit integer; the first draw is the high word."""
    return (np.uint64(draws[2 * i]) << U32) | np.uint64(draws[2 * i + 1])


@kernel(inner=True)
def _unit32(draw):
    """A float32 in [0, 1) with 24 random bits."""
    return np.float32(np.int32(draw & MASK24)) * EPS24


@kernel(inner=True)
def _unit64(draws, i):
    """A float64 in [0, 1) with 53 random bits, from the i-th pair of draws."""
    return np.float64(np.int64(_word64(draws, i) & MASK53)) * EPS53


@kernel
def uniform_f32(draws, out, low, high):
    """out = fma(u, high - low, low), and `low` where that rounds to `high`; everything float32, one draw
    each."""
    low, high = np.float32(low), np.float32(high)
    width = high - low
    for i in range(out.size):
        x = fma(_unit32(draws[i]), width, low)
        out[i] = low if x == high else x


@kernel
def uniform_f64(draws, out, low, high):
    """As `uniform_f32` in float64, two draws each."""
    width = high - low
    for i in range(out.size):
        x = fma(_unit64(draws, i), width, low)
        out[i] = low if x == high else x


# --- normals

TWO_PI = 2.0 * math.pi


@kernel
def normal_pairs(draws, out, mean, std):
    """out = fma(z, std, mean), the z of Box and Muller in float64, in the order cosine, sine; four draws a
    pair.

    Returns the last sine, unscaled: with an odd `out` it is the generator's next normal.
    """
    spare = 0.0
    for i in range((out.size + 1) // 2):
        angle = TWO_PI * _unit64(draws, 2 * i)
        radius = math.sqrt(-2.0 * math.log1p(-_unit64(draws, 2 * i + 1)))
        spare = radius * math.sin(angle)
        out[2 * i] = fma(radius * math.cos(angle), std, mean)
        if 2 * i + 1 < out.size:
            out[2 * i + 1] = fma(spare, std, mean)
    return spare


@kernel
def scale_one(z, out, mean, std):
    """out[0] = fma(z, std, mean), in float64 and then cast: the cached normal."""
    out[0] = fma(z, std, mean)


@kernel
def normal_blocks_f64(draws, out, mean, std):
    """Blocks of 16 uniforms, two draws each, made normal: the first 8 give the radius, the last 8 the
    angle."""
    for block in range(0, out.size, 16):
        for i in range(block, block + 8):
            radius = math.sqrt(-2.0 * math.log(1.0 - _unit64(draws, i)))
            angle = TWO_PI * _unit64(draws, i + 8)
            out[i] = fma(radius * math.cos(angle), std, mean)
            out[i + 8] = fma(radius * math.sin(angle), std, mean)


# Polynomials of the Cephes library by Stephen L. Moshier (https://www.netlib.org/cephes/), in the arrangement
# of Julien Pommier's sse_mathfun / Giovanni Garberoglio's avx_mathfun, which torch's vectorised normals use.
F0, F1, F2, HALF = (np.float32(c) for c in (0.0, 1.0, 2.0, 0.5))
SQRT_HALF, LOG2_LOW, LOG2_HIGH = (
    np.float32(0.707106781186547524),
    np.float32(-2.12194440e-4),
    np.float32(0.693359375),
)
LOG0, LOG1, LOG2, LOG3, LOG4, LOG5, LOG6, LOG7, LOG8 = (
    np.float32(c)
    for c in (
        7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    )
)  # fmt: skip
FOUR_OVER_PI, TWO_PI_F32 = np.float32(1.27323954473516), np.float32(TWO_PI)
DP1, DP2, DP3 = (np.float32(c) for c in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8))
COS0, COS1, COS2 = (
    np.float32(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
)
SIN0, SIN1, SIN2 = (np.float32(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))
MANTISSA, HALF_BITS, I1, I2, I4, I23, I126 = (np.int32(k) for k in (0x7FFFFF, 0x3F000000, 1, 2, 4, 23, 126))


@kernel(inner=True)
def _log_f32(x):
    """log(x) of a normal float32 x > 0: Cephes' logf with FMA. No branches, so that the loop around it
    vectorises."""
    bits = np.float32(x).view(np.int32)
    m = np.int32((bits & MANTISSA) | HALF_BITS).view(np.float32)  # in [0.5, 1)
    small = m < SQRT_HALF
    e = np.float32(np.int32((bits >> I23) - I126)) - (F1 if small else F0)
    x = (m - F1) + (m if small else F0)
    z = x * x
    y = fma(LOG0, x, LOG1)
    y = fma(y, x, LOG2)
    y = fma(y, x, LOG3)
    y = fma(y, x, LOG4)
    y = fma(y, x, LOG5)
    y = fma(y, x, LOG6)
    y = fma(y, x, LOG7)
    y = fma(y, x, LOG8)
    y = fma(y * x, z, e * LOG2_LOW) - HALF * z
    return fma(e, LOG2_HIGH, x + y)


@kernel(inner=True)
def _sincos_f32(x):
    """(sin(x), cos(x)) of a float32 x >= 0: Cephes' sinf and cosf with FMA."""
    octant = (np.int32(x * FOUR_OVER_PI) + I1) & ~I1
    y = np.float32(np.int32(octant))
    x = fma(y, DP3, fma(y, DP2, fma(y, DP1, x)))
    z = x * x
    c = fma(fma(COS0, z, COS1), z, COS2)
    c = fma(c * z, z, -HALF * z) + F1
    s = fma(fma(SIN0, z, SIN1), z, SIN2)
    s = fma(s * z, x, x)
    swap = (octant & I2) != 0
    sine, cosine = (c if swap else s), (s if swap else c)
    return (
        -sine if (octant & I4) != 0 else sine,
        -cosine if ((octant - I2) & I4) == 0 else cosine,
    )


@kernel
def normal_blocks_f32(draws, out, mean, std):
    """As `normal_blocks_f64` in float32, one draw a value, with the polynomials above for log, sin and
    cos."""
    # Of plain arrays instead of blocks the middle loop vectorises: 5 times faster.
    mean, std = np.float32(mean), np.float32(std)
    half = out.size // 2
    first, second = np.empty(half, np.uint32), np.empty(half, np.uint32)
    sines, cosines = np.empty(half, np.float32), np.empty(half, np.float32)
    for i in range(half):
        first[i] = draws[i + (i & ~7)]
        second[i] = draws[i + (i & ~7) + 8]
    for i in range(half):
        radius = np.sqrt(-F2 * _log_f32(F1 - _unit32(first[i])))
        sine, cosine = _sincos_f32(TWO_PI_F32 * _unit32(second[i]))
        cosines[i] = fma(radius * cosine, std, mean)
        sines[i] = fma(radius * sine, std, mean)
    for i in range(half):
        out[i + (i & ~7)] = cosines[i]
        out[i + (i & ~7) + 8] = sines[i]


# --- integers


@kernel
def integers_32(draws, out, span, low):
    """out = draw % span + low; one draw each; span < 2**32."""
    span = np.uint32(span)
    for i in range(out.size):
        out[i] = np.int64(draws[i] % span) + low


@kernel
def integers_64(draws, out, span, low):
    """out = draw % span + low modulo 2**64; two draws each; span uint64 (0: the full range), low int64."""
    for i in range(out.size):
        word = _word64(draws, i)
        if span != 0:
            word = word % span
        out[i] = np.int64(word) + low


@kernel
def permute(draws, perm):
    """perm[i] <-> perm[i + draw % (n - i)] for i = 0 .. n - 2: Fisher and Yates; n - 1 draws."""
    n = perm.size
    for i in range(n - 1):
        j = i + np.int64(draws[i] % np.uint32(n - i))
        perm[i], perm[j] = perm[j], perm[i]


# --- the others: float64, then cast


@kernel
def bernoulli(draws, out, p, one):
    """out = one where u < p, else 0, with a float64 u; two draws each. Compared as integers, u * 2**53 and p * 2**53, which vectorises."""
    limit, one = np.int64(math.ceil(p / EPS53)), out.dtype.type(one)
    for i in range(out.size):
        out[i] = one if np.int64(_word64(draws, i) & MASK53) < limit else out.dtype.type(0)


@kernel
def bernoulli_p32(draws, out, p):
    """out = u < p elementwise with a float32 u; one draw each; p float32[n]."""
    for i in range(out.size):
        out[i] = _unit32(draws[i]) < p[i]


@kernel
def bernoulli_p64(draws, out, p):
    """out = u < p elementwise with a float64 u; two draws each; p float64[n]."""
    for i in range(out.size):
        out[i] = _unit64(draws, i) < p[i]


@kernel
def exponential(draws, out, rate):
    """out = (-1 / rate) * log1p(-u); two draws each."""
    scale = -1.0 / rate
    for i in range(out.size):
        out[i] = scale * math.log1p(-_unit64(draws, i))


@kernel
def geometric(draws, out, p):
    """out = ceil(log(u) / log1p(-p)); two draws each; `out` float64."""
    scale = math.log1p(-p)
    for i in range(out.size):
        out[i] = np.ceil(math.log(_unit64(draws, i)) / scale)


@kernel
def exp_of(x, out):
    """out = exp(x), by the C library: NumPy's own differs from it by an ulp in 4 % of values."""
    for i in range(out.size):
        out[i] = math.exp(x[i])


@kernel
def cauchy(draws, out, median, sigma):
    """out = fma(sigma, tan(pi * (u - 0.5)), median); two draws each."""
    for i in range(out.size):
        out[i] = fma(sigma, math.tan(math.pi * (_unit64(draws, i) - 0.5)), median)


@kernel
def search(cumulative, draws, out):
    """out = the first index whose cumulative probability (float64) is >= u, row by row; two draws each; out
    int64[:, :]."""
    rows, samples = out.shape
    for row in range(rows):
        for k in range(samples):
            u = _unit64(draws, row * samples + k)
            left, right = 0, cumulative.shape[1]
            while left < right:
                middle = left + (right - left) // 2
                if cumulative[row, middle] < u:
                    left = middle + 1
                else:
                    right = middle
            out[row, k] = left
