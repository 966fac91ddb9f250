"""Walking over a module: its sub-modules, parameters and buffers, each once, in the order in which they were registered."""

from __future__ import annotations


def named_modules(self, memo=None, prefix="", remove_duplicate=True):
    """(path, module) for this one, its sub-modules and theirs. `memo`: modules that are left out, and what is added to it."""
    memo = set() if memo is None else memo
    paths, levels = [""], [iter([(prefix, self)])]
    while levels:
        for name, module in levels[-1]:
            if module is None or module in memo:
                continue
            if remove_duplicate:
                memo.add(module)
            path = paths[-1] + name
            yield path, module
            if module._modules:
                paths.append(path + "." if path else "")
                levels.append(iter(module._modules.items()))
                break  # down
        else:  # and up again
            paths.pop()
            levels.pop()


def modules(self, remove_duplicate=True):
    return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))


def named_children(self):
    seen = set()
    for name, module in self._modules.items():
        if module is not None and module not in seen:
            seen.add(module)
            yield name, module


def children(self):
    return (module for _, module in self.named_children())


def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
    """(path, parameter) of this module and, with `recurse`, of all its sub-modules."""
    return _named_members(self, "_parameters", prefix, recurse, remove_duplicate)


def parameters(self, recurse=True):
    if type(self).named_parameters is not named_parameters:  # it says which there are
        return (p for _, p in self.named_parameters(recurse=recurse))
    return _nameless(_below(self, {}) if recurse else [self])


def _below(module, found):
    """The module and those below it, as the keys of a dict: `named_modules` without names, which take longer than the walk."""
    found[module] = None
    for child in module._modules.values():
        if child is not None and child not in found:
            _below(child, found)
    return found


def _nameless(modules):
    seen = set()
    for module in modules:
        for p in module._parameters.values():
            if p is not None and p not in seen:
                seen.add(p)
                yield p


def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
    """(path, buffer) of this module and, with `recurse`, of all its sub-modules."""
    return _named_members(self, "_buffers", prefix, recurse, remove_duplicate)


def buffers(self, recurse=True):
    return (b for _, b in self.named_buffers(recurse=recurse))


def _named_members(self, where, prefix, recurse, remove_duplicate):
    seen = set()
    modules = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
    for path, module in modules:
        members = module.__dict__[where]
        if not members:
            continue
        path = path + "." if path else ""
        for name, value in members.items():
            if value is None or value in seen:
                continue
            if remove_duplicate:
                seen.add(value)
            yield path + name, value
