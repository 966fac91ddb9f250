"""Attention: weighted means of values, the weights from the likeness of queries and keys."""

from __future__ import annotations

import math

from .. import dtypes
from . import coerce
from .samples import Value, calls
from .table import composite

__all__ = ["scaled_dot_product_attention"]

THREE = ((2, 3, 4), (2, 5, 4), (2, 5, 4))


@composite(
    torch="nn.functional.scaled_dot_product_attention",
    method=False,
    inplace=False,
    coerce=coerce.same,
    names=dict(x="query"),
    samples=calls(
        (THREE, {}), (THREE, dict(is_causal=True)), (THREE, dict(scale=0.3)), ((*THREE, Value(None)), {})
    ),
)
def scaled_dot_product_attention(
    xp, x, key, value, *, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """softmax(query @ key.T * scale + mask) @ value for query (..., L, E), key (..., S, E), value (..., S, V); scale: 1 / sqrt(E).
    `attn_mask` broadcasts to (..., L, S): bool (True: takes part) or a number added; `is_causal`: only keys up to the query's place.
    `enable_gqa`: key and value have fewer heads (dimension -3), each for several of the query. https://arxiv.org/abs/1706.03762"""
    if enable_gqa:
        key, value = (xp.repeat_interleave(t, x.shape[-3] // t.shape[-3], dim=-3) for t in (key, value))
    scale = 1 / math.sqrt(x.shape[-1]) if scale is None else scale
    scores = xp.matmul(x * scale, xp.transpose(key, dim0=-2, dim1=-1))
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
        )
    if is_causal:
        later = ~xp.tril(xp.ones_like(scores[(0,) * (scores.ndim - 2)].detach())).bool()
        scores = xp.masked_fill(scores, later, -math.inf)
    if attn_mask is None:
        weights = xp.softmax(scores, dim=-1)
    else:
        weights = _masked_softmax(xp, scores, attn_mask)
    return xp.matmul(xp.dropout(weights, dropout_p) if dropout_p else weights, value)


def _masked_softmax(xp, scores, mask):
    """Softmax over the keys that take part; zeros for a query without any."""
    if mask.dtype is dtypes.bool:
        scores = xp.masked_fill(scores, ~mask, -math.inf)
    else:
        scores = scores + mask
    alone = (scores == -math.inf).all(dim=-1, keepdim=True)
    weights = xp.softmax(xp.masked_fill(scores, alone, 0), dim=-1)
    return xp.masked_fill(weights, alone, 0)
