"""A module's state as a dict of tensors, and back."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple

import numpy as np

from ..autograd.mode import no_grad
from ..tensor import Size, Tensor, wrap
from .parameter import Parameter


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` did not find in the dict, and what it had no use for."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def get_extra_state(self):
    """Override it, and `set_extra_state`, to keep something else under `_extra_state` in the state dict."""
    raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")


def set_extra_state(self, state):
    """Called with what `get_extra_state` returned when the state dict was made."""
    raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")


def has_extra_state(module):
    return type(module).get_extra_state is not get_extra_state


def own_tensors(module):
    """(dict that holds it, name, tensor) of the parameters and persistent buffers of this module alone."""
    for name, p in module._parameters.items():
        if p is not None:
            yield module._parameters, name, p
    for name, b in module._buffers.items():
        if b is not None and name not in module._non_persistent_buffers_set:
            yield module._buffers, name, b


def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
    """name -> tensor of every parameter and persistent buffer, sharing memory with the module."""
    if args:
        warnings.warn(
            "Positional args are being deprecated, use kwargs instead: state_dict(destination=, prefix=, keep_vars=)",
            FutureWarning,
            stacklevel=2,
        )
        destination, prefix, keep_vars = (*args, *(destination, prefix, keep_vars)[len(args) :])
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()  # torch's: the version of each module's layout
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = {"version": self._version}
    for hook in self._state_dict_pre_hooks.values():
        hook(self, prefix, keep_vars)
    for _, name, t in own_tensors(self):
        destination[prefix + name] = t if keep_vars else t.detach()
    if has_extra_state(self):
        destination[prefix + "_extra_state"] = self.get_extra_state()
    for name, module in self._modules.items():
        if module is not None:
            module.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
    for hook in self._state_dict_hooks.values():
        hook(self, destination, prefix, {"version": self._version})
    return destination


def load_state_dict(self, state_dict, strict=True, assign=False):
    """Copies values in by name (`assign`: takes the tensors themselves). RuntimeError naming every missing, unexpected or mis-shaped
    entry; nothing is copied then, unless there are post-hooks, which see the loaded module and may forgive keys."""
    if not hasattr(state_dict, "keys"):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    given, keys, errors = OrderedDict(state_dict), IncompatibleKeys([], []), []
    versions = getattr(state_dict, "_metadata", {})
    targets, extra, post_hooks = {}, {}, []
    for path, module in self.named_modules(remove_duplicate=False):
        prefix = path + ("." if path else "")
        for hook in module._load_state_dict_pre_hooks.values():
            hook(module, given, prefix, versions.get(path, {}), True, *keys, errors)
        if hasattr(module, "_complete_state"):
            module._complete_state(given, prefix, versions.get(path, {}).get("version"))
        targets.update({prefix + name: (where, name, t) for where, name, t in own_tensors(module)})
        if has_extra_state(module):
            extra[prefix + "_extra_state"] = module
        post_hooks[:0] = [(hook, module) for hook in module._load_state_dict_post_hooks.values()]
    keys.missing_keys.extend(k for k in [*targets, *extra] if k not in given)
    keys.unexpected_keys.extend(k for k in given if k not in targets and k not in extra)
    errors += [e for k, (_, _, t) in targets.items() if k in given for e in misfit(k, t, given[k])]
    if errors or not post_hooks:
        check(self, keys, errors, strict)
    with no_grad():
        for key, (where, name, t) in targets.items():
            if key in given:
                load(where, name, t, as_tensor(given[key]), assign)
    for key, module in extra.items():
        if key in given:
            module.set_extra_state(given[key])
    for hook, module in post_hooks:
        hook(module, keys)
    check(self, keys, errors, strict)
    return keys


def misfit(key, t, value):
    if not hasattr(value, "shape"):
        yield (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint but received '
            f"{type(value)}"
        )
    elif tuple(value.shape) != tuple(t.shape):
        yield (
            f"size mismatch for {key}: copying a param with shape {Size(value.shape)} from checkpoint, the shape in current model is "
            f"{t.shape}."
        )


def check(module, keys, errors, strict):
    if strict:
        named = (("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys))
        quoted = [(what, ", ".join(f'"{k}"' for k in found)) for what, found in named if found]
        errors = [f"{what} key(s) in state_dict: {found}. " for what, found in quoted] + errors
    if errors:
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(errors)
        )


def load(where, name, t, value, assign):
    if not assign:
        t.copy_(value)
    elif isinstance(t, Parameter):
        where[name] = Parameter(value, t.requires_grad)
    else:
        where[name] = value


def as_tensor(value):
    """Torch's tensors and NumPy's arrays are taken as well."""
    if isinstance(value, Tensor):
        return value
    return wrap(np.array(value.detach().cpu().numpy() if hasattr(value, "detach") else value))
