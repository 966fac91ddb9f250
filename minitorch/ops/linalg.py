"""Products of vectors and matrices."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from .. import kernels
from ..dtypes import OF_RAW
from ..kernels.fuse import LARGE, Fused
from ..printing import type_name
from . import coerce
from .dims import broadcast_shape
from .samples import calls
from .table import composite, op

KERNELS = (np.dtype(np.float32), np.dtype(np.float64))  # the types that they are compiled for


def _mT(xp, x):
    return xp.transpose(x, dim0=-2, dim1=-1)


def _matmul_dx(xp, g, x, y):
    if len(y.shape) == 1:  # (..., n) @ (n)
        return xp.unsqueeze(g, dim=-1) * y if len(x.shape) > 1 else g * y
    if len(x.shape) == 1:  # (n) @ (..., n, k)
        return xp.squeeze(xp.matmul(y, xp.unsqueeze(g, dim=-1)), dim=(-1,))
    return xp.matmul(g, _mT(xp, y))


def _matmul_dy(xp, g, x, y):
    if len(x.shape) == 1:
        return xp.unsqueeze(x, dim=-1) * xp.unsqueeze(g, dim=-2) if len(y.shape) > 1 else g * x
    if len(y.shape) == 1:
        return xp.squeeze(xp.matmul(_mT(xp, x), xp.unsqueeze(g, dim=-1)), dim=(-1,))
    if (
        len(y.shape) == 2 and len(x.shape) > 2
    ):  # one weight for a batch: one product, not a batch of them to sum
        n = math.prod(x.shape[:-1])  # -1 would be ambiguous where another size is 0
        x = xp.reshape(x, shape=(n, x.shape[-1]))
        g = xp.reshape(g, shape=(n, g.shape[-1]))
    return xp.matmul(_mT(xp, x), g)


def _matmul_check(op, x, y):
    xp, a, b = coerce.same(op, x, y)
    if a.dtype is not b.dtype or a.dtype is coerce.BOOL:
        _types_check(a, b)
    if not a.ndim or not b.ndim:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D"
        )
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        if a.ndim == 1 and b.ndim == 1:
            raise RuntimeError(
                f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to have the same number of elements, "
                f"but got {a.shape[0]} and {b.shape[0]} elements respectively"
            )
        if a.ndim == 1 or b.ndim == 1:
            raise RuntimeError(f"size mismatch, got input ({a.shape[0]}), mat ({_x(a)}), vec ({inner})")
        if (a.ndim == 2 and b.ndim == 2) or b.ndim == 2:
            rows = 1
            for n in a.shape[:-1]:
                rows *= n
            raise RuntimeError(
                f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a.shape[-1]} and {_x(b)})"
            )
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, {a.shape[-1]}] but got: "
            f"[{b.shape[0]}, {inner}]."
        )
    if a.ndim > 2 and b.ndim > 2:
        broadcast_shape(a.shape[:-2], b.shape[:-2])
    return xp, a, b


def _types_check(a, b):
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {_c_name(a)} != {_c_name(b)}"
        )
    if OF_RAW[a.dtype] is OF_RAW[coerce.BOOL] and 0 not in (*a.shape, *b.shape):
        raise NotImplementedError("\"matmul_cpu\" not implemented for 'Bool'")


def _x(a):
    return "x".join(str(n) for n in a.shape)


def _c_name(a):
    return {
        "float32": "float",
        "float64": "double",
        "int64": "long",
        "int32": "int",
        "float16": "c10::Half",
    }.get(str(a.dtype).removeprefix("torch."), str(a.dtype))


def matmul_forward(x, y):
    if y.ndim == 2 and x.ndim > 2:
        out = kernels.blas.matmul(x.reshape(_two_dims(x)), y)
        return out if out is NotImplemented else out.reshape(*x.shape[:-1], y.shape[1])
    if x.ndim + y.ndim == 3:  # a matrix and a vector
        out = kernels.blas.matmul(x.reshape(1, -1), y) if y.ndim == 2 else kernels.blas.matmul(y.reshape(1, -1), x.T)
        return out if out is NotImplemented else out.reshape(-1)
    return kernels.blas.matmul(x, y)


_scaled = Fused(lambda g, x: g * x)


def matmul_backward(g, x, y, wanted):
    if x.ndim == y.ndim == 1 and x.size >= LARGE:
        g = np.asarray(g)  # NumPy makes numbers of arrays without dimensions
        return _scaled(g, y) if wanted[0] else None, _scaled(g, x) if wanted[1] else None
    if x.ndim + y.ndim == 3:
        return _vector_backward(g, x, y, wanted)
    if min(x.ndim, y.ndim) < 2:
        return NotImplemented
    if y.ndim == 2 and x.ndim > 2:  # one weight for a batch: one product, not a batch of them to sum
        shape, g, x = x.shape, g.reshape(_two_dims(g)), x.reshape(_two_dims(x))
        both = matmul_backward(g, x, y, wanted)
        return both if both is NotImplemented or both[0] is None else (both[0].reshape(shape), both[1])
    dx = kernels.blas.matmul(g, y.swapaxes(-2, -1)) if wanted[0] else None
    dy = kernels.blas.matmul(x.swapaxes(-2, -1), g) if wanted[1] else None
    return NotImplemented if dx is NotImplemented or dy is NotImplemented else (dx, dy)


def _vector_backward(g, x, y, wanted):
    """Of a matrix and a vector, in either order: the outer product with the gradient, and its product with the matrix."""
    matrix, vector, first = (x, y, True) if x.ndim == 2 else (y, x, False)
    row, other = g.reshape(1, -1), vector.reshape(1, -1)
    left, right = (row, other) if first else (other, row)
    outer = kernels.blas.matmul(left.reshape(-1, 1), right) if wanted[not first] else None
    product = kernels.blas.matmul(row, matrix if first else matrix.T) if wanted[first] else None
    if outer is NotImplemented or product is NotImplemented:
        return NotImplemented
    product = product if product is None else product.reshape(-1)
    return (outer, product) if first else (product, outer)


@op(
    vjp=dict(x=_matmul_dx, y=_matmul_dy),
    fused=(matmul_forward, matmul_backward),
    torch="matmul",
    coerce=_matmul_check,
    inplace=False,
    samples=calls(
        (((3, 4), (4, 2)), {}),
        (((4,), (4,)), {}),
        (((3, 4), (4,)), {}),
        (((4,), (4, 2)), {}),
        (((2, 3, 4), (4, 5)), {}),
        (((2, 3, 4), (2, 4, 5)), {}),
        (((3, 4), (2, 4, 5)), {}),
        (((0, 4), (4, 2)), {}),
        (((2, 3, 4), (4,)), {}),
    ),
)
def matmul(xp, x, y):
    """The matrix product, broadcast over leading dimensions; vectors are rows on the left, columns on the right."""
    return xp.matmul(x, y)


def _linear_checks(a, w, b):
    if a.dtype != w.dtype or (b is not None and b.dtype != w.dtype):
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {type_name(OF_RAW[a.dtype])} and {type_name(OF_RAW[w.dtype])}"
            " (convert the input or the module, e.g. x.float() or model.double())"
        )
    if not a.ndim or not w.ndim:
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are {a.ndim}D and {w.ndim}D")
    if a.shape[-1] != w.shape[-1]:
        rows = 1
        for n in a.shape[:-1]:
            rows *= n
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a.shape[-1]} and {w.shape[-1]}x{w.shape[0]})"
        )


def _rows(xp, x):
    return x if len(x.shape) == 2 else xp.reshape(x, shape=_two_dims(x))


def _two_dims(x):
    """The shape of x as rows. (A -1 would be ambiguous where there are no elements.)"""
    return math.prod(x.shape[:-1]), x.shape[-1]


def _linear_dw(xp, g, x, weight_shape):
    if len(weight_shape) == 1:
        return xp.sum(xp.unsqueeze(g, dim=-1) * x, dim=tuple(range(len(g.shape)))) if len(g.shape) else g * x
    return xp.matmul(_mT(xp, _rows(xp, g)), _rows(xp, x))


def _linear_forward(x, weight, bias):
    if x.ndim == weight.ndim == 2:
        out = kernels.layer.layers(x, weight, bias, None, None)
        return _other_linear(x, weight, bias) if out is NotImplemented else out
    if weight.ndim != 2 or not x.ndim:
        return NotImplemented
    out = _linear_forward(x.reshape(_two_dims(x)), weight, bias)  # one product, not a batch of them
    return out if out is NotImplemented else out.reshape(*x.shape[:-1], len(weight))


def _other_linear(x, weight, bias):
    """Of arrays that kernels/layer.py doesn't take: those that are not contiguous are copied for it, others are NumPy's."""
    if x.dtype is not weight.dtype:
        return NotImplemented
    if x.dtype in KERNELS:
        out = kernels.layer.layers(*_contiguous(x, weight), bias, None, None)
        if out is not NotImplemented:
            return out
    try:
        out = np.dot(x, weight.T)
        if bias is not None:
            if bias.dtype is not out.dtype:
                _linear_checks(x, weight, bias)
            out += bias
        return out
    except (ValueError, IndexError):  # of the shapes: the formula says so as torch does
        return NotImplemented


def _contiguous(*arrays):
    """Copies of small arrays cost less than NumPy's product, whose threads spin on the cores for 26 ms after it."""
    return [np.ascontiguousarray(a) for a in arrays]


def _linear_backward(g, x, weight, wanted):
    if weight.ndim != 2:
        return NotImplemented
    if x.ndim != 2:
        shape, g, x = x.shape, g.reshape(_two_dims(g)), x.reshape(_two_dims(x))
        dx, *others = _linear_backward(g, x, weight, wanted)
        return dx if dx is None else dx.reshape(shape), *others
    gradients = kernels.layer.linear_backward(g, x, weight, wanted)
    if gradients is NotImplemented and x.dtype in KERNELS:
        gradients = kernels.layer.linear_backward(*_contiguous(g, x, weight), wanted)
    if gradients is not NotImplemented:
        return gradients
    dx, dw, db = wanted
    return (
        np.dot(g, weight) if dx else None,
        np.dot(g.T, x) if dw else None,
        np.dot(_ones(len(g), g.dtype), g) if db else None,  # the sum over rows, in half of np.sum's time
    )


@lru_cache(64)
def _ones(n, dtype):
    return np.ones(n, dtype)


@op(
    vjp=dict(
        x=lambda xp, g, weight: (
            xp.matmul(g, weight) if len(weight.shape) > 1 else xp.unsqueeze(g, dim=-1) * weight
        ),
        weight=_linear_dw,
        bias=lambda xp, g: xp.sum(g, dim=tuple(range(len(g.shape) - 1))) if len(g.shape) > 1 else g,
    ),
    fused=(_linear_forward, _linear_backward),
    exact=True,
    torch="nn.functional.linear",
    coerce=coerce.same,
    defaults=dict(bias=None),
    method=False,
    inplace=False,
    samples=calls(
        (((3, 4), (2, 4), (2,)), {}),
        (((3, 4), (2, 4)), {}),
        (((2, 3, 4), (5, 4), (5,)), {}),
        (((4,), (2, 4), (2,)), {}),
        (((0, 4), (2, 4), (2,)), {}),
        (((2, 3, 0), (4, 0), (4,)), {}),
    ),
)
def linear(xp, x, weight, bias):
    """x @ weight.T + bias, weight (out_features, in_features)."""
    _linear_checks(x, weight, bias)
    out = xp.matmul(x, _mT(xp, weight) if len(weight.shape) > 1 else weight)
    if bias is not None:
        out += bias
    return out


def _strict(name, *ndims):
    def check(*tensors):
        for i, (t, n) in enumerate(zip(tensors, ndims, strict=True)):
            if t.ndim != n:
                raise RuntimeError(f"{name}: expected a {n}D tensor as argument {i + 1}, but got {t.ndim}D")

    return check


def _product(name, ndims, shapes, doc):
    check = _strict(name, *ndims)

    def forward(xp, x, y):
        check(x, y)
        if name == "bmm" and x.shape[0] != y.shape[0]:
            raise RuntimeError(
                f"Expected size for first two dimensions of batch2 tensor to be: [{x.shape[0]}, {x.shape[2]}] but got: "
                f"[{y.shape[0]}, {y.shape[1]}]."
            )
        return xp.matmul(x, y)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    return composite(
        torch=name,
        samples=calls((shapes, {})),
        inplace=False,
        names=dict(y={"mm": "mat2", "bmm": "mat2", "mv": "vec", "dot": "tensor"}[name]),
    )(forward)


mm = _product("mm", (2, 2), ((3, 4), (4, 2)), "The product of two matrices.")
bmm = _product("bmm", (3, 3), ((2, 3, 4), (2, 4, 5)), "The products of two batches of matrices.")
mv = _product("mv", (2, 1), ((3, 4), (4,)), "A matrix times a vector.")
dot = _product("dot", (1, 1), ((4,), (4,)), "The inner product of two vectors.")


@op(
    vjp=dict(x=lambda xp, g, y: xp.matmul(g, y), y=lambda xp, g, x: xp.matmul(x, g)),
    torch="outer",
    samples=calls((((3,), (4,)), {})),
    names=dict(y="vec2"),
    coerce=coerce.promote,
    numbers=False,
    inplace=False,
)
def outer(xp, x, y):
    """x[i] * y[j]"""
    _strict("outer", 1, 1)(x, y)
    return xp.unsqueeze(x, dim=1) * y
