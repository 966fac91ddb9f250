"""Products of matrices, vectors and batches, composed of `matmul`."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..backends import numpy as NUMPY
from ..printing import type_name
from . import coerce
from .dims import broadcast_shape
from .linalg import matmul_backward, matmul_forward
from .samples import calls
from .shape import permute, reshape
from .table import composite, op

SCALED = dict(beta=3, alpha=2)
NUMBERS = (int, float)


def _sum(xp, x, product, beta, alpha):
    """beta * x + alpha * product. The factors of integers are whole: torch cuts off their fractions. Of a factor 0 the x is not read."""
    if x.dtype is not product.dtype:
        names = f"{type_name(x.dtype)} and {type_name(product.dtype)}"
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {names}")
    if broadcast_shape(x.shape, product.shape) != product.shape:
        raise RuntimeError(f"the input has shape {list(x.shape)}, which cannot be expanded to that of the product, {list(product.shape)}")
    if not product.is_floating_point():
        beta, alpha = int(beta), int(alpha)
    if type(beta) in NUMBERS and beta == 0:
        x = xp.masked_fill(x, x.new_tensor(True, dtype=dtypes.bool), 0)
    return beta * x + alpha * product


def _pair(ndims, summed=False):
    """The same sum as one node, of plain numbers; summed: over the products of a batch."""

    def fused(x, a, b, beta, alpha):
        if (a.ndim, b.ndim) != ndims or not a.size or x.dtype is not a.dtype or type(beta) not in NUMBERS or type(alpha) not in NUMBERS:
            return NotImplemented
        out = matmul_forward(a, b)
        if out is NotImplemented or x.ndim > out.ndim - summed:
            return NotImplemented
        out = np.add.reduce(out, 0) if summed else out
        if alpha != 1:
            out *= alpha
        if beta != 0:
            out += x if beta == 1 else x * beta
        return out

    def backward(g, a, b, beta, alpha, wanted):
        dx = g if beta == 1 or not wanted[0] else g * beta
        if not wanted[1] and not wanted[2]:
            return dx, None, None
        g = g if alpha == 1 else g * alpha
        return dx, *matmul_backward(NUMPY.expand(g, size=(len(a), *g.shape)) if summed else g, a, b, wanted[1:])

    return fused, backward


def _added(name, a, b, ndims, shapes, **options):
    """The options of an operation on x and a product of torch's arguments a and b."""
    return dict(torch=name, names=dict(a=a, b=b), coerce=coerce.same, fused=_pair(ndims, **options), exact=False, samples=calls(*shapes))


@composite(**_added("addmm", "mat1", "mat2", (2, 2), [(((2,), (3, 4), (4, 2)), SCALED)]))
def addmm(xp, x, a, b, *, beta=1, alpha=1):
    """beta * x + alpha * a @ b of two matrices"""
    return _sum(xp, x, xp.mm(a, b), beta, alpha)


@composite(**_added("addmv", "mat", "vec", (2, 1), [(((3,), (3, 4), (4,)), SCALED), (((), (3, 4), (4,)), {})]))
def addmv(xp, x, a, b, *, beta=1, alpha=1):
    """beta * x + alpha * a @ b of a matrix and a vector"""
    if x.ndim > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {x.ndim}, {a.ndim}, {b.ndim}-dimensional tensors")
    return _sum(xp, x, xp.mv(a, b), beta, alpha)


@composite(**_added("baddbmm", "batch1", "batch2", (3, 3), [(((2, 3, 5), (2, 3, 4), (2, 4, 5)), SCALED)]))
def baddbmm(xp, x, a, b, *, beta=1, alpha=1):
    """beta * x + alpha * a @ b of two batches of matrices"""
    return _sum(xp, x, xp.bmm(a, b), beta, alpha)


@composite(**_added("addbmm", "batch1", "batch2", (3, 3), [(((3, 5), (2, 3, 4), (2, 4, 5)), SCALED)], summed=True))
def addbmm(xp, x, a, b, *, beta=1, alpha=1):
    """beta * x + alpha * the sum over the batch of a @ b"""
    return _sum(xp, x, xp.sum(xp.bmm(a, b), dim=0, dtype=x.dtype), beta, alpha)


@composite(
    torch="inner",
    samples=calls((((3, 4), (4,)), {}), (((2, 3, 4), (5, 4)), {}), (((), (3,)), {})),
    inplace=False,
)
def inner(xp, x, y):
    """Sums of products over the last dimension of both."""
    if not x.ndim or not y.ndim:
        return x * y
    if x.shape[-1] != y.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(x.shape)} and {list(y.shape)}"
        )
    if y.ndim <= 2 and x.is_floating_point():
        return xp.linear(x, y) if y.ndim == 2 else xp.matmul(x, y)
    return tensordot(x, y, ([-1], [-1]))


def tensordot(a, b, dims=2):
    """Sums of products over several dimensions: the last `dims` of a and first of b, or the two lists of them."""
    left, right = (range(a.ndim - dims, a.ndim), range(dims)) if isinstance(dims, int) else dims
    left, right = ([d % t.ndim for d in ds] for ds, t in ((left, a), (right, b)))
    for i, j in zip(left, right, strict=False):  # a size of 1 is broadcast
        if a.shape[i] == 1 != b.shape[j]:
            b = b.sum(j, True)
        elif b.shape[j] == 1 != a.shape[i]:
            a = a.sum(i, True)
    if [a.shape[d] for d in left] != [b.shape[d] for d in right]:
        raise RuntimeError(
            f"contracted dimensions need to match, but first has size {[a.shape[d] for d in left]} in dims {left} and second has "
            f"size {[b.shape[d] for d in right]} in dims {right}"
        )
    rows = [d for d in range(a.ndim) if d not in left]
    columns = [d for d in range(b.ndim) if d not in right]
    n = math.prod(a.shape[d] for d in left)
    m, k = math.prod(a.shape[d] for d in rows), math.prod(b.shape[d] for d in columns)
    product = reshape(permute(a, (*rows, *left)), (m, n)) @ reshape(permute(b, (*right, *columns)), (n, k))
    return reshape(product, (*(a.shape[d] for d in rows), *(b.shape[d] for d in columns)))


def _paired(x_shape, y_shape):
    """The two shapes with as many dimensions."""
    n = max(len(x_shape), len(y_shape))
    return ((1,) * (n - len(shape)) + tuple(shape) for shape in (x_shape, y_shape))


def _blocks(xp, g, x_shape, y_shape):
    """The gradient as a matrix: a row for each element of x, the block that it made."""
    a, b = _paired(x_shape, y_shape)
    n = len(a)
    g = xp.reshape(g, shape=tuple(s for pair in zip(a, b, strict=True) for s in pair))
    g = xp.permute(g, dims=(*range(0, 2 * n, 2), *range(1, 2 * n, 2)))
    return xp.reshape(g, shape=(math.prod(a), math.prod(b)))


def _kron_dx(xp, g, x_shape, y):
    flat = xp.reshape(y, shape=(-1,))
    return xp.reshape(xp.matmul(_blocks(xp, g, x_shape, y.shape), flat), shape=tuple(x_shape))


def _kron_dy(xp, g, x, y_shape):
    flat = xp.reshape(x, shape=(-1,))
    return xp.reshape(xp.matmul(flat, _blocks(xp, g, x.shape, y_shape)), shape=tuple(y_shape))


#: elements of y up to which, and of x from which on, a pass over x for each element of y is faster than loops as short as y's rows
FEW, MANY = 16, 1024


def _places(x_shape, y_shape):
    """The shape in which the product of x with each element of y has a place of its own, and the places by y's indices."""
    a, b = _paired(x_shape, y_shape)
    places = [(at, tuple(p for i in at for p in (slice(None), i))) for at in np.ndindex(*b)]
    return tuple(s for pair in zip(a, b, strict=True) for s in pair), places


def _kron(x, y):
    if y.size > FEW or x.size < MANY:
        return NotImplemented
    shape, places = _places(x.shape, y.shape)
    out, x, y = np.empty(shape, x.dtype), x.reshape(shape[::2]), y.reshape(shape[1::2])
    for at, place in places:
        np.multiply(x, y[at], out=out[place])
    return out.reshape([p * q for p, q in zip(x.shape, y.shape, strict=True)])


def _kron_backward(g, x, y, wanted):
    if y.size > FEW or x.size < MANY:
        return NotImplemented
    shape, places = _places(x.shape, y.shape)
    g, flat, factors = g.reshape(shape), x.reshape(shape[::2]), y.reshape(shape[1::2])
    dx, dy = np.zeros(flat.shape, x.dtype), np.empty(factors.shape, y.dtype)
    for at, place in places:
        if wanted[0]:
            dx += g[place] * factors[at]
        if wanted[1]:
            dy[at] = (g[place] * flat).sum()
    return dx.reshape(x.shape), dy.reshape(y.shape)


@op(
    vjp=dict(x=_kron_dx, y=_kron_dy),
    fused=(_kron, _kron_backward),
    torch="kron",
    samples=calls((((5,), (4,)), {}), (((2,), (3, 2)), {}), (((3,), (2, 3, 2)), {}), (((), (3,)), {})),
    coerce=coerce.promote,
    numbers=False,
    inplace=False,
)
def kron(xp, x, y):
    """The Kronecker product: every element of x times all of y."""
    a, b = _paired(x.shape, y.shape)
    spread = xp.reshape(x, shape=tuple(s for size in a for s in (size, 1))) * xp.reshape(
        y, shape=tuple(s for size in b for s in (1, size))
    )
    return xp.reshape(spread, shape=tuple(p * q for p, q in zip(a, b, strict=True)))
