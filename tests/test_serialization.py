"""save and load: everything comes back the same, or there is a clear error and nothing has changed."""

import collections
import copy
import io
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
from minitorch import dtypes, pickled
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


def test_storage_offset_is_torchs():
    def offsets(T):
        x = T.arange(24.0).reshape(4, 6)
        views = [
            x,
            x[1],
            x[2:, 3:],
            x[1:2].expand(3, 6),
            x[1, 2].expand(5),
            x[2:].t(),
            x[:, None, 4],
            x.diagonal(1),
        ]
        views += [
            x[3:].unsqueeze(0),
            x[1:].unfold(1, 2, 2)[1, 1],
            x[3, 5],
            x[2].view(2, 3)[1],
            x.clone()[1:],
        ]
        return [v.storage_offset() for v in views]

    assert offsets(mt) == offsets(torch)


def test_a_small_part_of_much_memory_makes_a_small_file():
    f = io.BytesIO()
    save(mt.zeros(1_000_000)[5:8], f)
    assert len(f.getvalue()) < 2000


def test_leaves_and_parameters():
    x = mt.ones(2, requires_grad=True)
    back = through([x, x * 2])
    assert all(t.requires_grad and t.is_leaf for t in back)
    back = through([mt.nn.Parameter(mt.ones(2)), mt.nn.Parameter(mt.ones(2), requires_grad=False)])
    assert [type(t) for t in back] == [mt.nn.Parameter] * 2
    assert [t.requires_grad for t in back] == [True, False]


def test_modules_and_optimizers():
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
    np.savez(tmp_path / "n.npz", a=np.ones(2))
    with pytest.raises(RuntimeError, match=r"was not written by save"):
        load(tmp_path / "n.npz")
    with zipfile.ZipFile(tmp_path / "z.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(["another protocol"], protocol=5))
    with pytest.raises(RuntimeError, match="damaged"):
        load(tmp_path / "z.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(RuntimeError, match=r"text\.pt: it is cut off"):
        load(tmp_path / "text.pt")


def test_a_hostile_file_sees_no_foreign_memory(monkeypatch):
    """Offset, shape, strides of a tensor over 100 numbers; the last is right."""
    for place in [(90, (100,), (1,)), (-1, (9,), (1,)), (0, (101,), (1,)), (0, (100,), (2,)), (9, (9,), (-1,)),
                  (0, (2, 2), (1,)), (0.0, (2,), (1,)), (99, (1,), (7,))]:  # fmt: skip

        def placed(self, t, place=place):
            memory = next(iter(self.survey.memories.values()))
            return pickled._rebuild_tensor, (memory, *place, False, collections.OrderedDict())

        f = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(pickled.Pickler, "tensor", placed)
            save(mt.arange(100.0), f)
        f.seek(0)
        if place[0] == 99:
            assert load(f).tolist() == [99.0]
            continue
        with pytest.raises(RuntimeError, match="damaged"):
            load(f)


class Runs:
    """Pickled as a call of something."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def file_of(data, order=b"little"):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", order)
    f.seek(0)
    return f


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("function", [os.system, eval, getattr, torch.nn.Linear, np.dtype, io.open])
def test_code_is_refused(function, weights_only, tmp_path):
    mark = tmp_path / "ran"
    obj = {"w": [Runs(function, f"touch {mark}")]}
    with pytest.raises(pickle.UnpicklingError, match=f"holds a .*{function.__name__}, which could run code"):
        load(file_of(pickle.dumps(obj, protocol=2)), weights_only=weights_only)
    assert not mark.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"ctorch\nfloat32\n}U\x04nameU\x04evilsb.",  # attributes for a dtype, which is everybody's
        b"ccollections\nCounter\n}(X\x06\0\0\0updateNub.",  # ... for a class
        b"(X\x02\0\0\0lsios\nsystem\n.",  # INST
        b"cbuiltins\nset\n)\x81.",  # NEWOBJ
        b"\x80\x02cnumpy._core.numeric\n_frombuffer\n(C\x08"
        + b"\1" * 8
        + b"X\x02\0\0\0|OK\x01\x85X\x01\0\0\0CtR.",
    ],
)
def test_opcodes_that_data_does_not_need_are_refused(data):
    with pytest.raises(RuntimeError, match="damaged"):
        load(file_of(data))
    assert mt.float32.name == "float32"
    assert collections.Counter("aa") == {"a": 2}


# ------------------------------------------------------------------ torch reads ours, and we read torch's


def through_torch(obj, direction, **options):
    """Written by one library and read by the other."""
    f = io.BytesIO()
    (mt if direction == "to torch" else torch).save(obj, f)
    f.seek(0)
    return (torch if direction == "to torch" else mt).load(f, **options)


@pytest.mark.parametrize("direction", ["to torch", "from torch"])
def test_data_crosses(direction):
    from_lib, to_lib = (mt, torch) if direction == "to torch" else (torch, mt)
    flat = from_lib.arange(24.0)
    obj = {
        "views": [flat.reshape(2, 3, 4).permute(2, 0, 1), flat[3:9:2], flat[5], flat[:0]],
        "plain": [1, -(2**70), 0.1, math.inf, None, True, "text", b"\0\xff", (1, (2,)), {1, 2}, 1 + 2j],
        "counter": collections.Counter({3: 1, 5: 2}),
        "size": from_lib.Size([2, 3]),
        "dtypes": [getattr(from_lib, d.name) for d in dtypes.ALL],
        "tensors": [from_lib.tensor([0, 1], dtype=getattr(from_lib, d.name)) for d in dtypes.ALL],
        "device": from_lib.device("cpu"),
        "parameter": from_lib.nn.Parameter(from_lib.ones(2), requires_grad=True),
        "leaf": from_lib.ones(2, requires_grad=True),
        "frozen": from_lib.nn.Parameter(from_lib.ones(2), requires_grad=False),
    }
    back = through_torch(obj, direction)
    assert list(back) == list(obj)
    for a, b in zip(obj["views"] + obj["tensors"], back["views"] + back["tensors"], strict=True):
        assert (a.tolist(), tuple(a.shape), str(a.dtype)) == (b.tolist(), tuple(b.shape), str(b.dtype))
        assert not a.numel() or a.stride() == b.stride()
    back["views"][0][0, 0, 0] = 7.0
    back["views"][1][0] = 8.0  # element 3
    assert back["views"][0][3, 0, 0].item() == 8.0
    assert back["plain"] == obj["plain"]
    assert back["counter"] == obj["counter"]
    assert type(back["counter"]) is collections.Counter
    assert type(back["size"]) is to_lib.Size
    assert back["dtypes"] == [getattr(to_lib, d.name) for d in dtypes.ALL]
    assert back["device"] == to_lib.device("cpu")
    assert [type(back[k]) for k in ("parameter", "leaf", "frozen")] == [
        to_lib.nn.Parameter,
        to_lib.Tensor,
        to_lib.nn.Parameter,
    ]
    assert [back[k].requires_grad for k in ("parameter", "leaf", "frozen")] == [True, True, False]


def trained(T, name, steps, state=None):
    """A model, an optimizer and a schedule after some steps of a training, perhaps from a saved state on."""
    T.manual_seed(3)
    model = T.nn.Sequential(T.nn.Linear(3, 4, bias=False), T.nn.BatchNorm1d(4), T.nn.Linear(4, 2))
    options = {"SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}}.get(name, {})
    optimizer = getattr(T.optim, name)(model.parameters(), lr=0.1, **options)
    scheduler = T.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3, 3, 6], gamma=0.5)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    for key in parts if state else ():
        parts[key].load_state_dict(state[key])
    for step in steps:
        optimizer.zero_grad()
        x = T.arange(12.0).reshape(4, 3).mul(0.1 * (step + 1)).sin()
        model(x).square().sum().backward()
        optimizer.step(), scheduler.step()
    return {key: part.state_dict() for key, part in parts.items()}


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
@pytest.mark.parametrize("direction", ["to torch", "from torch"])
def test_a_training_goes_on_in_the_other_library(name, direction):
    source, target = (mt, torch) if direction == "to torch" else (torch, mt)
    half = through_torch(trained(source, name, range(4)), direction)
    assert type(half["scheduler"]["milestones"]) is collections.Counter
    ours, whole = trained(target, name, range(4, 8), half), trained(source, name, range(8))
    assert ours["scheduler"] == whole["scheduler"]
    assert ours["optimizer"]["param_groups"][0]["lr"] == whole["optimizer"]["param_groups"][0]["lr"]
    for key, value in whole["model"].items():
        np.testing.assert_allclose(
            ours["model"][key].numpy(), value.numpy(), rtol=1e-5, atol=1e-6, err_msg=key
        )


def test_the_other_byte_order(monkeypatch):
    f = io.BytesIO()
    monkeypatch.setattr(pickled.sys, "byteorder", "big" if pickled.sys.byteorder == "little" else "little")
    save(mt.arange(3), f)  # says that it is the other order
    monkeypatch.undo()
    f.seek(0)
    assert load(f).tolist() == [n << 56 for n in range(3)]


# ------------------------------------------------------------------ devices, pickle, copy


def cuda_file():
    f = io.BytesIO()
    save(mt.ones(2), f)
    out = io.BytesIO()
    with zipfile.ZipFile(f) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(b"\3\0\0\0cpu", b"\6\0\0\0cuda:0"))
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


def test_other_devices(device):
    x = mt.arange(6.0).reshape(2, 3).to(device=device)
    a, b = through([x, x.t()])
    assert a.device == mt.device(device)
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
