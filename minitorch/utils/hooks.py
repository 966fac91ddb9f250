"""Handles that remove a hook."""

from __future__ import annotations

import itertools

_next_id = itertools.count().__next__


class RemovableHandle:
    """Returned by every `register_*hook`; `remove()` takes the hook out, once or more often. Usable in `with`."""

    def __init__(self, hooks: dict):
        self.hooks = hooks
        self.id = _next_id()

    def remove(self) -> None:
        self.hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()
