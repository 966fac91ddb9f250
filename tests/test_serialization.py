"""save and load: everything comes back the same, or there is a clear error and nothing has changed."""

import collections
import copy
import io
import json
import math
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitorch as mt
from minitorch import dtypes
from minitorch.serialization import load, save


def through(obj, **options):
    f = io.BytesIO()
    save(obj, f)
    f.seek(0)
    return load(f, **options)


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, (mt.Tensor, np.ndarray)):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        x, y = (v if isinstance(v, np.ndarray) else v.detach().numpy() for v in (a, b))
        assert x.tobytes() == y.tobytes()
        if isinstance(a, mt.Tensor):
            assert a.requires_grad == b.requires_grad
            assert a.device == b.device
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert a == b or (a != a and b != b)


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=9),
    st.sampled_from([*dtypes.ALL, mt.device("cpu"), mt.device("cuda:1"), mt.Size([2, 3]), np.float64(0.1), np.int8(3)]),
    hnp.arrays(st.sampled_from([d.numpy for d in dtypes.ALL]), hnp.array_shapes(min_dims=0, min_side=0, max_side=3)).map(
        mt.from_numpy
    ),
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, min_side=0, max_side=3)),
)  # fmt: skip
KEYS = st.one_of(st.text(), st.integers(), st.tuples(st.integers(), st.text()), st.none(), st.booleans())
ANY = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4).map(collections.OrderedDict),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(ANY)
def test_anything_comes_back(obj):
    same(obj, through(obj))


def test_sets():
    assert through({"a": {1, 2}, "b": frozenset("xy")}) == {"a": {1, 2}, "b": frozenset("xy")}


def test_layouts():
    x = mt.arange(24.0).reshape(2, 3, 4)
    views = [x.permute((2, 0, 1)), x[:, 1], x[1:, ::2, 1:3], x[0, 0, 0], x[:0], mt.ones(1, 3).expand((4, 3))]
    views.append(mt.from_numpy(np.arange(5.0)[::-1]))
    for v in views:
        back = through(v)
        same(v, back)
        if v.numel() and min(v.stride(), default=0) >= 0:
            assert back.stride() == v.stride()


def test_shared_memory_stays_shared():
    flat = mt.zeros(10)
    state = {"a": flat[2:5], "b": flat[4:8].reshape(2, 2), "again": flat[2:5], "other": mt.zeros(2)}
    state["same"] = state["a"]
    back = through(state)
    assert back["same"] is back["a"]
    back["a"][2] = 7.0
    assert back["b"][0, 0].item() == 7.0
    assert back["again"][2].item() == 7.0
    assert back["other"].tolist() == [0, 0]
    assert back["a"]._version == back["b"]._version == 1


def test_a_small_part_of_much_memory_makes_a_small_file():
    f = io.BytesIO()
    save(mt.zeros(1_000_000)[5:8], f)
    assert len(f.getvalue()) < 2000


def test_leaves_and_parameters():
    x = mt.ones(2, requires_grad=True)
    back = through([x, x * 2])
    assert all(t.requires_grad and t.is_leaf for t in back)
    if hasattr(getattr(mt, "nn", None), "Parameter"):
        back = through([mt.nn.Parameter(mt.ones(2)), mt.nn.Parameter(mt.ones(2), requires_grad=False)])
        assert [type(t) for t in back] == [mt.nn.Parameter] * 2
        assert [t.requires_grad for t in back] == [True, False]


def test_modules_and_optimizers():
    if not (hasattr(getattr(mt, "nn", None), "Linear") and hasattr(mt, "optim")):
        pytest.skip("not built yet")
    model = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.Linear(4, 2))
    optimizer = mt.optim.Adam(model.parameters(), lr=0.1)
    model(mt.ones(2, 3)).sum().backward()
    optimizer.step()
    back = through({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3})
    other = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.Linear(4, 2))
    other.load_state_dict(back["model"])
    second = mt.optim.Adam(other.parameters(), lr=0.5)
    second.load_state_dict(back["optimizer"])
    same(dict(model.state_dict()), dict(other.state_dict()))
    for m, o in ((model, optimizer), (other, second)):
        o.zero_grad()
        m(mt.ones(2, 3)).sum().backward()
        o.step()
    same(dict(model.state_dict()), dict(other.state_dict()))


def test_numpy_opens_the_file(tmp_path):
    save({"w": mt.arange(3)}, tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "w.pt") as archive, archive.open("0.npy") as f:
        assert np.lib.format.read_array(f).tolist() == [0, 1, 2]


def test_same_object_same_bytes():
    a, b = io.BytesIO(), io.BytesIO()
    for f in (a, b):
        save({"w": mt.arange(3), "s": {3, 1, 2}}, f)
    assert a.getvalue() == b.getvalue()


# ------------------------------------------------------------------ errors, and the disk


class Foreign:
    pass


CYCLE: list = []
CYCLE.append([CYCLE])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"a": [1, Foreign()]}, TypeError, r"the object\['a'\]\[1\].*Foreign"),
        (lambda: 0, TypeError, "function"),
        (np.array(["a"]), TypeError, "NumPy ndarray of type <U1"),
        (np.zeros(2, complex), TypeError, "complex128"),
        ({Foreign(): 1}, TypeError, "key"),
        (CYCLE, ValueError, "contains itself"),
        (collections.defaultdict(int), TypeError, "defaultdict"),
    ],
)
def test_what_cannot_be_saved(tmp_path, wrong, error, message):
    path = tmp_path / "x.pt"
    save(1, path)
    with pytest.raises(error, match=message):
        save(wrong, path)
    assert load(path) == 1
    assert os.listdir(tmp_path) == ["x.pt"]


def test_module_is_pointed_to_its_state_dict():
    class Model:
        def state_dict(self):
            return {}

    with pytest.raises(TypeError, match="state_dict"):
        save(Model(), io.BytesIO())


def test_failure_while_writing_changes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    save(mt.ones(3), path)
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save(mt.zeros(3), path)
    assert load(path).tolist() == [1, 1, 1]
    assert os.listdir(tmp_path) == ["x.pt"]


def test_wrong_paths(tmp_path):
    with pytest.raises(RuntimeError, match="Parent directory"):
        save(1, tmp_path / "none" / "x.pt")
    with pytest.raises(RuntimeError, match="is a directory"):
        save(1, tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.pt")


def test_links_stay_links(tmp_path):
    save(1, tmp_path / "real.pt")
    (tmp_path / "link.pt").symlink_to(tmp_path / "real.pt")
    save(2, tmp_path / "link.pt")
    assert (tmp_path / "link.pt").is_symlink()
    assert load(tmp_path / "real.pt") == 2


def content():
    f = io.BytesIO()
    save({"w": mt.arange(100.0), "b": [mt.ones(2, 2), 3, "text"]}, f)
    return f.getvalue()


def test_cut_off_anywhere():
    data = content()
    for n in range(0, len(data), 7):
        with pytest.raises(RuntimeError, match="cannot load the file"):
            load(io.BytesIO(data[:n]))


def test_any_changed_byte_is_noticed_or_harmless():
    data = content()
    right = load(io.BytesIO(data))
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= (0x01, 0x80, 0xFF)[i % 3]
        try:
            back = load(io.BytesIO(bytes(changed)))
        except RuntimeError:
            continue
        same(right, back)


def test_foreign_files(tmp_path):
    torch.save({"w": torch.ones(2)}, tmp_path / "torch.pt")
    with pytest.raises(RuntimeError, match=r"was written by torch\.save"):
        load(tmp_path / "torch.pt")
    np.savez(tmp_path / "n.npz", a=np.ones(2))
    with pytest.raises(RuntimeError, match=r"was not written by minitorch\.save"):
        load(tmp_path / "n.npz")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(RuntimeError, match=r"text\.pt: it is cut off"):
        load(tmp_path / "text.pt")


@pytest.mark.parametrize(
    "change",
    [{"offset": 90}, {"offset": -1}, {"shape": [101]}, {"stride": [2]}, {"stride": [-1]}, {"dtype": "int64"}],
)
def test_a_hostile_file_sees_no_foreign_memory(change):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content())) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "structure.json":
                structure = json.loads(data)
                structure["tensors"][0].update(change)
                data = json.dumps(structure)
            target.writestr(name, data)
    out.seek(0)
    with pytest.raises(RuntimeError, match="damaged"):
        load(out)


# ------------------------------------------------------------------ devices, pickle, copy


def cuda_file():
    f = io.BytesIO()
    save(mt.ones(2), f)
    out = io.BytesIO()
    with zipfile.ZipFile(f) as source, zipfile.ZipFile(out, "w") as target:
        target.writestr("structure.json", source.read("structure.json").replace(b'"cpu"', b'"cuda:0"'))
        target.writestr("0.npy", source.read("0.npy"))
    return out.getvalue()


@pytest.mark.parametrize(
    "location",
    ["cpu", mt.device("cpu"), {"cuda:0": "cpu"}, lambda t, where: t if where == "cuda:0" else None],
)
def test_map_location(location):
    assert load(io.BytesIO(cuda_file()), map_location=location).device == mt.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_device_is_said():
    with pytest.raises(RuntimeError, match="map_location='cpu'"):
        load(io.BytesIO(cuda_file()))


def test_torch_device():
    pytest.importorskip("minitorch.backends.torch")
    x = mt.arange(6.0).reshape(2, 3).to(device="torch")
    a, b = through([x, x.t()])
    assert str(a.device) == "torch"
    assert b.tolist() == [[0, 3], [1, 4], [2, 5]]
    a[0, 0] = 9.0
    assert b[0, 0].item() == 9.0
    assert through(x, map_location="cpu").device == mt.device("cpu")


def test_pickle_and_copy():
    x = mt.ones(2, 3, requires_grad=True)
    for made in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        same(x, made)
        assert made.is_leaf
    assert math.isclose(copy.copy(mt.ones(1)).item(), 1.0)
