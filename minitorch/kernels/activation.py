"""Activations and the error function on flat arrays."""

from __future__ import annotations

import math

import numpy as np

from .jit import kernel

# NOTE: the rational function of XLA's ErfImpl32 (xla/hlo/builder/lib/math.cc): t * P(t * t) / Q(t * t) up to |t| = LIMIT.
LIMIT = 3.7439211627767994
P0, P1, P2, P3, P4 = (
    0.00022905065861350646,
    0.0034082910107109506,
    0.050955695062380861,
    0.18520832239976145,
    1.128379143519084,
)
Q0, Q1, Q2, Q3, Q4, Q5 = (
    -1.1791602954361697e-7,
    0.000023547966471313185,
    0.0010179625278914885,
    0.014070470171167667,
    0.11098505178285362,
    0.49746925110067538,
)


@kernel(inner=True)
def erf_single(v):
    """erf(v) within 1.5 ulp of float32. In float64, without a branch or a call: a loop of it vectorises (0.8 ns an element)."""
    t = min(max(v, -LIMIT), LIMIT)
    t = v if v != v else t
    s = t * t
    p = (((P0 * s + P1) * s + P2) * s + P3) * s + P4
    q = (((((Q0 * s + Q1) * s + Q2) * s + Q3) * s + Q4) * s + Q5) * s + 1.0
    r = t * p / q
    r = 1.0 if v > 3.92 else r
    return -1.0 if v < -3.92 else r


#: 2 ** r for |r| <= 1/2 within 2e-10, the Taylor polynomial; and a number to which a float64 is added to lose its fraction
E1, E2, E3, E4, E5, E6, E7 = (math.log(2) ** n / math.factorial(n) for n in range(1, 8))
E8, ROUND = math.log(2) ** 8 / math.factorial(8), 1.5 * 2.0**52
BIAS, SHIFT = np.int64(1023), np.int64(52)


@kernel(inner=True)
def exp_single(v):
    """exp(v) of a float64 -700 <= v <= 700 within 1e-9, for results in float32; without a branch or a call."""
    t = v * (1.0 / math.log(2.0))
    whole = t + ROUND
    r = t - (whole - ROUND)
    p = (((((((E8 * r + E7) * r + E6) * r + E5) * r + E4) * r + E3) * r + E2) * r + E1) * r + 1.0
    return p * np.int64((np.float64(whole).view(np.int64) + BIAS) << SHIFT).view(np.float64)


# (1 + 2x) * exp(x * x) * erfc(x) - 1 in (x - 2) / (x + 2), up to the x whose erfc is 0 in float32: a minimax fit, within 1e-9
LAST = 10.06
C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11 = (
    7.908472533944556e-05,
    0.0001686178902414355,
    -0.0004009229938111237,
    -0.001420121413075623,
    0.0012530499971526473,
    0.008708905173852335,
    -0.008030989823901798,
    -0.054217808313144066,
    0.1640510539176975,
    -0.16603052219238107,
    -0.09276382106490981,
    0.27697838268064495,
)


@kernel(inner=True)
def erfc_single(v):
    """erfc(v) within an ulp of float32"""
    x = min(abs(v), LAST)
    x = v if v != v else x
    u = (x - 2.0) / (x + 2.0)
    p = (((((C0 * u + C1) * u + C2) * u + C3) * u + C4) * u + C5) * u + C6
    p = ((((p * u + C7) * u + C8) * u + C9) * u + C10) * u + C11
    tail = (p + 1.0) / (x * 2.0 + 1.0) * exp_single(-x * x)
    return 2.0 - tail if v < 0.0 else tail


@kernel(nogil=True)
def erf(x, out):
    """out = scipy.special.erf(x)"""
    single = x.itemsize == 4
    for i in range(x.size):
        v = np.float64(x[i])
        out[i] = erf_single(v) if single else math.erf(v)


@kernel(nogil=True)
def erfc(x, out):
    """out = scipy.special.erfc(x)"""
    single = x.itemsize == 4
    for i in range(x.size):
        v = np.float64(x[i])
        out[i] = erfc_single(v) if single else math.erfc(v)


@kernel(nogil=True)
def gelu(x, out):
    """out = x / 2 * (1 + erf(x / sqrt(2)))"""
    single, root = x.itemsize == 4, math.sqrt(0.5)
    for i in range(x.size):
        v = np.float64(x[i])
        out[i] = 0.5 * v * (1.0 + (erf_single(v * root) if single else math.erf(v * root)))


@kernel(nogil=True)
def gelu_backward(g, x, dx):
    """dx = g * ((1 + erf(x / sqrt(2))) / 2 + x * exp(-x * x / 2) / sqrt(2 * pi))"""
    single, root, scale = x.itemsize == 4, math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)
    for i in range(x.size):
        v = np.float64(x[i])
        power = -0.5 * v * v
        if single:
            e = exp_single(max(power, -700.0))
            e, inner = 0.0 if power < -700.0 else e, erf_single(v * root)
        else:
            e, inner = math.exp(power), math.erf(v * root)
        dx[i] = g[i] * (0.5 * (1.0 + inner) + v * e * scale)
