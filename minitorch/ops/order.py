"""Order along a dimension: sort, topk, and max and min with the place where they are."""

from __future__ import annotations

from collections import namedtuple
from operator import index

from .. import dtypes
from ..out import taking_out
from ..tensor import Tensor, wrap_dim
from .compare import maximum, minimum
from .dims import reduced
from .reduce import amax, amin, needs_elements
from .samples import calls
from .table import op

sort_result = namedtuple("sort", ["values", "indices"])
topk_result = namedtuple("topk", ["values", "indices"])
max_result = namedtuple("max", ["values", "indices"])
min_result = namedtuple("min", ["values", "indices"])


def _placed(xp, g, x_shape, places, dim):
    """Zeros of `x_shape` with g at `places` along `dim`."""
    return xp.scatter(xp.blank(g, tuple(x_shape)), places, g, dim=dim) if len(x_shape) else g


IN_ORDER = dict(
    vjp=dict(x=lambda xp, g0, x_shape, out1, dim: _placed(xp, g0, x_shape, out1, dim)), outputs=2, inplace=False
)


@op(
    torch="sort",
    returns=sort_result,
    samples=calls((((3, 4),), {}), (((3, 4),), dict(dim=0, descending=True)), (((),), {})),
    **IN_ORDER,
)
def sort(xp, x, *, dim=-1, descending=False, stable=False):
    """(values, indices) in order along `dim`, always stable."""
    return xp.sort(x, dim=wrap_dim(dim, x.ndim), descending=descending)


@taking_out
def argsort(input, dim=-1, descending=False, stable=False):
    return sort(input, dim, descending).indices


def _without_ties(dtype):
    if dtype.startswith("float"):  # of equal integers torch takes any
        yield from calls((((3, 4), 2), {}), (((3, 4), 3), dict(dim=0, largest=False)), (((), 1), {}), (((3, 4), 0), {}))(dtype)


@op(
    torch="topk",
    returns=topk_result,
    samples=_without_ties,
    **IN_ORDER,
)
def topk(xp, x, *, k, dim=-1, largest=True, sorted=True):
    """The k largest (or smallest) of a dimension, in order: (values, indices). Of equal ones the first; torch's are any."""
    dim, k = wrap_dim(dim, x.ndim), index(k)
    if not 0 <= k <= (x.shape[dim] if x.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if dtypes.OF_RAW[x.dtype] is dtypes.bool:
        raise RuntimeError("topk does not support bool dtypes on CPU")
    return xp.sort(x, dim=dim, descending=largest, k=k)


def _back_along(xp, g0, x_shape, out1, dim, keepdim):
    if not keepdim and len(x_shape):
        g0, out1 = xp.unsqueeze(g0, dim=dim), xp.unsqueeze(out1, dim=dim)
    return _placed(xp, g0, x_shape, out1, dim)


def _extreme(name, result, of_all, elementwise):
    """`max` or `min`, three functions in one."""

    def forward(xp, x, *, dim, keepdim=False):
        """The extreme elements along `dim`, and the first index of each."""
        dim = reduced(x, dim)
        needs_elements(name, x, dim)
        return getattr(xp, f"{name}_along")(x, dim=None if dim is None else dim[0], keepdim=keepdim)

    along = op(
        name=name,
        vjp=dict(x=_back_along),
        torch=name,
        outputs=2,
        returns=result,
        inplace=False,
        samples=calls((((3, 4), 1), {}), (((2, 3, 4), -2, True), {}), (((), 0), {}), (((0, 3), 1), {})),
    )(forward)

    def function(input, dim=None, keepdim=False, *, other=None):
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        if isinstance(dim, Tensor) or other is not None:
            return elementwise(input, dim if other is None else other)
        if dim is None:
            needs_elements(name, input, None)
            return of_all(input)
        return along(input, dim, keepdim)

    function.__name__ = name
    function.__doc__ = f"{name}(x): of all; {name}(x, dim): (values, indices); {name}(x, y): elementwise."
    along.op.public_front = taking_out(function)
    return along.op.public_front


max = _extreme("max", max_result, amax, maximum)
min = _extreme("min", min_result, amin, minimum)
