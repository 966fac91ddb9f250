"""`Function`: an operation with a derivative written by the user."""

from __future__ import annotations

from ..tensor import Tensor, wrap
from . import anomaly
from .graph import LEAF, Node, Output, next_number, released, shown
from .mode import no_grad, state
from .views import set_history


class Context:
    """`ctx`: what forward leaves for backward."""

    def __init__(self):
        self._to_save, self._dirty, self._non_differentiable = (), (), ()
        self.materialize_grads, self.needs_input_grad, self._node = True, (), None

    def save_for_backward(self, *tensors):
        """Tensors (or None) for backward: inputs, outputs or intermediate values; read them as `ctx.saved_tensors`."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but got an object of type {type(t).__name__}"
                )
        self._to_save = tensors

    save_for_forward = save_for_backward

    def mark_dirty(self, *tensors):
        """Inputs that forward changed in place, and returns."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """Outputs that have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value):
        """False: missing gradients reach backward as None instead of zeros."""
        self.materialize_grads = value

    @property
    def saved_tensors(self):
        return self._node.unpack()

    saved_variables = saved_tensors


class FunctionNode(Node):
    """The graph node of one call of a `Function`."""

    __slots__ = ("ctx", "dtype", "function", "n_inputs", "outputs", "positions", "shape")

    plan = property(lambda self: FunctionPlan)

    def name(self):
        return self.function.__name__ + "Backward"

    @property
    def next_functions(self):
        slots = [(None, 0)] * self.n_inputs
        for p, e in zip(self.positions, self.edges, strict=True):
            slots[p] = shown(e)
        return tuple(slots)

    def save(self, inputs, outputs):
        """Remembers each saved tensor by what it is: an input's edge, an output's number, or just its array."""
        saved = []
        for t in self.ctx._to_save:
            if t is None:
                saved.append(None)
                continue
            number = next((i for i, o in enumerate(outputs) if o is t), None)
            source = t if t._edge is LEAF else t._edge
            saved.append((t._array, t._cell, t._cell[0], number, None if number is not None else source))
        self.saved, self.versions, self.ctx._to_save = tuple(saved), (), ()

    def unpack(self):
        if self.saved is None:
            released()
        out = []
        for item in self.saved:
            if item is None:
                out.append(None)
                continue
            array, cell, version, number, source = item
            if cell[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: a tensor of shape "
                    f"{list(array.shape)}, saved by {self.name()}, is at version {cell[0]}; expected version {version} instead."
                )
            if isinstance(source, Tensor):
                out.append(source)
                continue
            t = wrap(array)
            t._cell = cell
            t._node = self.output_node(number) if number is not None else source
            out.append(t)
        return tuple(out)

    def output_node(self, number):
        ref = self.outputs[number]
        return ref() if ref is not None else None


class FunctionPlan:
    """How the engine runs the user's backward: with tensors, recorded or not."""

    saved_names = ()

    @staticmethod
    def restricted(asked):
        return FunctionPlan

    @staticmethod
    def backward(node, g, xp):
        with no_grad():
            return [None if r is None else r._array for r in FunctionPlan.backward_tensors(node, g)]

    @staticmethod
    def backward_tensors(node, g):
        grads, found = [], next(gi for gi in g if gi is not None)
        for i, gi in enumerate(g):
            if gi is None and node.ctx.materialize_grads:
                gi = node.xp.zeros_beside(getattr(found, "_array", found), node.shape[i], node.dtype[i])
            grads.append(gi if gi is None or isinstance(gi, Tensor) else wrap(node.xp.asarray(gi)))
        results = node.function.backward(node.ctx, *grads)
        results, n = results if isinstance(results, tuple) else (results,), node.n_inputs
        if len(results) < n or any(r is not None for r in results[n:]):
            raise RuntimeError(
                f"function {node.name()} returned an incorrect number of gradients (expected {n}, got {len(results)})"
            )
        for r in results:
            if r is not None and not isinstance(r, Tensor):
                raise RuntimeError(
                    f"function {node.name()} returned a gradient that is no tensor: {type(r).__name__}"
                )
        return [results[p] for p in node.positions]


class Function:
    """Subclass it with static `forward(ctx, *args)` and `backward(ctx, *grads)` (one gradient or None an argument), call `.apply(*args)`.

    Also the split form: `forward(*args)` with `setup_context(ctx, inputs, output)`. RuntimeError if backward returns another number of
    gradients than forward has arguments.
    """

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        raise NotImplementedError("setup_context is not implemented for custom autograd.Function.")

    @staticmethod
    def backward(ctx, *grads):
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @classmethod
    def apply(cls, *args, **kwargs):
        ctx = Context()
        tensors = [(i, a) for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        recording = state.grad and any(ctx.needs_input_grad)
        edges = [a if a._edge is LEAF else a._edge for i, a in tensors if ctx.needs_input_grad[i]]
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        outputs = list(result) if isinstance(result, tuple) else [result]
        dirty, constant = {id(t) for t in ctx._dirty}, {id(t) for t in ctx._non_differentiable}
        for i, o in enumerate(outputs):
            # an input handed on is another tensor, so that its own history stays
            if isinstance(o, Tensor) and id(o) not in dirty and any(o is a for _, a in tensors):
                outputs[i] = o.detach()
                if id(o) in constant:
                    constant.add(id(outputs[i]))
        if recording:
            cls._record(ctx, args, edges, outputs, constant, dirty)
        return tuple(outputs) if isinstance(result, tuple) else outputs[0]

    @classmethod
    def _record(cls, ctx, args, edges, outputs, constant, dirty):
        import weakref

        from ..backends import backend_of

        node = FunctionNode()
        node.ctx, node.function, node.n_inputs, node.edges = ctx, cls, len(args), tuple(edges)
        node.positions = [i for i, needs in enumerate(ctx.needs_input_grad) if needs]
        node.hooks, node.number = None, next_number()
        node.fits = [(args[i]._array.shape, args[i]._array.dtype) for i in node.positions]
        if anomaly.enabled:
            anomaly.remember(node)
        arrays = [o._array if isinstance(o, Tensor) else None for o in outputs]
        node.xp = backend_of(next(a for a in [*arrays, args[node.positions[0]]._array] if a is not None))
        node.shape = [None if a is None else a.shape for a in arrays]
        node.dtype = [None if a is None else a.dtype for a in arrays]
        node.outputs = [None] * len(outputs)
        for i, o in enumerate(outputs):
            if isinstance(o, Tensor) and o.is_floating_point() and id(o) not in constant:
                made = Output(node, i)
                node.outputs[i] = weakref.ref(made)
                if id(o) in dirty:
                    set_history(o, made)
                else:
                    o._node = made
        node.save(args, outputs)
        ctx._node = weakref.proxy(node)


def once_differentiable(backward):
    """For a backward that is not itself differentiable: differentiating its results raises RuntimeError."""
    import functools

    @functools.wraps(backward)
    def wrapper(ctx, *grads):
        recording = state.grad and any(isinstance(g, Tensor) and g.requires_grad for g in grads)
        with no_grad():
            results = backward(ctx, *grads)
        if not recording:
            return results
        many = isinstance(results, tuple)
        results = results if many else (results,)
        barred = tuple(
            _Barrier.apply(r, *[g for g in grads if g is not None]) if isinstance(r, Tensor) else r
            for r in results
        )
        return barred if many else barred[0]

    return wrapper


class _Barrier(Function):
    @staticmethod
    def forward(ctx, x, *sources):
        return x.clone()

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
