"""`save` and `load`: tensors and what holds them, in a file without code.

A file is a zip archive: `structure.json` tells how everything is nested, and each memory that tensors live in is an
array `0.npy`, `1.npy` ... (so `numpy.load` opens the file too). Nothing is pickled: loading a file can't run code.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import secrets
import struct
import zipfile
import zlib
from collections import OrderedDict

import numpy as np

from . import dtypes
from .autograd.graph import LEAF
from .creation import place
from .device import device as Device
from .tensor import Size, Tensor, wrap

FORMAT = "minitorch 1"
STRUCTURE = "structure.json"
SAVED = (
    "tensors, numbers, strings, bytes, None, dtypes, devices, sizes, NumPy arrays, and dict, OrderedDict, list, tuple, set "
    "of them"
)


def save(obj, f) -> None:
    """Writes an object to a file: a path, or an open binary file.

    A path is written to a temporary file beside it, which then takes its place: after a crash there is either the old file or
    the new one. Tensors that share memory share it after loading; memory that only part of is used is cut to that part.
    Gradients and the graph are not saved.

    >>> import io, minitorch
    >>> f = io.BytesIO()
    >>> save({"w": minitorch.ones(2), "epoch": 3}, f)
    >>> load(io.BytesIO(f.getvalue()))
    {'w': tensor([1., 1.]), 'epoch': 3}

    Raises:
        TypeError: an object that can't be saved; it says where. Of a module or an optimizer, save the `state_dict()`.
        ValueError: an object that contains itself.
        RuntimeError: the folder does not exist.

    Nothing on the disk is changed if anything is raised.
    """
    packer = _Packer()
    structure = {"format": FORMAT, "object": packer.pack(obj, "the object"), **packer.tables()}
    text = json.dumps(structure, allow_nan=False)
    if hasattr(f, "write"):
        _write(f, text, packer.arrays())
        return
    # A link stays a link: what it points to is replaced.
    path = os.path.realpath(os.fspath(f))
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise RuntimeError(
            f"Parent directory {folder} does not exist. Make it first: os.makedirs({folder!r})."
        )
    if os.path.isdir(path):
        raise RuntimeError(f"cannot save to {path}: it is a directory, expected the name of a file")
    temporary = f"{path}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    try:
        with open(temporary, "xb") as file:
            _write(file, text, packer.arrays())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    _sync_folder(folder)


def load(f, map_location=None, weights_only: bool = True):
    """Reads what `save` wrote, from a path or an open binary file.

    Args:
        map_location: the device of all tensors (`"cpu"`, a device); a dict from saved devices to others; or a function
            of (CPU tensor, saved device as str) that returns a tensor. None: the device that a tensor was saved from.
        weights_only: accepted for torch's sake. No file holds code, so True and False are the same.

    Raises:
        RuntimeError: the file is cut off or damaged, was not written by `minitorch.save`, or needs a device that isn't here.
        FileNotFoundError: there is no such file.
    """
    if hasattr(f, "read"):
        name, file = getattr(f, "name", "the file"), io.BytesIO(f.read())
    else:
        name, file = os.fspath(f), open(f, "rb")  # noqa: SIM115
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _load(archive, name, map_location)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, struct.error, zlib.error) as error:
            raise RuntimeError(
                f"cannot load {name}: it is cut off, damaged, or was not written by minitorch.save ({error})"
            ) from None


def rebuild(cls, array, requires_grad, device):
    """A tensor from its parts: how tensors are pickled and copied."""
    t = wrap(place(array, dtypes.of_array(array), device))
    t.__class__ = cls
    if requires_grad:
        t._node = LEAF
    return t


# ---------------------------------------------------------------------- writing


def _write(file, text, arrays):
    with zipfile.ZipFile(file, "w") as archive:
        # ZipInfo has a fixed date: the same object gives the same bytes
        archive.writestr(zipfile.ZipInfo(STRUCTURE), text)
        for i, array in enumerate(arrays):
            with archive.open(zipfile.ZipInfo(f"{i}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _sync_folder(folder):
    """The new name must reach the disk too. Not every system can do this."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


class _Memory:
    """What tensors share: the elements from `low` to `high` of the memory that `owner` lies in."""

    def __init__(self, owner):
        self.owner, self.low, self.high = owner, math.inf, -math.inf

    def array(self) -> np.ndarray:
        low, high, owner = self.low, self.high, self.owner
        if isinstance(owner, np.ndarray):
            return np.lib.stride_tricks.as_strided(owner, (high,), (owner.itemsize,))[low:]
        return owner.detach().as_strided((high - low,), (1,), low).cpu().numpy()


class _Packer:
    """Turns an object into what JSON can hold; tensors go into tables."""

    def __init__(self):
        self.memories: dict[object, tuple[int, _Memory]] = {}
        self.tensors: dict[int, tuple[int, Tensor, object, tuple]] = {}  # by id; the tensor is kept alive
        self.within: set[int] = set()

    def tables(self) -> dict:
        records = []
        for _, t, key, (offset, strides) in self.tensors.values():
            number, memory = self.memories[key]
            kind = "Parameter" if _is_parameter(t) else "Tensor"
            records.append(
                {
                    "memory": number,
                    "offset": int(offset - memory.low) if t.numel() else 0,
                    "shape": list(t.shape),
                    "stride": list(strides),
                    "dtype": t.dtype.name,
                    "device": str(t.device),
                    "requires_grad": t.requires_grad,
                    "kind": kind,
                }
            )
        return {"tensors": records, "memories": len(self.memories)}

    def arrays(self):
        for _, memory in self.memories.values():
            yield memory.array()

    def pack(self, x, where):
        kind = type(x)
        if x is None or kind in (bool, str, int):
            return x
        if kind is float:
            return x if math.isfinite(x) else {"float": repr(x)}
        if isinstance(x, Tensor):
            return {"tensor": self._tensor(x, where)}
        if kind in _SIMPLE:
            return {_SIMPLE[kind][0]: _SIMPLE[kind][1](x)}
        if isinstance(x, (np.ndarray, np.generic)):
            return self._numpy(x, where)
        if kind in (list, tuple, set, frozenset, dict, OrderedDict):
            return self._container(kind, x, where)
        hint = (
            f"save its state_dict() instead, or one of: {SAVED}"
            if hasattr(x, "state_dict")
            else f"can be saved: {SAVED}"
        )
        raise TypeError(f"cannot save {where}: it is a {kind.__module__}.{kind.__qualname__}; {hint}")

    def _container(self, kind, x, where):
        if id(x) in self.within or len(self.within) > 200:
            raise ValueError(
                f"cannot save {where}: it contains itself, or is nested more than 200 levels deep"
            )
        self.within.add(id(x))
        if kind in (dict, OrderedDict):
            items = [
                [self.pack(k, f"key {k!r} of {where}"), self.pack(v, f"{where}[{k!r}]")] for k, v in x.items()
            ]
            packed = {kind.__name__: items}
            if getattr(x, "_metadata", None) is not None:  # of a module's state_dict
                packed["metadata"] = self.pack(x._metadata, f"{where}._metadata")
        else:
            values = sorted(x, key=repr) if kind in (set, frozenset) else x
            packed = [self.pack(v, f"{where}[{i}]") for i, v in enumerate(values)]
            packed = packed if kind is list else {kind.__name__: packed}
        self.within.discard(id(x))
        return packed

    def _numpy(self, x, where):
        if x.dtype.kind not in "biuf" or x.dtype.itemsize > 8:
            raise TypeError(
                f"cannot save {where}: a NumPy {type(x).__name__} of type {x.dtype}; expected bool, int or float"
            )
        copy = np.array(x, order="C")
        key, owner, _, _ = _place_in_memory(copy)
        memory = _Memory(owner)
        memory.low, memory.high = 0, copy.size
        self.memories[key] = len(self.memories), memory
        number = self.memories[key][0]
        return {"ndarray": [number, list(x.shape)]} if isinstance(x, np.ndarray) else {"scalar": number}

    def _tensor(self, t, where):
        if id(t) in self.tensors:
            return self.tensors[id(t)][0]
        if type(t) is not Tensor and not _is_parameter(t):
            raise TypeError(
                f"cannot save {where}: it is a {type(t).__name__}, a subclass of Tensor; save `x.detach()` of it"
            )
        key, owner, offset, strides = _place_in_memory(t._array)
        _, memory = self.memories.setdefault(key, (len(self.memories), _Memory(owner)))
        if t.numel():
            last = sum((n - 1) * s for n, s in zip(t.shape, strides, strict=True))
            memory.low, memory.high = min(memory.low, offset), max(memory.high, offset + last + 1)
        elif memory.low > memory.high:
            memory.low = memory.high = offset
        self.tensors[id(t)] = len(self.tensors), t, key, (offset, strides)
        return self.tensors[id(t)][0]


def _is_parameter(t) -> bool:
    return type(t).__name__ == "Parameter" and type(t).__module__.startswith("minitorch.")


def _base(array):
    """The array that this one is a view of, if any. (`as_strided` puts an object with a `base` in between.)"""
    base = array.base
    if not isinstance(base, np.ndarray):
        base = getattr(base, "base", None)
    return base if isinstance(base, np.ndarray) else None


def _place_in_memory(array):
    """(key of the memory, an array that owns it, offset and strides in elements)."""
    if not isinstance(array, np.ndarray):
        storage = array.untyped_storage()
        key = (str(array.device), storage.data_ptr(), str(array.dtype))
        return key, array, array.storage_offset(), tuple(array.stride())
    if any(s < 0 or s % array.itemsize for s in array.strides):
        array = np.ascontiguousarray(array)
    owner = array
    while (base := _base(owner)) is not None:
        owner = base
    if owner.dtype != array.dtype or not (owner.flags.owndata or owner.flags.forc):
        owner = array = np.ascontiguousarray(array).copy()
    address, size = array.__array_interface__["data"][0], array.itemsize
    start = owner.__array_interface__["data"][0]
    offset = (address - start) // size
    return id(owner), owner, offset, tuple(s // size for s in array.strides)


# ---------------------------------------------------------------------- reading


def _load(archive, name, map_location):
    names = set(archive.namelist())
    if STRUCTURE not in names:
        hint = "was not written by minitorch.save"
        if any(n.endswith("data.pkl") for n in names):
            hint = (
                "was written by torch.save. Convert it with torch: "
                "minitorch.save({k: v.numpy() for k, v in torch.load(...).items()}, path)"
            )
        raise RuntimeError(f"cannot load {name}: it {hint}")
    try:
        structure = json.loads(archive.read(STRUCTURE))
        if structure["format"] != FORMAT:
            raise RuntimeError(
                f"cannot load {name}: its format is {structure['format']!r}, this version reads {FORMAT!r}"
            )
        arrays = [_read_array(archive, i) for i in range(structure["memories"])]
        tensors = _Tensors(structure["tensors"], arrays, map_location)
        return _Unpacker(tensors, arrays).unpack(structure["object"])
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise RuntimeError(
            f"cannot load {name}: its contents are damaged, or of a newer version ({type(error).__name__}: {error})"
        ) from error


def _read_array(archive, i):
    with archive.open(f"{i}.npy") as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
        while member.read(1 << 20):  # to the end, where the checksum is compared
            pass
    return array.astype(array.dtype.newbyteorder("="), copy=False)


class _Tensors:
    """The tensors of a file, each made once."""

    def __init__(self, records, arrays, map_location):
        self.records, self.arrays, self.map_location = records, arrays, map_location
        self.made = {}
        self.memories = {}
        self.cells = {}

    def __getitem__(self, i):
        if i not in self.made:
            self.made[i] = self._make(self.records[i])
        return self.made[i]

    def _make(self, record):
        shape, strides, offset = tuple(record["shape"]), tuple(record["stride"]), record["offset"]
        flat = self.arrays[record["memory"]]
        _check_place(flat, shape, strides, offset, record["dtype"])
        memory = self._on_device(record["memory"], record["device"])
        if isinstance(memory, np.ndarray):
            raw = _view(memory, shape, strides, offset)
        else:
            raw = memory.as_strided(shape, strides, offset)
        t = wrap(raw)
        t._cell = self.cells.setdefault((record["memory"], str(t.device)), t._cell)
        if record["kind"] == "Parameter":
            from .nn import Parameter

            t.__class__ = Parameter
        if record["requires_grad"]:
            t._node = LEAF
        return t

    def _on_device(self, number, saved):
        if (number, saved) not in self.memories:
            self.memories[number, saved] = self._moved(self.arrays[number], saved)
        return self.memories[number, saved]

    def _moved(self, flat, saved):
        target = self.map_location
        if isinstance(target, dict):
            target = target.get(saved, saved)
        elif callable(target):
            t = target(wrap(flat), saved)
            if t is not None:
                return t._array
            target = None
        try:
            return place(flat, dtypes.of_array(flat), saved if target is None else target)
        except (RuntimeError, AssertionError, ImportError) as error:
            raise RuntimeError(
                f"a tensor was saved from the device {saved!r}, and can't be put on {str(target or saved)!r} here ({error}). "
                "To have all tensors in main memory use load(..., map_location='cpu')."
            ) from None


def _check_place(flat, shape, strides, offset, dtype):
    """A damaged or hostile file must not make a view beyond its memory."""
    numbers = (*shape, *strides, offset)
    if len(shape) != len(strides) or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError(f"a tensor of shape {shape}, strides {strides}, offset {offset}")
    if flat.ndim != 1 or flat.dtype.name != dtype:
        raise ValueError(f"a {dtype} tensor in a {flat.ndim}-d array of {flat.dtype.name}")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and last >= flat.size:
        raise ValueError(f"a tensor that reaches to element {last} of {flat.size}")


def _view(flat, shape, strides, offset):
    count = math.prod(shape)
    dense, step = True, 1
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        dense, step = dense and (n == 1 or s == step), step * n
    if dense or not count:
        return flat[offset : offset + count].reshape(shape)
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, [s * flat.itemsize for s in strides])


class _Unpacker:
    def __init__(self, tensors, arrays):
        self.tensors, self.arrays = tensors, arrays

    def unpack(self, x):
        if isinstance(x, list):
            return [self.unpack(v) for v in x]
        if not isinstance(x, dict):
            return x
        (kind, value), *rest = x.items()
        if kind == "tensor":
            return self.tensors[value]
        if kind == "ndarray":
            return self.arrays[value[0]].reshape(value[1])
        if kind == "scalar":
            return self.arrays[value][0]
        if kind == "float":
            return float(value)
        if kind in _FROM_TEXT:
            return _FROM_TEXT[kind](value)
        if kind in ("dict", "OrderedDict"):
            made = {"dict": dict, "OrderedDict": OrderedDict}[kind](
                (self.unpack(k), self.unpack(v)) for k, v in value
            )
            if rest:
                made._metadata = self.unpack(rest[0][1])
            return made
        container = {"tuple": tuple, "set": set, "frozenset": frozenset}[kind]
        return container(self.unpack(v) for v in value)


def _dtype(name):
    return next(d for d in dtypes.ALL if d.name == name)


_SIMPLE = {
    dtypes.dtype: ("dtype", lambda d: d.name),
    Device: ("device", str),
    Size: ("Size", list),
    bytes: ("bytes", lambda b: base64.b64encode(b).decode()),
    complex: ("complex", repr),
}
_FROM_TEXT = {
    "dtype": _dtype,
    "device": Device,
    "Size": Size,
    "bytes": base64.b64decode,
    "complex": complex,
}
