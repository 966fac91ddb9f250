"""Shared by all tests: torch is the oracle."""

import threading

import numpy as np
import pytest
import torch

import minitorch

#: devices on which torch does the arithmetic
DEVICES = [
    "torch",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")),
]


@pytest.fixture(params=DEVICES)
def device(request):
    """The name of a device other than the CPU: the test runs on each that is here."""
    return request.param


@pytest.fixture(autouse=True)
def fresh_state():
    """Every test starts with recording on, the default dtype and device, and torch's random state restored after it."""
    yield
    minitorch.set_grad_enabled(True)
    torch.set_grad_enabled(True)
    assert minitorch.get_default_dtype() is minitorch.float32
    assert minitorch.get_default_device() == minitorch.device("cpu")


def resolve(path):
    """The torch function at a dotted path below `torch`."""
    found = torch
    for part in path.split("."):
        found = getattr(found, part)
    return found


def convert(T, value, requires_grad=False):
    """A sample's argument for the library T: arrays become tensors of the same memory layout."""
    if isinstance(value, np.ndarray):
        flat = (
            value.T if value.ndim > 1 and not value.flags.c_contiguous and value.flags.f_contiguous else value
        )
        t = T.from_numpy(np.array(flat))
        if flat is not value:
            t = t.permute(tuple(range(value.ndim))[::-1])
        t = t.detach()
        return t.requires_grad_() if requires_grad and value.dtype.kind == "f" else t
    if isinstance(value, list):
        return [convert(T, v, requires_grad) for v in value]
    if isinstance(value, minitorch.dtype):
        return getattr(T, value.name)
    return value


def leaves(args):
    for a in args:
        if isinstance(a, list):
            yield from leaves(a)
        elif hasattr(a, "requires_grad") and a.requires_grad:
            yield a


def floats(out):
    """The floating results of a call, as a list."""
    out = out if isinstance(out, (tuple, list)) else [out]
    return [o for o in out if hasattr(o, "dtype") and o.is_floating_point()]


@pytest.fixture
def traced():
    """The names of the operations that are called, as a tracer sees them."""
    from minitorch.ops import tracers

    seen = []

    def tracer(op, inputs, keywords, call):
        seen.append(op.name)
        return call()

    tracers.append(tracer)
    yield seen
    tracers.remove(tracer)


@pytest.fixture
def team(monkeypatch):
    """`team(size)`: a team of kernels of that size whose helpers never come; `team(size, True)`: one with helpers."""
    from minitorch.kernels import team

    def form(size, helpers=False):
        monkeypatch.setattr(team, "words", np.zeros_like(team.words))
        team.place[0] = team.words.ctypes.data
        if helpers:
            monkeypatch.setattr(team, "starting", threading.Lock())
            monkeypatch.setattr(team, "count", lambda: size)
            team.start()
            ended.append(team.words)
        else:
            team.words[team.SIZE] = size

    ended, before = [], team.words
    yield form
    team.place[0] = before.ctypes.data
    for words in ended:
        words[team.END] = 1


@pytest.fixture
def in_pieces(monkeypatch):
    """`in_pieces(ns)`: kernels are cut into pieces of that many ns of work, however little there is to do; `in_pieces(None)`: never."""
    from minitorch.kernels import team

    def cut(ns):
        monkeypatch.setattr(team, "WORTH", 1e18 if ns is None else 0)
        monkeypatch.setattr(team, "PIECE_NS", ns or 1)

    return cut
