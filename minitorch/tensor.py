"""The tensor: storage, dtype, device, version, grad. No maths: operations are attached from the table in `ops/`.

A tensor is a raw array and its place in a graph. What every tensor has is a slot; what few have is in the instance's
dict, with a default in the class.
"""

from __future__ import annotations

import numpy as np

from . import dtypes, values
from .autograd.graph import LEAF, Node, extras
from .autograd.mode import INFERENCE, state
from .device import device as Device
from .printing import tensor_repr
from .size import Size, wrap_dim

_new = object.__new__


class Tensor:
    """A multi-dimensional array that records what is done with it.

    Make one with `tensor(data)`, `zeros(2, 3)`, `randn(4)`; the constructor `Tensor(2, 3)` (an uninitialised float
    tensor) and `Tensor([1, 2])` are torch's legacy forms.
    """

    # _array    the raw array: a numpy.ndarray (device cpu) or a torch.Tensor (devices torch, cuda)
    # _cell  [number of in-place changes], shared by all views of one memory
    # _node     None (no gradient), LEAF (a leaf that requires grad) or the graph node that made it
    # _grad     Tensor or None: the accumulated gradient of a leaf, or of a non-leaf after retain_grad()
    # _view     autograd.views.View or None: it shares the memory of another tensor
    # hooks     autograd.graph.Hooks of a leaf, or None
    __slots__ = ("__dict__", "__weakref__", "_array", "_cell", "_grad", "_node", "_view", "hooks")

    name = None
    is_lent = False  # of a `.grad`: its memory is that of a gradient given to `backward`
    _backward_hooks = None

    def __new__(cls, *args, dtype=None, device=None):
        from . import creation

        if not (args and isinstance(args[0], Tensor)):
            device = device or Device.CPU  # torch's legacy forms do not ask the default device
        if (
            len(args) == 1
            and isinstance(args[0], (Tensor, list, tuple, np.ndarray))
            and not isinstance(args[0], Size)
        ):
            made = creation.tensor(args[0], dtype=dtypes.get_default_dtype(), device=device)
        else:
            made = creation.empty(*args, device=device) if args else creation.empty(0, device=device)
        made.__class__ = cls
        return made

    # ------------------------------------------------------------------ what it is

    @property
    def shape(self) -> Size:
        return Size(self._array.shape)

    def size(self, dim: int | None = None):
        return Size(self._array.shape) if dim is None else self._array.shape[wrap_dim(dim, self._array.ndim)]

    @property
    def ndim(self) -> int:
        return self._array.ndim

    def dim(self) -> int:
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        return Size(self._array.shape).numel()

    nelement = numel

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.OF_RAW[self._array.dtype]

    @property
    def device(self) -> Device:
        a = self._array
        return Device.CPU if type(a) is np.ndarray else Device.of_raw(a)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    element_size = lambda self: self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.numel() * self.itemsize

    def stride(self, dim: int | None = None):
        """Steps in elements, not bytes."""
        a = self._array
        strides = a.stride() if not isinstance(a, np.ndarray) else tuple(s // a.itemsize for s in a.strides)
        return tuple(strides) if dim is None else strides[wrap_dim(dim, a.ndim)]

    def storage_offset(self) -> int:
        """Elements between the start of the memory and this view's first element."""
        a = self._array
        if not isinstance(a, np.ndarray):
            return a.storage_offset()
        from .memory import offset_of_empty, owner_of

        if not a.size and self._view is not None:
            return offset_of_empty(self._view)
        return (a.__array_interface__["data"][0] - owner_of(a).__array_interface__["data"][0]) // a.itemsize

    def data_ptr(self) -> int:
        a = self._array
        return a.__array_interface__["data"][0] if isinstance(a, np.ndarray) else a.data_ptr()

    def is_contiguous(self) -> bool:
        a = self._array
        return bool(a.flags.c_contiguous) if isinstance(a, np.ndarray) else a.is_contiguous()

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return False

    def is_signed(self) -> bool:
        return self.dtype.is_signed

    is_sparse = is_quantized = is_meta = is_mps = is_mkldnn = is_nested = False

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    def get_device(self) -> int:
        return -1 if self.device.index is None else self.device.index

    # ------------------------------------------------------------------ out to Python and NumPy

    item, tolist, numpy, __array__ = values.item, values.tolist, values.numpy, values.array
    __bool__, __int__, __float__, __index__ = values.truth, values.integer, values.real, values.position
    __len__, __iter__, __contains__ = values.length, values.iterate, values.contains
    __format__, __repr__ = values.text, tensor_repr
    __reduce__, __deepcopy__ = values.reduced, values.deep_copy
    __hash__ = object.__hash__  # `==` is elementwise, identity is what dicts and sets need
    __array_priority__ = 1000  # np.float64(2) * tensor is a tensor
    __array_ufunc__ = None

    # ------------------------------------------------------------------ its place in the graph

    @property
    def _edge(self):
        """The current `_node`: of a view whose base was changed in place, made anew."""
        return self._node if self._view is None else self._view.node(self)

    @property
    def requires_grad(self) -> bool:
        return self._edge is not None

    @requires_grad.setter
    def requires_grad(self, value: bool):
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """RuntimeError for integer and bool tensors, and to switch it off on a non-leaf (use `.detach()`)."""
        if requires_grad and not self.dtype.is_floating_point:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if requires_grad and self._cell is INFERENCE and not state.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed. Use .clone() to get a "
                "normal tensor."
            )
        if not self.is_leaf:
            if not requires_grad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            return self
        self._place(LEAF if requires_grad else None)
        return self

    @property
    def grad_fn(self) -> Node | None:
        node = self._edge
        if node is None or node is LEAF:
            return None
        return node.edges[0] if hasattr(node, "index") else node

    @property
    def output_nr(self) -> int:
        return getattr(self._edge, "index", 0)

    @property
    def is_leaf(self) -> bool:
        node = self._edge
        return node is None or node is LEAF

    @property
    def grad(self) -> Tensor | None:
        if self._grad is None and not self.is_leaf and not self.retains_grad:
            import warnings

            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't "
                "be populated during autograd.backward(). If you indeed want the .grad field to be populated for a "
                "non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value):
        if value is not None:
            check_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self):
        self._grad = None

    @property
    def retains_grad(self) -> bool:
        node = self._edge
        return (
            isinstance(node, Node)
            and node.hooks is not None
            and any(ref() is self for ref in node.hooks.retain)
        )

    def retain_grad(self) -> None:
        """Keep `.grad` of this non-leaf as well. RuntimeError if it does not require grad."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if not self.is_leaf and not self.retains_grad:
            import weakref

            extras(self._edge).retain.append(weakref.ref(self))

    def register_hook(self, hook):
        """hook(grad) -> None or a new gradient, whenever the gradient of this tensor is computed."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return extras(self if self.is_leaf else self._edge).add("tensor", hook)

    def register_post_accumulate_grad_hook(self, hook):
        """hook(tensor), after `.grad` of this leaf was updated."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return extras(self).add("accumulated", hook)

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None) -> None:
        """Adds d self / d leaf to `.grad` of every leaf. `gradient` (same shape) is needed unless self has one element."""
        api.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """The same memory, outside the graph."""
        t = wrap(self._array)
        t._cell = self._cell
        return t

    def detach_(self) -> Tensor:
        if self._is_view():
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
                "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets."
            )
        self._place(None)
        return self

    def _place(self, node):
        """Sets `_node`, also that of the former self if the geometry was changed in place (`autograd.views.change_geometry`)."""
        self._node = node
        if self._view is not None and self._view.own:
            self._view.base._node = self._view.history = node

    @property
    def data(self) -> Tensor:
        """The same memory, outside the graph and without version checks."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor):
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._array = value._array

    @property
    def _base(self):
        return self._view.base if self._is_view() else None

    def _is_view(self) -> bool:
        return self._view is not None and not self._view.own

    def is_inference(self) -> bool:
        return self._cell is INFERENCE

    @property
    def _version(self) -> int:
        """How often the memory was changed in place, through this tensor or a view of it."""
        return self._cell[0]


def wrap(array) -> Tensor:
    """A tensor on a raw array, outside any graph."""
    t = _new(Tensor)
    t._array = array
    t._cell = [0]
    t._node = t._grad = t._view = t.hooks = None
    return t


def check_grad(x, value):
    """TypeError or RuntimeError if `value` cannot be the gradient of `x`."""
    if not isinstance(value, Tensor):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
    if value is x:
        raise RuntimeError("can't assign Variable as its own grad")
    for what, name in dict(shape="size", dtype="type", device="device").items():
        expected, given = getattr(x, what), getattr(value, what)
        if expected != given:
            raise RuntimeError(f"assigned grad has data of a different {name}: expected {expected}, got {given}")


from .autograd import api  # noqa: E402  (it needs Tensor)
