"""`Module`: parameters, buffers and sub-modules under their attribute names."""

from __future__ import annotations

from ..tensor import Tensor
from . import cast, hooks, state, walk
from .names import assign, check_name, kind, make_room
from .parameter import Buffer, Parameter


class Module:
    """Base class of all layers and models: define `forward`, call the module.

    Attributes that are a `Parameter`, a registered buffer or a Module are found by `parameters()`, `state_dict()`, `to()`,
    `train()` ...; call `super().__init__()` before assigning them (AttributeError otherwise).
    """

    training: bool
    _version = 1
    _hooked = False  # whether a hook was ever registered

    def __init__(self):
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _non_persistent_buffers_set=set(),
            _modules={},
            _forward_pre_hooks={},
            _forward_hooks={},
            _backward_hooks={},
            _backward_pre_hooks={},
            _state_dict_pre_hooks={},
            _state_dict_hooks={},
            _load_state_dict_pre_hooks={},
            _load_state_dict_post_hooks={},
        )

    def forward(self, *input):
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args, **kwargs):
        if self._hooked:
            return hooks.call(self, args, kwargs)
        if kwargs:
            return self.forward(*args, **kwargs)
        return self.forward(args[0]) if len(args) == 1 else self.forward(*args)  # Python calls 40 ns faster without a star

    register_forward_pre_hook = hooks.register_forward_pre_hook
    register_forward_hook = hooks.register_forward_hook
    register_full_backward_hook = hooks.register_full_backward_hook
    register_full_backward_pre_hook = hooks.register_full_backward_pre_hook
    register_state_dict_pre_hook = hooks.register_state_dict_pre_hook
    register_state_dict_post_hook = hooks.register_state_dict_post_hook
    register_load_state_dict_pre_hook = hooks.register_load_state_dict_pre_hook
    register_load_state_dict_post_hook = hooks.register_load_state_dict_post_hook

    state_dict, load_state_dict = state.state_dict, state.load_state_dict
    get_extra_state, set_extra_state = state.get_extra_state, state.set_extra_state

    # ------------------------------------------------------------------ attributes

    def __setattr__(self, name, value):
        fields = self.__dict__
        if isinstance(value, Parameter):
            make_room(self, name, "_parameters", "parameters")
            self.register_parameter(name, value)
        elif name in fields.get("_parameters", ()):
            assign(self, "_parameters", name, value, None, "parameter", "torch.nn.Parameter")
        elif isinstance(value, Module):
            make_room(self, name, "_modules", "module")
            self._modules[name] = value
        elif name in fields.get("_modules", ()):
            assign(self, "_modules", name, value, None, "child module", "torch.nn.Module")
        elif isinstance(value, Buffer):
            self.register_buffer(name, value, value.persistent)
        elif name in fields.get("_buffers", ()):
            assign(self, "_buffers", name, value, Tensor, "buffer", "torch.nn.Buffer, torch.Tensor")
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name):
        """Called for what is no plain attribute: parameters, buffers and sub-modules."""
        fields = self.__dict__
        for where in ("_parameters", "_buffers", "_modules"):
            if where in fields and name in fields[where]:
                return fields[where][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name):
        for where in (self._parameters, self._buffers, self._modules):
            if name in where:
                del where[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self):
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        return sorted(n for n in names if not n[0].isdigit())

    def register_parameter(self, name, param):
        """TypeError if it is no Parameter; KeyError for a name with a dot, empty, or taken."""
        check_name(self, name, "_parameters", "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{kind(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To express '{name}' as a "
                "function of another Tensor, compute the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """A tensor of the state that is not trained; saved in state_dict if persistent."""
        check_name(self, name, "_buffers", "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{kind(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name, module):
        check_name(self, name, "_modules", "module")
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{kind(module)} is not a Module subclass")
        self._modules[name] = module

    register_module = add_module

    # ------------------------------------------------------------------ walking

    named_modules, modules = walk.named_modules, walk.modules
    named_children, children = walk.named_children, walk.children
    named_parameters, parameters = walk.named_parameters, walk.parameters
    named_buffers, buffers = walk.named_buffers, walk.buffers

    def get_submodule(self, target):
        """The sub-module at a dotted path. AttributeError if there is none."""
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Replaces (or, unless `strict`, adds) the sub-module at a dotted path. ValueError for an empty path or what is no Module;
        AttributeError if there is something else at that path, or no parent."""
        path, _, name = target.rpartition(".")
        if not name:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        if strict or hasattr(self.get_submodule(path), name):
            self.get_submodule(target)
        setattr(self.get_submodule(path), name, module)

    def get_parameter(self, target):
        """The parameter at a dotted path. AttributeError if there is none."""
        return self._member(target, "_parameters", "an nn.Parameter")

    def get_buffer(self, target):
        """The buffer at a dotted path. AttributeError if there is none."""
        return self._member(target, "_buffers", "a buffer")

    def _member(self, target, where, what):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        found = module.__dict__[where].get(name)
        if found is None:
            raise AttributeError(f"`{name}` is not {what}")
        return found

    # ------------------------------------------------------------------ changing all

    apply, _apply, to, to_empty, type = cast.apply, cast.apply_to_tensors, cast.to, cast.to_empty, cast.type
    float, double, half, cpu, cuda = cast.float, cast.double, cast.half, cast.cpu, cast.cuda

    def train(self, mode=True):
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        for p in self.parameters():
            if set_to_none:
                p._grad = None
            elif p._grad is not None:
                p._grad.detach_().zero_()

    # ------------------------------------------------------------------ text

    def extra_repr(self):
        return ""

    def _get_name(self):
        return type(self).__name__

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in self._modules.items()]
        head = self._get_name() + "("
        if not children and len(lines) <= 1:
            return head + extra + ")"
        return head + "\n  " + "\n  ".join(lines + children) + "\n)"
