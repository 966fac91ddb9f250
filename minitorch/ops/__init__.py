"""The operations. As a namespace this module is the third backend: the same names on tensors, recorded.

Importing it attaches methods, operators and in-place forms to `Tensor`, all from the table.
"""

from __future__ import annotations

from ..creation import (  # noqa: F401
    astype_like,
    blank,
    full_like,
    index_range,
    ones_like,
    zeros_like,
    zeros_of,
)
from . import compare, pointwise, shape
from .activation import *  # noqa: F403
from .arrange import (  # noqa: F401
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_tensors,
    cartesian_prod,
    cat,
    column_stack,
    diag,
    diag_embed,
    diagflat,
    dstack,
    flip,
    fliplr,
    flipud,
    hstack,
    meshgrid,
    ravel,
    repeat,
    repeat_interleave,
    roll,
    rot90,
    stack,
    tensor_split,
    tile,
    trace,
    tril,
    tril_indices,
    triu,
    triu_indices,
    vstack,
)
from .attention import *  # noqa: F403
from .class_loss import *  # noqa: F403
from .compare import *  # noqa: F403
from .convert import to_device  # noqa: F401
from .decompositions import (  # noqa: F401
    det,
    factored_det,
    factored_slogdet,
    factored_solve,
    factored_svdvals,
    inv,
    inverse,
    linalg_svd,
    logdet,
    slogdet,
    solve,
    svd,
    svdvals,
)
from .einsum import einsum  # noqa: F401
from .embedding import embedding, embedding_rows, one_hot  # noqa: F401
from .gates import (  # noqa: F401
    celu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    mish,
    prelu,
    prelu_kernel,
    selu,
    softshrink,
    threshold,
)
from .index import getitem, index_put, setitem, take_index  # noqa: F401
from .limits import *  # noqa: F403
from .linalg import bmm, dot, linear, matmul, mm, mv, outer  # noqa: F401
from .lookup import (  # noqa: F401
    argwhere,
    bucketize,
    index_copy,
    index_fill,
    isin,
    masked_scatter,
    scatter_reduce,
    searchsorted,
    take,
    unique_consecutive,
)
from .loss import *  # noqa: F403
from .normalize import *  # noqa: F403
from .norms import cosine_similarity, norm, pairwise_distance, vector_norm  # noqa: F401
from .order import argsort, max, min, sort, topk  # noqa: F401
from .pad import constant_pad_nd, pad  # noqa: F401
from .pointwise import *  # noqa: F403
from .products import addbmm, addmm, addmv, baddbmm, inner, kron, tensordot  # noqa: F401
from .reduce import *  # noqa: F403
from .selection import (  # noqa: F401
    bincount,
    gather,
    index_add,
    index_select,
    masked_fill,
    masked_select,
    nonzero,
    scatter,
    scatter_add,
    take_along_dim,
    unique,
)
from .shape import *  # noqa: F403
from .softmaxes import *  # noqa: F403
from .special import (  # noqa: F401
    acosh,
    asinh,
    atanh,
    bitwise_left_shift,
    bitwise_right_shift,
    clamp_max,
    clamp_min,
    float_power,
    fmax,
    fmin,
    frac,
    hypot,
    is_complex,
    logaddexp,
    logit,
    nan_to_num,
    positive,
    real,
    rsub,
)
from .statistics import (  # noqa: F401
    aminmax,
    count_nonzero,
    cummax,
    cummin,
    dist,
    kthvalue,
    median,
    msort,
    nanmean,
    nanmedian,
    nanquantile,
    nansum,
    quantile,
    std_mean,
    var_mean,
)
from .table import OPS, switches, tracers  # noqa: F401

divide = pointwise.div
multiply, subtract, negative = pointwise.mul, pointwise.sub, pointwise.neg
greater, greater_equal, less, less_equal, not_equal = (
    compare.gt,
    compare.ge,
    compare.lt,
    compare.le,
    compare.ne,
)
absolute, swapaxes, swapdims, moveaxis = pointwise.abs, shape.transpose, shape.transpose, shape.movedim
concat = concatenate = cat
row_stack = vstack
arccos, arcsin, arctan, arctan2 = pointwise.acos, pointwise.asin, pointwise.atan, pointwise.atan2
