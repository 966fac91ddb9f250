"""Functions that are no rows of the table, against torch: values, dtypes, gradients, errors."""

import math
import warnings

import numpy as np
import pytest
import torch

import minitorch

NAN = float("nan")


def x34(T, **kwargs):
    return T.tensor(np.random.default_rng(0).permutation(12).reshape(3, 4) / 4 - 1, **kwargs)


def with_nan(T):
    x = x34(T)
    x[1, 2] = NAN
    return x


def ints(T, *values):
    return T.tensor(values)


def F(T, name, *args, **options):
    return getattr(T.nn.functional, name)(*args, **options)


def WEIGHTS(T):
    return None, T.tensor([1.0, 2.0, 0.5, 0.0], dtype=T.float64)


CALLS = {
    "median": lambda T, x: x.median(),
    "median dim": lambda T, x: x.median(1),
    "median keepdim": lambda T, x: T.median(x, 0, True),
    "median nan": lambda T, x: [with_nan(T).median(), with_nan(T).median(1).values, with_nan(T).nanmedian(1).values],
    "nanmedian": lambda T, x: x.nanmedian(),
    "median 0-d": lambda T, x: T.median(x[0, 0], 0),
    "kthvalue": lambda T, x: x.kthvalue(2, 0),
    "kthvalue out of range": lambda T, x: x.kthvalue(9),
    "quantile": lambda T, x: x.quantile(0.3),
    "quantile dim": lambda T, x: x.quantile(0.7, 1, True),
    "quantile many": lambda T, x: T.quantile(x, T.tensor([0.1, 0.5, 1.0], dtype=T.float64), dim=0),
    "quantile many keepdim": lambda T, x: T.quantile(x, T.tensor([0.1, 0.5], dtype=T.float64), dim=1, keepdim=True),
    "quantile nearest": lambda T, x: [x.quantile(0.3, interpolation=i) for i in ("lower", "higher", "midpoint", "nearest")],
    "quantile nan": lambda T, x: [with_nan(T).quantile(0.5, 1), with_nan(T).nanquantile(0.5, 1)],
    "quantile out of range": lambda T, x: x.quantile(1.5),
    "msort": lambda T, x: x.msort(),
    "aminmax": lambda T, x: x.aminmax(dim=1),
    "cummax": lambda T, x: x.cummax(1),
    "cummin": lambda T, x: T.cummin(x, 0),
    "dist": lambda T, x: T.dist(x, x * 2, 3),
    "hstack": lambda T, x: [T.hstack([x, x]), T.hstack((x[0], x[1]))],
    "vstack": lambda T, x: [T.vstack([x, x]), T.vstack((x[0], x[1]))],
    "dstack": lambda T, x: T.dstack([x, x]),
    "column_stack": lambda T, x: T.column_stack([x[:, 0], x]),
    "atleast": lambda T, x: [*T.atleast_1d(x[0, 0], x), T.atleast_2d(x[0]), T.atleast_3d(x), T.atleast_3d(x[0])],
    "ravel": lambda T, x: x.t().ravel(),
    "broadcast_tensors": lambda T, x: T.broadcast_tensors(x[:, :1], x[0]),
    "meshgrid ij": lambda T, x: T.meshgrid(x[0], x[:, 0], indexing="ij"),
    "meshgrid xy": lambda T, x: T.meshgrid([x[0], x[:, 0], x[1]], indexing="xy"),
    "cartesian_prod": lambda T, x: T.cartesian_prod(x[0], x[:, 0]),
    "repeat_interleave": lambda T, x: [x.repeat_interleave(2), x.repeat_interleave(3, 1)],
    "repeat_interleave tensor": lambda T, x: [x.repeat_interleave(ints(T, 1, 0, 2), dim=0), T.repeat_interleave(ints(T, 1, 2))],
    "repeat_interleave wrong": lambda T, x: x.repeat_interleave(ints(T, 1, 2), dim=0),
    "flips": lambda T, x: [x.fliplr(), x.flipud()],
    "rot90": lambda T, x: [x.rot90(k) for k in range(-1, 4)],
    "rot90 dims": lambda T, x: T.rot90(x[None], 1, (1, 2)),
    "tensor_split": lambda T, x: [*x.tensor_split(3, 1), *T.tensor_split(x, (1, 2)), *x.tensor_split((3, 1), 1)],
    "diag_embed": lambda T, x: [x.diag_embed(), x.diag_embed(1), T.diag_embed(x, -1, 0, 2)],
    "diagflat": lambda T, x: x.diagflat(1),
    "trace": lambda T, x: x.trace(),
    "trace of a vector": lambda T, x: x[0].trace(),
    "triangles": lambda T, x: [T.tril_indices(3, 4, 1), T.triu_indices(3, 4, -1)],
    "take": lambda T, x: x.take(T.tensor([[0, 5], [-1, 5]])),
    "take out of range": lambda T, x: x.take(ints(T, 12)),
    "index_copy": lambda T, x: x.index_copy(1, ints(T, 2, 0), x[:, :2] * 2),
    "index_fill": lambda T, x: x.index_fill(0, ints(T, 2, 0), 1.5),
    "index_fill of a vector": lambda T, x: x.index_fill(0, ints(T, 2), x[0]),
    "index_copy_": lambda T, x: (x * 1).index_copy_(0, ints(T, 2), x[:1] * 3),
    "masked_scatter": lambda T, x: x.masked_scatter(x > 0, x * 2),
    "masked_scatter row": lambda T, x: x.masked_scatter(T.tensor([True, False, True, True]), T.arange(9.0, dtype=T.float64)),
    "masked_scatter short": lambda T, x: x.masked_scatter(x > 0, x[0, :1]),
    "scatter_reduce": lambda T, x: [
        x.scatter_reduce(1, T.tensor([[0, 0, 1], [2, 2, 2]]), x[:2, :3] * 2, r, include_self=s)
        for r in ("sum", "mean") for s in (True, False)
    ],
    "argwhere": lambda T, x: T.argwhere(x > 0),
    "searchsorted": lambda T, x: [
        T.searchsorted(T.tensor([0.0, 1.0, 1.0, 2.0]), T.tensor([[0.5, 1.0], [2.5, -1.0]]), right=r) for r in (True, False)
    ],
    "searchsorted lines": lambda T, x: T.searchsorted(x.detach().sort(1).values, x.detach(), side="right"),
    "bucketize": lambda T, x: T.bucketize(x.detach(), T.tensor([0.0, 0.5, 1.0], dtype=T.float64)),
    "isin": lambda T, x: [T.isin(ints(T, 1, 2, 3), ints(T, 2)), T.isin(ints(T, 1, 2), 2, invert=True)],
    "unique_consecutive": lambda T, x: T.unique_consecutive(ints(T, 1, 1, 2, 1), return_inverse=True, return_counts=True),
    "unique_consecutive dim": lambda T, x: T.unique_consecutive(T.tensor([[1, 1, 2], [3, 3, 3]]), dim=1),
    "tensordot": lambda T, x: [T.tensordot(x, x.t(), 1), T.tensordot(x, x, ([0, 1], [0, 1])), T.tensordot(x, x, 2)],
    "tensordot wrong": lambda T, x: T.tensordot(x, x, 1),
    "kron": lambda T, x: T.kron(x.contiguous(), T.ones(2, 1, dtype=T.float64)),
    "float_power": lambda T, x: T.float_power(ints(T, 1, 2), 2),
    "rsub": lambda T, x: T.rsub(x, 1, alpha=2),
    "nan_to_num": lambda T, x: T.nan_to_num(T.tensor([NAN, np.inf, -np.inf, 1.0]), 7.0, posinf=3.0),
    "fmax of NaN": lambda T, x: [T.fmax(with_nan(T), x), T.fmin(x, with_nan(T))],
    "clamp_min tensor": lambda T, x: x.clamp_min(x.mean()),
    "where": lambda T, x: x.where(x > 0, 0.5),
    "type": lambda T, x: x.type("torch.IntTensor") if x.type() == "torch.DoubleTensor" else None,
    "sqrt_": lambda T, x: T.sqrt_(x * x),
    "linalg.norm": lambda T, x: [
        T.linalg.norm(x), T.linalg.norm(x, 1), T.linalg.norm(x[0], 3), T.linalg.norm(x, dim=1), T.linalg.norm(x, -np.inf, (0, 1)),
        T.linalg.norm(x, "fro"),
    ],
    "linalg.matrix_norm": lambda T, x: [T.linalg.matrix_norm(x[None], o, keepdim=k) for o in (1, -1, np.inf, 2, -2, "nuc", "fro") for k in (True, False)],
    "linalg.matrix_norm over other dims": lambda T, x: [
        T.linalg.matrix_norm(x.reshape(3, 2, 2), o, (2, 0), k, dtype=T.float64) for o in (2, "nuc", "fro", 1) for k in (True, False)
    ],
    "linalg.matrix_norm of one dim": lambda T, x: T.linalg.matrix_norm(x, "fro", (0,)),
    "linalg.matrix_norm of equal dims": lambda T, x: T.linalg.matrix_norm(x, 2, (0, 0)),
    "linalg.norm of three dims": lambda T, x: T.linalg.norm(x[None], 2, (0, 1, 2)),
    "linalg.norm to a narrower type": lambda T, x: T.linalg.vector_norm(x, dtype=T.float32),
    "norm": lambda T, x: [x.norm("nuc"), x.norm("nuc", (0, 1), True), x.norm("fro"), T.norm(x.float(), 3, dtype=T.float64)],
    "norm of halves": lambda T, x: [T.linalg.norm((x * 300).half().detach(), o) for o in (6, 2, 1, 0, np.inf, 0.5)],
    "cumsum of halves": lambda T, x: (x * 3.14).half().detach().cumsum(1),
    "dropout of integers": lambda T, x: T.nn.functional.dropout(ints(T, 1, 2), 1.0),
    "norm of integers": lambda T, x: ints(T, 1, 2).norm(),
    "linalg.svd": lambda T, x: [
        r for full in (True, False) for y in (x, x.t(), x.reshape(2, 3, 2), x[:, :3])
        for u, s, vh in [T.linalg.svd(y, full)]
        for r in (s, u[..., : s.shape[-1]].abs(), vh[..., : s.shape[-1], :].abs(), (u[..., : s.shape[-1]] * s[..., None, :]) @ vh[..., : s.shape[-1], :])
    ],
    "svd": lambda T, x: [r.abs() for r in T.svd(x)] + [T.svd(x, compute_uv=False).V, x[:, :3].svd().S, x.svd(some=False).V.abs()[:, :3]],
    "svd of equal singular values": lambda T, x: [T.linalg.svd(x * 0 + 2 * T.eye(3, 4, dtype=T.float64)).S, T.linalg.svdvals(x * 0)],
    "svd of a vector": lambda T, x: T.linalg.svd(x[0]),
    "svd of float16": lambda T, x: T.linalg.svdvals(x.half()),
    "linalg.solve": lambda T, x: [
        T.linalg.solve(a, b) for a in [x[:, :3] + T.eye(3, dtype=T.float64) * 3] for b in (x, x[0, :3], x[:, 0], x[None])
    ] + [
        T.linalg.solve(x.reshape(3, 2, 2) + T.eye(2, dtype=T.float64) * 3, b) for b in (x[:, :2], x[:2], x[0, :2], x[1:].reshape(1, 2, 4))
    ] + [T.linalg.solve(x[:, :3] + T.eye(3, dtype=T.float64) * 3, x.t(), left=False)],
    "linalg.solve of other shapes": lambda T, x: T.linalg.solve(x[:, :3], x.t()),
    "linalg.solve of other types": lambda T, x: T.linalg.solve(x[:, :3], x.float()),
    "linalg.solve of half": lambda T, x: T.linalg.solve(x[:, :3].half(), x.half()),
    "inverse": lambda T, x: [T.inverse(x[:, :3] + T.eye(3, dtype=T.float64) * 3), (x[:, :3] + T.eye(3, dtype=T.float64) * 3).inverse()],
    "inverse of integers": lambda T, x: T.inverse(x[:, :3].long()),
    "inverse of what is not square": lambda T, x: T.linalg.inv(x),
    "determinant of integers": lambda T, x: x[:, :3].long().det(),
    "determinant of a vector": lambda T, x: x[0].det(),
    "NumPy's names": lambda T, x: [
        x.sum(axis=1, keepdims=True), T.mean(x, axis=(0, 1)), x.max(axis=0).values, x.softmax(axis=0), x.logsumexp(axis=1), T.cat([x, x], axis=1),
        T.stack([x, x], axis=2), x.sort(axis=0).values, T.topk(x, 2, axis=0).values, x.var(axis=0, keepdims=True), x.unsqueeze(axis=1),
        T.linalg.vector_norm(x, axis=0), x.argmin(axis=1), x.median(axis=1).values, x.cumsum(axis=0), x.squeeze(axis=0), T.nansum(x, axis=0),
    ],
    "softmax without a dim": lambda T, x: x.softmax(),
    "cat of a tensor": lambda T, x: T.cat(x),
    "stack of a tensor": lambda T, x: T.stack(x),
    "powers of integers": lambda T, x: [
        ints(T, 2, 1, -1, 0, -1) ** ints(T, -1, -2, -3, -1, -2), 2 ** ints(T, -1, 2), ints(T, -3, 2) ** 2, T.pow(ints(T, 2, 3), T.tensor(-1)),
        ints(T, 2, 4) ** -1.0, ints(T, 0, 3, 255).to(T.uint8) ** ints(T, 2, 2, 2).to(T.uint8),
    ],
    "integers to a negative power": lambda T, x: ints(T, 1, 2) ** -1,
    "powers of bools": lambda T, x: [(x > 0) ** True, (x > 0) ** False, (x > 0) ** 2, (x > 0) ** 1.5, 2 ** (x > 0), (x > 0) ** ints(T, 1, 0, 2, 0)],
    "bools to the power of bools": lambda T, x: (x > 0) ** (x > 1),
    "True to the power of bools": lambda T, x: T.pow(True, x > 1),
    "unfold of a number": lambda T, x: [x[0, 0].unfold(0, 1, 1), x[0, 0].unfold(-1, 0, 2)],
    "roll": lambda T, x: [T.roll(x, 1), T.roll(x, (1, 2), (0, -1)), T.roll(x, (1,))],
    "pad": lambda T, x: [
        T.nn.functional.pad(y, p, mode)
        for mode in ("constant", "reflect", "replicate", "circular")
        for y, p in (
            (x, (1, 2)), (x[None], (-1, 2)), (x[None, None], (1, 1, 2, 0)), (x.reshape(1, 2, 2, 3), (-1, 2, 1, 1)),
            (x.reshape(1, 1, 2, 2, 3), (1, 2, 1, 0, 1, 1)), (x[None], (0, 0)),
        )
    ] + [T.nn.functional.pad(x, (1, 1, -1, 2), value=3.5), T.nn.functional.pad(x.long(), (2,) * 4, "constant", 7), T.constant_pad_nd(x, (1, 1), 2)],
    "pad of bools": lambda T, x: [T.nn.functional.pad(x > 0, (1, 1), m) for m in ("constant", "circular")],
    "pad integers with NaN": lambda T, x: T.nn.functional.pad(x.long(), (1, 1), value=math.nan),
    "pad with a number out of range": lambda T, x: T.nn.functional.pad(x.to(T.uint8), (1, 1), value=-1),
    "pad with -0.0": lambda T, x: 1 / T.nn.functional.pad(x, (1, 1), value=-0.0),
    "pad by an odd number": lambda T, x: T.nn.functional.pad(x, (1,)),
    "pad more than there are dimensions": lambda T, x: T.nn.functional.pad(x, (1,) * 6),
    "pad to a negative size": lambda T, x: T.nn.functional.pad(x, (-3, -2)),
    "pad in another mode": lambda T, x: T.nn.functional.pad(x, (1, 1), "mirror"),
    "pad with a value in vain": lambda T, x: T.nn.functional.pad(x, (1, 1), "reflect", 1.0),
    "reflect a vector": lambda T, x: T.nn.functional.pad(x[0], (1, 1), "reflect"),
    "reflect too much": lambda T, x: T.nn.functional.pad(x, (4, 0), "reflect"),
    "reflect bools": lambda T, x: T.nn.functional.pad(x > 0, (1, 0), "reflect"),
    "replicate nothing": lambda T, x: T.nn.functional.pad(x[:, :0], (1, 0), "replicate"),
    "replicate to nothing": lambda T, x: T.nn.functional.pad(x, (-2, -2), "replicate"),
    "go round twice": lambda T, x: T.nn.functional.pad(x, (5, 0), "circular"),
    "roll of a number": lambda T, x: T.roll(x[0, 0], 1, 0),
    "roll by nothing": lambda T, x: T.roll(x, ()),
    "arange of whole steps of 0": lambda T, x: T.arange(0, 64, 0.5, dtype=T.int64),
    "product of nothing": lambda T, x: [x.sum() + (x[:, :0].reshape(3, 2, 0) @ x[:0, :2]).sum(), x[:, :0] @ x[:0], x[:0] @ x.t()],
    "matmul of an empty batch": lambda T, x: [T.matmul(x.reshape(3, 2, 2)[:, :, :0], x[:0, :2])],
    "factors of integers": lambda T, x: [
        f(a, *b, beta=1.6, alpha=2.7)
        for a in [T.arange(4).reshape(2, 2)]
        for f, b in ((T.addmm, (a, a)), (T.baddbmm, (a[None], a[None])), (T.addbmm, (a[None], a[None])))
    ] + [
        T.addmv(ints(T, 1, 2), T.arange(4).reshape(2, 2), ints(T, 1, 2), beta=1.6, alpha=2.7), T.addcmul(ints(T, 1, 2), ints(T, 3, 4), ints(T, 5, 6), value=1.5), T.add(ints(T, 1), ints(T, 2), alpha=3), T.add(x > 0, x > 1, alpha=2),
        T.sub(ints(T, 1, 2).to(T.uint8), ints(T, 3, 0).to(T.uint8), alpha=2), ints(T, 1, 2).index_add(0, ints(T, 0), ints(T, 1), alpha=1.5),
        ints(T, 1, 2).to(T.uint8).index_add(0, ints(T, 0), ints(T, 1).to(T.uint8), alpha=-1),
    ],
    "sum of integers with a fraction": lambda T, x: T.add(ints(T, 1), ints(T, 1), alpha=1.5),
    "difference of integers with a fraction": lambda T, x: ints(T, 1).sub(1, alpha=1.5),
    "cholesky": lambda T, x: [
        T.linalg.cholesky(x[:, :3] @ x[:, :3].t() + T.eye(3, dtype=T.float64), upper=u) for u in (False, True)
    ],
    "addmm without the sum": lambda T, x: [T.addmm(x * float("nan"), x, x[:, :3].reshape(4, 3)[:, [0, 1, 2, 0]], beta=0)],
    "addmm of two types": lambda T, x: T.addmm(x.float(), x, x.t()),
    "addmm with a sum that is too large": lambda T, x: T.addmm(x, x[:1], x.t()[:, [0, 1, 2, 0]]),
    "addmm of a batch": lambda T, x: T.addmm(x, x[None], x),
    "addmv of a matrix": lambda T, x: T.addmv(x, x, x[0]),
    "cholesky of what is not positive": lambda T, x: T.linalg.cholesky(-T.eye(2)),
    "slogdet": lambda T, x: [T.slogdet(x[:, :3]).logabsdet, T.linalg.slogdet(x[:, :3])[0], T.logdet(x[:, :3] + 3 * T.eye(3, dtype=T.float64)),
                             T.linalg.slogdet(T.zeros(2, 2))[1]],
    "linalg.cross": lambda T, x: [T.linalg.cross(x[:, :3], x[:, 1:]), T.linalg.cross(x, x * x, dim=0)],
    "linalg.cross of four": lambda T, x: T.linalg.cross(x, x),
    "linalg.matrix_power 0": lambda T, x: T.linalg.matrix_power(x[:, :3], 0),
    "tensordot with a size of 1": lambda T, x: T.tensordot(x[:, :1], x, dims=([1, 0], [1, 0])),
    "rot90 of a vector": lambda T, x: T.rot90(x[0]),
    "rot90 in a line": lambda T, x: T.rot90(x, 1, (1, -1)),
    "hstack of nothing": lambda T, x: T.hstack([]),
    "masked_scatter by integers": lambda T, x: x.masked_scatter(T.ones(3, 4, dtype=T.uint8), x),
    "unique_consecutive of nothing": lambda T, x: [T.unique_consecutive(x.detach()[:, :0], dim=1), T.unique_consecutive(x.detach()[:0])],
    "glu": lambda T, x: [T.nn.functional.glu(x), T.nn.functional.glu(x[:2], 0)],
    "glu of an odd size": lambda T, x: T.nn.functional.glu(x, 0),
    "hardsigmoid": lambda T, x: [T.nn.functional.hardsigmoid(x.float() * 4), T.nn.functional.hardsigmoid(x.detach() * 4, inplace=True)],
    "activations in place": lambda T, x: [
        getattr(T.nn.functional, f)(x * 12, inplace=True) for f in ("hardswish", "mish", "selu", "celu")
    ] + [T.nn.functional.threshold(x * 4, 1.0, 2.0, inplace=True)],
    "celu of alpha 0": lambda T, x: T.nn.functional.celu(x, 0.0),
    "softshrink of a negative lambda": lambda T, x: T.nn.functional.softshrink(x, -1.0),
    "prelu of other channels": lambda T, x: T.nn.functional.prelu(x, T.ones(3, dtype=T.float64)),
    "cosine_similarity": lambda T, x: [
        T.cosine_similarity(x, x * x - 1), T.nn.functional.cosine_similarity(x, x[:1], dim=0), T.cosine_similarity(x * 0, x), T.cosine_similarity(x[0], x, -1),
    ],
    "cosine_similarity of integers": lambda T, x: T.cosine_similarity(x.long(), x.long()),
    "pairwise_distance": lambda T, x: [T.pairwise_distance(x, x[:1]), T.nn.functional.pairwise_distance(x, x + 1, 1, keepdim=True)],
    "max of two": lambda T, x: [T.max(x, x * x), x.min(x * x), T.max(x, other=x * 0)],
    "max of a number": lambda T, x: T.max(2, x),
    "linalg.norm of order x": lambda T, x: T.linalg.norm(x, "x"),
    "linalg.matrix_power": lambda T, x: [T.linalg.matrix_power(x[:, :3] + T.eye(3, dtype=T.float64) * 3, n) for n in (-2, 0, 1, 5)],
    "linalg.multi_dot": lambda T, x: T.linalg.multi_dot([x, x.t(), x[:, 0]]),
    "linalg.vecdot": lambda T, x: T.linalg.vecdot(x, x + 1),
    "linalg.diagonal": lambda T, x: T.linalg.diagonal(x, offset=1),
    "linalg.inv": lambda T, x: T.linalg.inv(x[:, :3] + T.eye(3, dtype=T.float64) * 3),
    "list of tensors": lambda T, x: [T.tensor([x[0, 0].detach(), 2.0]), T.tensor([T.ones(1), T.ones(1)]), T.tensor([ints(T, 1)])],
    **{f"tensor({data})": lambda T, x, data=data: T.tensor(data) for data in (
        [1, None], [1, "a"], ["a", 1], [1.5, "b"], [[1], [None]], [1, 2**63], [1.5, 2**70], [-(2**63)], [b"a"], [1, {}],
    )},
    "list of vectors": lambda T, x: T.tensor([T.ones(2)]),
    "div floor": lambda T, x: [T.div(x, 0.3, rounding_mode="floor"), x.div(x.t()[:3, :1] + 0.1, rounding_mode="trunc")],
    "div integers": lambda T, x: [T.div(ints(T, -7, 7, 6), ints(T, 2, -2, 3), rounding_mode=m) for m in ("floor", "trunc", None)],
    "div_": lambda T, x: (x * 1).div_(0.3, rounding_mode="floor"),
    "div wrong": lambda T, x: x.div(2, rounding_mode="up"),
    "prod with zeros": lambda T, x: [(x * (x != -1)).prod(1), (x * (x != -1)).prod(-2, True), (x * (x != -1)).prod()],
    "cumprod with zeros": lambda T, x: [(x * (x != -1)).cumprod(1), (x * (x != -1)).cumprod(-2)],
    "negative dims": lambda T, x: [
        x.index_select(-1, ints(T, 0, 2, 2)), x.gather(-1, T.tensor([[0, 3], [1, 1]])), x.sum(-2), x.select(-1, 2), x.narrow(-1, 1, 2),
        x.scatter(-1, T.tensor([[0, 3], [1, 1]]), 2.0), x.scatter_add(-1, T.tensor([[0, 3]]), x[:1, :2]), x.flip(-1),
        x.index_add(-1, ints(T, 0, 2), x[:, :2] * 2, alpha=3), x.unfold(-1, 2, 1), x.cumsum(-2), x.sort(-2).values, x.amax(-1),
        T.cat([x, x], -1), T.stack([x, x], -1), x.logsumexp(-1), x.softmax(-2), x.roll(1, -1), x.index_fill(-1, ints(T, 0, 2), 3.0),
        *x.split(2, -1), *x.unbind(-1), x.unsqueeze(-2), x.diagonal(0, -1, -2), x.transpose(-1, -2), x.norm(dim=-1), x.var(-1),
    ],
    "0-d": lambda T, x: [
        x[0, 0].index_select(0, ints(T, 0)), x[0, 0].gather(0, ints(T, 0)), x[0, 0].index_fill(0, ints(T, 0), 3.0), x[0, 0].sum(0),
        x[0, 0].quantile(0.5, 0), x[0, 0].cumsum(0), x[0, 0].softmax(0), x[0, 0].amax(-1), x[0, 0].sort().values, x[0, 0].logsumexp(0),
        *T.nonzero(x[0, 0], as_tuple=True),
    ],
    "take_along_dim": lambda T, x: [T.take_along_dim(x, T.tensor([[0], [-1], [2]]), 1), T.take_along_dim(x[:1], T.tensor([[0], [1]]), 1)],
    "norms at zero": lambda T, x: [T.linalg.norm(x * 0, o) for o in (np.inf, "fro")] + [(x * 0).norm(p, dim=1) for p in (1, 2, np.inf)],
    "bools": lambda T, x: [
        *(x > 0).max(1)[:1], *(x > 0).min(0)[:1], T.isclose(x > 0, x > 1), T.logit(x[0, :1] > 9), (x > 0).sum(), (x > 0).cumsum(0),
    ],
    "integers of float arguments": lambda T, x: [
        T.arange(0.0, -8.5, -4.0, dtype=T.int64), T.arange(3.1, dtype=T.int32), T.linspace(4.3, -3, 50, dtype=T.int64),
        T.logspace(0, 1.2, 4, dtype=T.int64),
    ],
    "scatter add": lambda T, x: x.detach().scatter(1, T.tensor([[0, 0, 3]]), x.detach()[:1, :3] * 2, reduce="add"),
    "scatter multiply": lambda T, x: [
        x.detach().scatter(1, T.tensor([[0, 0, 3]]), x.detach()[:1, :3] * 2, reduce="multiply"),
        x.detach().clone().scatter_(1, T.tensor([[0, 0, 3]]), 3.0, reduce="multiply"),
    ],
    "scatter by another reduction": lambda T, x: x.scatter(1, T.tensor([[0, 0, 3]]), 3.0, reduce="prod"),
    "scatter_reduce of integers": lambda T, x: [
        T.arange(4).scatter_reduce(0, ints(T, 0, 0, 1), ints(T, -4, 3, 8), r, include_self=s)
        for r in ("sum", "prod", "mean", "amax", "amin") for s in (True, False)
    ],
    "scatter_reduce of bools": lambda T, x: [
        (ints(T, 0, 1, 0) > 0).scatter_reduce(0, ints(T, 0, 0, 1), ints(T, 0, 1, 1) > 0, r, include_self=s)
        for r in ("sum", "prod", "amax", "amin") for s in (True, False)
    ],
    "scatter_reduce mean of bools": lambda T, x: (x > 0).scatter_reduce(0, T.tensor([[0]]), x > 1, "mean"),
    "scatter_reduce by no reduction": lambda T, x: x.scatter_reduce(0, T.tensor([[0]]), x, "median"),
    "scatter_reduce with zeros and ties": lambda T, x: [
        (x * (x > 0)).scatter_reduce(1, T.tensor([[0, 0, 3], [1, 1, 1], [2, 0, 2]]), (x[:, :3] * (x[:, :3] != 0.25)).round(), r, include_self=s)
        for r in ("prod", "amax", "amin") for s in (True, False)
    ] + [
        (x * 1).scatter_reduce_(0, T.tensor([[0, 0, 0]]), x[1:, :3] * 2, "prod"),
        (x * 1).scatter_reduce(1, T.tensor([[0, 0, 1, 1]]), x[:1] * T.tensor([0.0, 1, 0, 0]), "prod"),
    ],
    "gather of nothing": lambda T, x: [x.gather(0, T.zeros(0, 4, dtype=T.int64)), x.gather(1, T.zeros(3, 0, dtype=T.int64))],
    "index_put": lambda T, x: [
        x.index_put((ints(T, 0, 2), ints(T, 1, 1)), x[0, :2] * 2), T.index_put(x, (x > 0,), T.tensor(7.0, dtype=T.float64)),
        x.index_put((ints(T, 0, 0),), x[1] * 3, accumulate=True), (x * 1).index_put_((ints(T, 1),), x[:1] * 3),
    ],
    "index_put of another dtype": lambda T, x: x.index_put((ints(T, 0, 2),), T.ones(4)),
    **{f"norm of nothing, {o}": lambda T, x, o=o: [T.linalg.vector_norm(x[:, :0], o, d) for d in (1, None)] for o in (np.inf, -np.inf, -1, 1, 3)},
    "limits of floats": lambda T, x: [
        T.tensor([i.bits, i.eps, i.min, i.max, i.tiny, i.smallest_normal, i.resolution, len(repr(i))])
        for i in (T.finfo(), T.finfo(T.float16), T.finfo(T.float64))
    ],
    "limits of integers": lambda T, x: [
        T.tensor([i.bits, i.min, i.max, len(repr(i))]) for i in map(T.iinfo, (T.int8, T.uint8, T.int16, T.int32, T.int64))
    ],
    "limits of the wrong kind": lambda T, x: T.finfo(T.int64),
    "limits of bool": lambda T, x: T.iinfo(T.bool),
    "logspace": lambda T, x: T.logspace(-1, 2, 4, dtype=T.float64),
    "shift": lambda T, x: T.bitwise_left_shift(ints(T, 1, 2), ints(T, 3, 1)),
    "weighted losses": lambda T, x: [
        F(T, f"{f}_loss", x, x.detach() * 0.5, reduction=r, weight=x.detach() ** 2) for f in ("mse", "l1", "huber") for r in ("mean", "sum")
    ],
    "weights of another shape": lambda T, x: F(T, "mse_loss", x, x * 0, weight=x[0]),
    "old arguments of losses": lambda T, x: [
        F(T, "l1_loss", x, x * 0, size_average=a, reduce=r) for a in (None, True, False) for r in (True, False)
    ],
    "unknown reduction": lambda T, x: F(T, "cross_entropy", x, ints(T, 0, 1, 9), reduction="average"),
    "mse of integers": lambda T, x: F(T, "mse_loss", ints(T, 1, 2), ints(T, 1, 3), reduction="sum"),
    "bce target outside": lambda T, x: F(T, "binary_cross_entropy", x.sigmoid(), x.detach()),
    "bce target outside, large": lambda T, x: F(T, "binary_cross_entropy", T.full((9000,), 0.5), T.full((9000,), -1.0)),
    "bce integer target": lambda T, x: F(T, "binary_cross_entropy_with_logits", x[:, 0], ints(T, 0, 1, 1)),
    "all ignored": lambda T, x: [F(T, "cross_entropy", x, ints(T, -100, -100, -100), label_smoothing=s, weight=w) for s in (0, 0.1) for w in WEIGHTS(T)],
    "some ignored": lambda T, x: [
        F(T, "cross_entropy", x, ints(T, 2, 1, 0), label_smoothing=s, weight=w, reduction=r, ignore_index=1)
        for s in (0, 0.1) for w in WEIGHTS(T) for r in ("mean", "sum", "none")
    ],
    "labels of one byte": lambda T, x: F(T, "cross_entropy", x, ints(T, 2, 1, 0).to(T.uint8), reduction="sum"),
    "labels for a number": lambda T, x: F(T, "nll_loss", x[0, 0], T.tensor(0)),
    "labels of the logits' shape": lambda T, x: F(T, "cross_entropy", x, x.detach().long()),
    "integer log-probabilities": lambda T, x: F(T, "nll_loss", x.long(), ints(T, 0, 1, 2)),
    "class weights of another dtype": lambda T, x: F(T, "nll_loss", x, ints(T, 0, 1, 2), weight=T.ones(4)),
    "probabilities and ignore_index": lambda T, x: F(T, "cross_entropy", x, x.detach().abs(), ignore_index=1),
    "kl_div of negative targets": lambda T, x: F(T, "kl_div", x, x * 2, reduction="none"),
    "batch_norm eps": lambda T, x: F(T, "batch_norm", x, None, None, training=True, eps=0.0),
    "batch_norm of nothing": lambda T, x: F(T, "batch_norm", x[:0], None, None, training=True),
}  # fmt: skip


def flat(out):
    for o in out if isinstance(out, (tuple, list)) else [out]:
        yield from flat(o) if isinstance(o, (tuple, list)) else [o]


def evaluate(T, call):
    x = x34(T, requires_grad=True)
    try:
        with warnings.catch_warnings(action="ignore"):
            outs = list(flat(call(T, x)))
    except (RuntimeError, IndexError, NotImplementedError, ValueError, TypeError) as error:
        return type(error), str(error)
    total = sum((o * o * (i + 1)).sum() for i, o in enumerate(outs) if o.requires_grad)
    grads = T.autograd.grad(total, x) if isinstance(total, T.Tensor) else []
    return [o.detach() for o in [*outs, *grads]]


@pytest.mark.parametrize("name", CALLS)
def test_like_torch(name):
    ours, theirs = evaluate(minitorch, CALLS[name]), evaluate(torch, CALLS[name])
    if isinstance(theirs, tuple):
        assert ours[0].__name__ == theirs[0].__name__.lstrip("_"), f"{ours} for torch's {theirs}"  # torch's _LinAlgError
        return
    assert isinstance(ours, list), ours
    assert [str(o.dtype) for o in ours] == [str(t.dtype) for t in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


def test_derivative_of_a_singular_determinant():
    """The cofactors; torch's rule gives 0 here."""
    x = minitorch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=minitorch.float64, requires_grad=True)
    (dx,) = minitorch.autograd.grad(minitorch.linalg.det(x), x)
    np.testing.assert_allclose(dx.numpy(), [[4, -2], [-2, 1]], rtol=1e-12)


def test_kron_of_matrices():
    results = []
    for library in (minitorch, torch):
        x = library.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
        y = library.tensor(np.arange(8.0).reshape(2, 2, 2) - 3, requires_grad=True)
        out = library.kron(x, y)
        (out * out).sum().backward()
        results.append([v.detach().numpy() for v in (out, x.grad, y.grad)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs)
