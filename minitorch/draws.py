"""The generator's other distributions: its methods `bernoulli_`, `exponential_` ... `multinomial`."""

from __future__ import annotations

import numpy as np

from .filling import CHUNK, NAMES, check_floating, fill_in_order, kernels, wide


def bernoulli_(self, out: np.ndarray, p=0.5, one=1) -> np.ndarray:
    """`one` with probability p, else 0; any type. p: a number, or (`one` being 1) a floating array that broadcasts to `out`."""
    if not isinstance(p, np.ndarray):
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        if out.size:
            fill_in_order(out, self._each(kernels().bernoulli, 2, float(p), float(one)), wide(out))
        return out
    check_floating(p, "bernoulli_tensor_cpu_p_")
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be "
            "improved?  If so, please report an enhancement request to PyTorch.)"
        )
    if out.size:
        fill_in_order(out, lambda flat: _bernoulli_array(self, flat, p, out), wide(out))
    return out


def _bernoulli_array(self, flat, p, out):
    double = p.dtype == np.float64
    p = np.broadcast_to(p, out.shape)
    order = sorted(range(out.ndim), key=lambda d: (-abs(out.strides[d]), d))
    p = p.transpose(order).astype(np.float64 if double else np.float32).reshape(-1)
    loop, outputs = (kernels().bernoulli_p64, 2) if double else (kernels().bernoulli_p32, 1)
    for i in range(0, flat.size, CHUNK):
        piece = flat[i : i + CHUNK]
        loop(self._draw(outputs * piece.size), piece, p[i : i + CHUNK])


def exponential_(self, out: np.ndarray, rate: float = 1.0) -> np.ndarray:
    """Exponential with density rate * exp(-rate * x); floating types."""
    rate = float(rate)
    if not rate > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    if out.size == 0:
        return out
    if out.dtype.kind != "f":
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a floating "
            f"point but you specified {NAMES[out.dtype.name][0]}"
        )
    fill_in_order(out, self._each(kernels().exponential, 2, rate), wide(out))
    return out


def geometric_(self, out: np.ndarray, p: float) -> np.ndarray:
    """The number of trials until the first success, 1, 2, ..., p in (0, 1); any type but bool."""
    p = float(p)
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if out.size == 0:
        return out
    if out.dtype == np.bool_:
        raise NotImplementedError(f"\"geometric_cpu\" not implemented for '{NAMES[out.dtype.name][0]}'")
    dtype = wide(out) if out.dtype.kind == "f" else np.int64
    fill_in_order(out, self._each(kernels().geometric, 2, p), dtype)
    return out


def log_normal_(self, out: np.ndarray, mean: float = 1.0, std: float = 2.0) -> np.ndarray:
    """exp of a normal with `mean` and `std`; floating types."""
    mean, std = float(mean), float(std)
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    if out.size == 0:
        return out
    check_floating(out, "log_normal_cpu")

    def fill(flat):
        normals = np.empty(flat.size)
        self._normals_one_by_one(normals, mean, std)
        kernels().exp_of(normals, flat)

    fill_in_order(out, fill, wide(out))
    return out


def cauchy_(self, out: np.ndarray, median: float = 0.0, sigma: float = 1.0) -> np.ndarray:
    """Cauchy with the given median and half width; floating types."""
    median, sigma = float(median), float(sigma)
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if out.dtype.kind != "f":
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating "
            f"point but you specified {NAMES[out.dtype.name][1]}"
        )
    if out.size:
        fill_in_order(out, self._each(kernels().cauchy, 2, median, sigma), wide(out))
    return out


def multinomial(self, p: np.ndarray, num_samples: int, replacement: bool = False) -> np.ndarray:
    """Indices, int64[(rows,) num_samples], drawn with the weights p, floating[(rows,) categories] (any
    positive sum).

    Unlike torch: without replacement and with more samples than positive weights, which of the zero
    weights come last may differ (it follows the order of ties in torch's topk).
    """
    if p.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if p.dtype.kind != "f":
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {NAMES[p.dtype.name][0]}"
        )
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > p.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if p.size == 0:
        return np.empty((*p.shape[:-1], num_samples), np.int64)
    if not replacement or num_samples == 1:
        return _races(self, p, num_samples)
    return _searches(self, p, num_samples)


def _races(self, p, k):
    """Without replacement: exponential clocks of rate p; those that ring first win."""
    if not (p.max() < np.inf and p.min() >= 0):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (p.sum(-1) == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    with np.errstate(divide="ignore", over="ignore"):
        speed = p / self.exponential_(np.empty_like(p))
    if k == 1:
        return speed.argmax(-1, keepdims=True).astype(np.int64, copy=False)
    return np.array(np.argsort(-speed, axis=-1, kind="stable")[..., :k], np.int64, order="C")


def _searches(self, p, k):
    """With replacement: the uniform's place in the cumulative sum."""
    if not (p >= 0).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if not np.isfinite(p).all():
        raise RuntimeError(
            "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
        )
    cumulative = np.atleast_2d(p).cumsum(-1, dtype=wide(p))
    total = cumulative[:, -1:].copy()
    if not (total > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    cumulative = (cumulative / total).astype(np.float64)
    cumulative[:, -1] = 1.0
    out = np.empty((cumulative.shape[0], k), np.int64)
    kernels().search(cumulative, self._draw(2 * out.size), out)
    return out.reshape(*p.shape[:-1], k)
