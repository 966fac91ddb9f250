"""`save` and `load`: torch's own file format, written and read without torch and without running code.

A file is a zip archive: `data.pkl` is a pickle (protocol 2) that tells how everything is nested, and each memory that
tensors live in is a record of raw bytes, `data/0`, `data/1` ... (`pickled.py`, `memory.py`). So `torch.load` opens what
`minitorch.save` wrote, and `minitorch.load` what `torch.save` wrote.

Source: https://docs.pytorch.org/docs/stable/notes/serialization.html
"""

from __future__ import annotations

import io
import os
import pickle
import secrets
import struct
import sys
import zipfile
import zlib

from . import dtypes
from .autograd.graph import LEAF
from .creation import place
from .pickled import Pickler, Survey, Unpickler
from .tensor import wrap


def save(obj, f, pickle_module=None, pickle_protocol: int = 2) -> None:
    """Writes an object to a file, a path or an open binary file, that `load` and `torch.load` read.

    A path is written to a temporary file beside it, which then takes its place: after a crash there is either the old file or
    the new one. Tensors that share memory share it after loading; memory that only part of is used is cut to that part.
    Gradients and the graph are not saved.

    `torch.load` reads it with its default `weights_only=True` unless it holds NumPy values or a frozenset; tensors of the
    device `torch`, which torch calls "cpu", need its `map_location="cpu"`.

    >>> import io, minitorch
    >>> f = io.BytesIO()
    >>> save({"w": minitorch.ones(2), "epoch": 3}, f)
    >>> load(io.BytesIO(f.getvalue()))
    {'w': tensor([1., 1.]), 'epoch': 3}

    Args:
        pickle_module, pickle_protocol: accepted, without effect: the form of the file is fixed.

    Raises:
        TypeError: an object that can't be saved; it says where. Of a module or an optimizer, save the `state_dict()`.
        ValueError: containers nested more than 200 levels deep, or that contain themselves.
        RuntimeError: the folder does not exist.

    Nothing on the disk is changed if anything is raised.
    """
    survey = Survey()
    survey.visit(obj, "the object", 0)
    structure = io.BytesIO()
    Pickler(structure, survey).dump(obj)
    if hasattr(f, "write"):
        _write(f, structure, survey)
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
            _write(file, structure, survey)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    _sync_folder(folder)


def load(
    f, map_location=None, pickle_module=None, *, weights_only: bool | None = None, mmap: bool | None = None
):
    """Reads what `save` or `torch.save` wrote, from a path or an open binary file.

    Args:
        map_location: the device of all tensors (`"cpu"`, a device); a dict from saved devices to others; or a function
            of (CPU tensor, saved device as str) that returns a tensor. None: the device that a tensor was saved from.
        weights_only: Unlike torch: False changes nothing, code in a file is never run.
        pickle_module, mmap: accepted, without effect.

    Raises:
        pickle.UnpicklingError: the file holds something other than data: a class or function that is not in the table.
        RuntimeError: the file is cut off or damaged, is no such file, or needs a device that isn't here.
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
                f"cannot load {name}: it is cut off, damaged, or was not written by save ({error})"
            ) from None


def rebuild(cls, array, requires_grad, device):
    """A tensor from its parts: how tensors are pickled and copied."""
    t = wrap(place(array, dtypes.of_array(array), device))
    t.__class__ = cls
    if requires_grad:
        t._node = LEAF
    return t


# ---------------------------------------------------------------------- writing


def _write(file, structure, survey):
    with zipfile.ZipFile(file, "w") as archive:

        def record(name, data):
            # ZipInfo has a fixed date: the same object gives the same bytes
            with archive.open(zipfile.ZipInfo(f"archive/{name}"), "w", force_zip64=True) as member:
                member.write(data)

        record("data.pkl", structure.getbuffer())
        record("byteorder", sys.byteorder.encode())
        for memory in survey.memories.values():
            record(f"data/{memory.number}", memoryview(memory.array()).cast("B"))
        record("version", b"3\n")


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


# ---------------------------------------------------------------------- reading


def _load(archive, name, map_location):
    records = archive.namelist()
    structure = next((r for r in records if r.endswith("data.pkl")), None)
    if structure is None:
        raise RuntimeError(f"cannot load {name}: it was not written by save: it has no data.pkl")
    try:
        return Unpickler(archive, structure, lambda flat, saved: _moved(flat, saved, map_location)).load()
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(f"cannot load {name}: {error}") from None
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise RuntimeError(
            f"cannot load {name}: its contents are damaged, or of a newer version ({type(error).__name__}: {error})"
        ) from error


def _moved(flat, saved, target):
    """The memory on the device that `map_location` says."""
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
