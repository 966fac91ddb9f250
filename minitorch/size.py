"""Shapes and dimensions."""

from __future__ import annotations


class Size(tuple):
    """A shape. A tuple that prints as torch's and knows its number of elements."""

    __slots__ = ()

    def numel(self) -> int:
        n = 1
        for d in self:
            n *= d
        return n

    def __repr__(self):
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, index):
        item = tuple.__getitem__(self, index)
        return Size(item) if isinstance(index, slice) else item

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))


def wrap_dim(dim, ndim):
    """A dimension, counted from 0. IndexError with torch's text when it is out of range; of no dimensions 0 and -1 are in range."""
    n = ndim or 1
    if -n <= dim < n:
        return dim % n
    raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
