"""Views and in-place changes.

A view remembers its base and the chain of view calls (`steps`) that leads from base to it. `node()` gives the current graph
position of a view: if the base got a new history (it was changed in place, or another view of it was), the chain is replayed on the
base. `write` turns the result of an out-of-place op into an in-place one; on a view it also rebases the base:

    base' = copy_slices(base, view')        view'' = chain(base')

A tensor whose own geometry is changed in place (`x.t_()`) becomes a view of what it was: an unseen tensor takes its former place, for
itself and for all views of it.
"""

from __future__ import annotations

from numpy import ndarray
from numpy.lib.array_utils import byte_bounds

from ..backends import backend_of
from .graph import LEAF
from .mode import INFERENCE, get_ident, silent, state


class View:
    """`base`: the tensor whose memory it is. `steps`: ((op, metadata), ...). `history`: base's node when last looked at. `own`: the base
    is the tensor's own former geometry, which users see nothing of."""

    __slots__ = ("base", "history", "no_grad", "own", "steps")

    def __init__(self, source, op, metadata):
        parent = source._view
        if parent is None:
            self.base, self.steps = source, ((op, metadata),)
        else:
            self.base, self.steps = parent.base, (*parent.steps, (op, metadata))
        self.history = self.base._node
        self.no_grad = bool(silent) and get_ident() in silent
        self.own = False

    def node(self, tensor):
        """The node of `tensor`, whose view this is, made anew if the base's history has changed."""
        base = self.base
        if base._view is not None:  # its geometry was changed in place
            base = self.base = base._view.base
        if base._node is not self.history:
            self.history = base._node
            if base._node is not LEAF and not self.no_grad:
                before, state.grad = state.grad, True
                try:
                    tensor._node = replay(_ops(), base, self.steps)._node
                finally:
                    state.grad = before
        return tensor._node


def _ops():
    from .. import ops

    return ops


def replay(xp, base, steps):
    """The chain of view calls on another base, in the namespace `xp` (raw arrays or tensors)."""
    for op, metadata in steps:
        base = op.forward(xp, base, **metadata)
    return base


def repeats(x) -> bool:
    """Whether several elements of `x` are one memory location, as `expand` makes them."""
    array = x._array
    strides = array.strides if type(array) is ndarray else array.stride()
    return 0 in strides and any(n > 1 and s == 0 for n, s in zip(x.shape, strides, strict=True)) and x.numel() > 0


def check_writable(x, others=()):
    """RuntimeError if changing `x` in place is not allowed; to be called before anything is changed."""
    if repeats(x):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )
    for other in others:
        if other._cell is x._cell and other is not x and overlaps(x._array, other._array):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
                "location. Please clone() the tensor before performing the operation."
            )
    check_history(x, others)


def overlaps(a, b) -> bool:
    """Whether two gapless arrays share memory but are not the same elements in the same order. Others torch does not check."""
    if type(a) is not ndarray:
        return False  # not refused there; right all the same, since a result is computed before it is written
    (low, high), (low2, high2) = byte_bounds(a), byte_bounds(b)
    if high - low != a.nbytes or high2 - low2 != b.nbytes:
        return False
    return low < high2 and low2 < high and (low, high, a.strides) != (low2, high2, b.strides)


def check_history(x, others=()):
    """RuntimeError if a change of `x` could not be recorded, or be seen by what is recorded."""
    if x._cell is INFERENCE and not state.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a normal "
            "tensor before doing inplace update."
        )
    if not state.grad:
        return
    view = x._view
    if x._node is LEAF if view is None else x.requires_grad and x.is_leaf:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if view is not None:
        if view.base._node is LEAF and x.requires_grad:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation."
            )
        if view.no_grad and (
            x.requires_grad or view.base._node is not None or any(o.requires_grad for o in others)
        ):
            raise RuntimeError(
                "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use "
                "case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the "
                "inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside "
                "(if you want the inplace to be tracked)."
            )


def write(x, result, row):
    """`x` becomes `result`, made by `row`, in place: its memory, version and history. RuntimeError if shape or dtype do not fit."""
    source, array = result._array, x._array
    if source.shape != array.shape:
        raise RuntimeError(
            f"output with shape {list(x.shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    if source.dtype != array.dtype and result.dtype.category > x.dtype.category:
        from ..printing import type_name

        raise RuntimeError(
            f"result type {type_name(result.dtype)} can't be cast to the desired output type {type_name(x.dtype)}"
        )
    node = result._node
    if node is not None and node.saved and node.plan.op is row:
        keep_saved_values(node, x, result)
    array[...] = (
        source if isinstance(array, ndarray) or source.device == array.device else source.to(array.device)
    )
    bump(x)
    if node is not None:
        node.versions = tuple(x._cell[0] if v is NEW_VERSION else v for v in node.versions)
    set_history(x, node)
    return x


def change_geometry(x, view_of, *args, **kwargs):
    """`x` becomes the view `view_of(x, ...)` of itself: another shape and other strides, in the same memory."""
    from ..tensor import wrap

    check_history(x)
    before, state.grad = state.grad, True
    try:
        changed = view_of(x, *args, **kwargs)
    finally:
        state.grad = before
    if x._node is not LEAF:  # a leaf that requires grad gets here under no_grad only, and stays what it is
        view, parent = changed._view, x._view
        if parent is None:
            view.base = former = wrap(x._array)
            former._cell, former._node = x._cell, x._node
        view.own, view.no_grad = parent is None or parent.own, parent is not None and parent.no_grad
        x._node, x._view = changed._node, view
    x._array = changed._array
    bump(x)
    return x


def bump(x):
    """Counts a change of `x` in place."""
    if x._cell is not INFERENCE:
        x._cell[0] += 1


NEW_VERSION = object()


def keep_saved_values(node, x, result):
    """Of the old `x`, the first input, the node keeps a copy; of the result, `x`'s own memory, in its new version.

    If `x` or a view of it is among the other inputs too, their saved value is about to be overwritten: its version is left
    as it is, and backward raises. All as torch does it.
    """
    old, row = x._array, node.plan.op
    saved, versions = list(node.saved), list(node.versions)
    for i, name in enumerate(node.plan.saved_names):
        if name == row.inputs[0] and saved[i] is old:
            saved[i] = old.copy() if isinstance(old, ndarray) else old.clone()
        elif name == "out" and saved[i] is result._array and old.dtype == result._array.dtype:
            saved[i] = old
    for i, name in enumerate(node.plan.guarded):
        if name == row.inputs[0]:
            versions[2 * i : 2 * i + 2] = [[0], 0]
        elif name == "out":
            versions[2 * i : 2 * i + 2] = [x._cell, NEW_VERSION]
    node.saved, node.versions = tuple(saved), tuple(versions)


def set_history(x, node):
    """`x` was changed in place by a call that left `node` (None: it is constant now). On a view, rebase the base."""
    if not state.grad:
        return
    view = x._view
    if view is None:
        if node is not None:
            x._node = node
        elif x._node is not None and x._node is not LEAF:  # it still requires grad: zero for the old values
            _ops().OPS["copy_slices"].plan(1).record(
                x, backend_of(x._array), x, x, x._array, x._array, x._node, None, ()
            )
        return
    base = view.base
    if node is None and base._node is None:
        return
    from ..ops.table import OPS

    x._node = node
    x_view, x._view = x._view, None  # as an input of copy_slices, x is the new value, not a view
    try:
        copy_slices = OPS["copy_slices"]
        mask = (base._node is not None) | (node is not None) << 1
        copy_slices.plan(mask).record(
            base, backend_of(base._array), base, x, base._array, x._array, base._node, node, view.steps
        )
    finally:
        x._view = x_view
    x_view.history = None if base._node is not None else x_view.history
    x_view.node(x)
