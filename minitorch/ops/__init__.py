"""The operations. As a namespace this module is the third backend: the same names on tensors, recorded.

Importing it attaches methods, operators and in-place forms to `Tensor`, all from the table.
"""

from __future__ import annotations

from ..creation import (  # noqa: F401
    astype_like,
    full_like,
    index_range,
    ones_like,
    zeros_like,
    zeros_of,
)
from . import pointwise, shape
from .activation import *  # noqa: F403
from .convert import to_device  # noqa: F401
from .index import (  # noqa: F401
    argsort,
    bincount,
    gather,
    getitem,
    index_add,
    index_put,
    index_select,
    masked_fill,
    masked_select,
    nonzero,
    scatter,
    scatter_add,
    setitem,
    sort,
    take_along_dim,
    take_index,
    topk,
    unique,
)
from .linalg import addmm, bmm, det, dot, einsum, inv, linear, matmul, mm, mv, outer, solve  # noqa: F401
from .loss import *  # noqa: F403
from .normalize import *  # noqa: F403
from .pointwise import *  # noqa: F403
from .reduce import *  # noqa: F403
from .reduce import root_of_variance, vector_norm  # noqa: F401
from .shape import *  # noqa: F403
from .softmaxes import *  # noqa: F403
from .table import OPS, switches, tracers  # noqa: F401

div = divide = true_divide = pointwise.true_divide
multiply, subtract, negative = pointwise.mul, pointwise.sub, pointwise.neg
greater, greater_equal, less, less_equal, not_equal = (
    pointwise.gt,
    pointwise.ge,
    pointwise.lt,
    pointwise.le,
    pointwise.ne,
)
absolute, swapaxes, moveaxis, concat = pointwise.abs, shape.transpose, shape.movedim, shape.cat
