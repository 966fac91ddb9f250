"""What a file of tensors may contain: the pickle of `save` and `load`, which names no code.

A pickle is a small program that rebuilds objects by calling functions that it names, and an ordinary one may name any
function there is. Here both directions go through one table of harmless names, `_NAMES`, which are torch's.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections import Counter, OrderedDict
from typing import ClassVar

import numpy as np

from . import dtypes
from .device import device as Device
from .memory import Memory, Views, place_in_memory
from .tensor import Size, Tensor

SAVED = (
    "tensors, numbers, strings, bytes, None, dtypes, devices, sizes, NumPy arrays, and dict, OrderedDict, Counter, list, "
    "tuple, set of them"
)


class _Storage:
    """What torch calls `torch.FloatStorage`: the type of a record's numbers."""

    def __init__(self, dtype):
        self.dtype = dtype


def _rebuild_tensor(view, offset, shape, strides, requires_grad, hooks, metadata=None):
    return view(offset, tuple(shape), tuple(strides), requires_grad)


def _rebuild_parameter(data, requires_grad, hooks):
    from .nn import Parameter

    return Parameter(data, requires_grad)


def _bytes(text="", encoding="latin1"):
    """How protocol 2 writes bytes."""
    return text.encode("latin1")


def _array(data, dtype, shape, order):
    """A NumPy array. The type is looked up: `np.dtype(text)` would make structured and object types as well."""
    return np.frombuffer(data, _NUMPY[dtype]).reshape(shape, order=order).copy()


_NUMPY = {
    d.str: d for d in map(np.dtype, ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"])
}

#: The name in the file -> what it stands for here.
_NAMES = {
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch.device": Device,
    "torch.Size": Size,
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.complex": complex,
    "_codecs.encode": _bytes,
    "numpy._core.numeric._frombuffer": _array,
    **{f"numpy.{d.type.__name__}": d.type for d in _NUMPY.values()},
    **{f"torch.{d.name}": d for d in dtypes.ALL},
    **{
        f"torch.{name}Storage": _Storage(getattr(dtypes, dtype))
        for name, dtype in {
            "Half": "float16", "Float": "float32", "Double": "float64", "Bool": "bool", "Byte": "uint8",
            "Char": "int8", "Short": "int16", "Int": "int32", "Long": "int64",
        }.items()
    },
}  # fmt: skip
_NAME_OF = {id(value): name for name, value in _NAMES.items()}
_STORAGE_OF = {s.dtype: s for s in _NAMES.values() if isinstance(s, _Storage)}


# ---------------------------------------------------------------------- writing


class Survey:
    """Walks through an object before anything is written: all of it can be saved, and what part of which memory is used."""

    def __init__(self):
        self.memories: dict[object, Memory] = {}
        #: by id of a tensor: itself (so that it lives), its memory, offset and strides
        self.places: dict[int, tuple] = {}

    def visit(self, x, where, depth):
        kind = type(x)
        if depth > 200:
            raise ValueError(
                "cannot save the object: it contains itself, or is nested more than 200 levels deep"
            )
        if isinstance(x, Tensor):
            self.tensor(x, where)
        elif kind in (dict, OrderedDict, Counter):
            for key, value in x.items():
                self.visit(key, f"key {key!r} of {where}", depth + 1)
                self.visit(value, f"{where}[{key!r}]", depth + 1)
            if kind is OrderedDict:  # a module's state_dict has `_metadata`
                self.visit(vars(x), f"attributes of {where}", depth + 1)
        elif kind in (list, tuple, set, frozenset):
            for i, value in enumerate(x):
                self.visit(value, f"{where}[{i}]", depth + 1)
        elif isinstance(x, (np.ndarray, np.generic)):
            if x.dtype.str not in _NUMPY:
                raise TypeError(
                    f"cannot save {where}: a NumPy {kind.__name__} of type {x.dtype}; expected bool, int or float"
                )
        elif not (x is None or kind in _ATOMS):
            hint = "save its state_dict() instead, or one of" if hasattr(x, "state_dict") else "can be saved"
            name = f"{kind.__module__}.{kind.__qualname__}"
            raise TypeError(f"cannot save {where}: it is a {name}; {hint}: {SAVED}")

    def tensor(self, t, where):
        if id(t) in self.places:
            return
        if type(t) is not Tensor and not _is_parameter(t):
            raise TypeError(
                f"cannot save {where}: it is a {type(t).__name__}, a subclass of Tensor; save `x.detach()` of it"
            )
        key, owner, offset, strides = place_in_memory(t._array)
        memory = self.memories.setdefault(key, Memory(len(self.memories), owner, t))
        last = sum((n - 1) * s for n, s in zip(t.shape, strides, strict=True)) if t.numel() else -1
        memory.include(offset, offset + last + 1)
        self.places[id(t)] = t, memory, offset, strides


_ATOMS = (bool, int, float, complex, str, bytes, dtypes.dtype, Device, Size)


class Pickler(pickle._Pickler):
    """Python's pickler, asked about every object first: the names in the file are those of the table."""

    def __init__(self, file, survey):
        super().__init__(file, protocol=2)
        self.survey = survey

    def persistent_id(self, x):
        if isinstance(x, Memory):
            return "storage", _STORAGE_OF[x.dtype], str(x.number), x.device, x.high - x.low
        return None

    def reducer_override(self, x):
        if id(x) in _NAME_OF:
            return _NAME_OF[id(x)]
        if isinstance(x, Tensor):
            return self.tensor(x)
        if isinstance(x, Device):
            return Device, (x.type,) if x.index is None else (x.type, x.index)
        if isinstance(x, Size):
            return Size, (tuple(x),)
        if isinstance(x, bytes):
            return _bytes, (x.decode("latin1"), "latin1")
        if isinstance(x, np.ndarray):
            return _array, (x.tobytes(), x.dtype.str, x.shape, "C")
        if isinstance(x, np.generic):
            return _NUMPY[x.dtype.str].type, (x.item(),)
        return NotImplemented  # Python's own types

    def tensor(self, t):
        if _is_parameter(t):
            data = t.detach()
            self.survey.places[id(data)] = data, *self.survey.places[id(t)][1:]
            return _rebuild_parameter, (data, t.requires_grad, OrderedDict())
        _, memory, offset, strides = self.survey.places[id(t)]
        place = memory, offset - memory.low, tuple(t.shape), strides
        return _rebuild_tensor, (*place, t.requires_grad, OrderedDict())

    def save_global(self, x, name=None):
        module, _, name = _NAME_OF[id(x)].rpartition(".")
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(x)


def _is_parameter(t) -> bool:
    return type(t).__name__ == "Parameter" and type(t).__module__.startswith("minitorch.")


# ---------------------------------------------------------------------- reading

# fmt: off
_OPCODES = (
    "PROTO", "STOP", "MARK", "POP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT",
    "BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT",
    "SETITEM", "SETITEMS", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET",
)
# fmt: on


_PIECE = 1 << 20  # bytes: a third of the time of reading 100 MB at once, since the copy stays in the cache


class Unpickler(pickle._Unpickler):
    """Python's unpickler with only the opcodes that data needs, and the table for all names."""

    dispatch: ClassVar = {
        code: pickle._Unpickler.dispatch[code] for code in (getattr(pickle, c)[0] for c in _OPCODES)
    }

    def __init__(self, archive, structure, place):
        super().__init__(io.BytesIO(archive.read(structure)))
        self.archive, self.prefix = archive, structure.removesuffix("data.pkl")
        self.place = place
        self.views = {}
        order = f"{self.prefix}byteorder"
        self.order = archive.read(order).decode() if order in archive.namelist() else "little"

    def find_class(self, module, name):
        path = f"{'builtins' if module == '__builtin__' else module}.{name}"
        if path not in _NAMES:
            raise pickle.UnpicklingError(
                f"it holds a {path}, which could run code or isn't known here; a file of {SAVED} is loaded"
            )
        return _NAMES[path]

    def load_build(self):
        """Attributes are given to an OrderedDict only (a `state_dict` has `_metadata`)."""
        state, x = self.stack.pop(), self.stack[-1]
        if type(x) is not OrderedDict or type(state) is not dict:
            raise ValueError(f"attributes for a {type(x).__name__}")
        vars(x).update(state)

    dispatch[pickle.BUILD[0]] = load_build

    def persistent_load(self, pid):
        """The function that makes views of one memory, for `_rebuild_tensor`."""
        _, storage, key, saved, count = pid
        if key not in self.views:
            flat = self._record(f"{self.prefix}data/{key}", storage.dtype.numpy, count)
            self.views[key] = Views(self.place(flat, saved))
        return self.views[key]

    def _record(self, name, dtype, count):
        size = self.archive.getinfo(name).file_size
        if size != count * dtype.itemsize:
            raise ValueError(f"{name} has {size} bytes, expected {count} numbers of type {dtype}")
        flat, at = np.empty(count, dtype), 0
        view = memoryview(flat).cast("B")
        with self.archive.open(name) as member:
            while read := member.readinto(view[at : at + _PIECE]):  # at the end the checksum is compared
                at += read
        if at != size:
            raise ValueError(f"{name} ends after {at} of {size} bytes")
        return flat if self.order == sys.byteorder else flat.byteswap(inplace=True)
