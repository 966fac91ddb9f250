"""What a tensor is to Python and NumPy: numbers, lists, arrays, copies. Methods of `Tensor`."""

from __future__ import annotations

import numpy as np

from . import tensor
from .autograd.graph import LEAF
from .autograd.mode import no_grad


def item(self):
    """The one element as a Python number; RuntimeError if there is not exactly one."""
    n = self.numel()
    if n != 1:
        raise RuntimeError(f"a Tensor with {n} elements cannot be converted to Scalar")
    return self._array.item()


def tolist(self):
    return self._array.tolist()


def numpy(self, *, force: bool = False) -> np.ndarray:
    """The array itself, sharing memory. RuntimeError if it requires grad (use `.detach().numpy()`)."""
    if force:
        return np.array(self.detach().cpu()._array)
    if self.requires_grad:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if not isinstance(self._array, np.ndarray):
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
            "memory first."
        )
    return self._array


def array(self, dtype=None, copy=None):
    a = self.numpy()
    return np.array(a, dtype=dtype, copy=copy) if dtype is not None or copy else a


def truth(self) -> bool:
    n = self.numel()
    if n == 1:
        return bool(self._array.item())
    raise RuntimeError(f"Boolean value of Tensor with {'more than one value' if n else 'no values'} is ambiguous")


def number(self):
    if self.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return self._array.item()


def integer(self) -> int:
    return int(number(self))


def real(self) -> float:
    return float(number(self))


def position(self) -> int:
    if self.dtype.is_floating_point or self.numel() != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self.item())


def length(self) -> int:
    if not self._array.ndim:
        raise TypeError("len() of a 0-d tensor")
    return self._array.shape[0]


def iterate(self):
    if not self._array.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def contains(self, element) -> bool:
    return bool((self == element).any())


def text(self, spec: str) -> str:
    """A number is formatted as such: `f"{loss:.3f}"`."""
    return self.item().__format__(spec) if self._array.ndim == 0 else object.__format__(self, spec)


def reduced(self):
    """For pickle: class, values, requires_grad, device."""
    from .serialization import rebuild

    return rebuild, (type(self), np.asarray(self.detach().cpu()._array), self.requires_grad, str(self.device))


def deep_copy(self, memo):
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
            "moment. Use .detach().clone() for a copy of the values."
        )
    if id(self) in memo:
        return memo[id(self)]
    with no_grad():
        copy = tensor.wrap(self.clone()._array)
    copy.__class__ = type(self)
    memo[id(self)] = copy
    if self.requires_grad:
        copy._node = LEAF
    if self._grad is not None:
        copy._grad = deep_copy(self._grad, memo)
    return copy
