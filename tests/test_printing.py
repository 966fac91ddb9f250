"""Printing, compared with torch's repr to the character."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

torch = pytest.importorskip("torch")
from minitorch import dtypes, printing  # noqa: E402

DTYPES = [np.dtype(n) for n in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "?")]
SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e-4,
    9.99e-5,
    1e4,
    1e8,
    1.1e8,
    1e-30,
    1e30,
    math.inf,
    -math.inf,
    math.nan,
]


@pytest.fixture(autouse=True)
def default_options():
    yield
    both(profile="default")


def both(**options):
    torch.set_printoptions(**options)
    printing.set_printoptions(**options)


def same(array, **options):
    array = np.asarray(array)
    mine = printing.tensor_str(array, **options)
    tensor = torch.from_numpy(array.copy())
    assert mine == repr(tensor.requires_grad_(options.get("requires_grad", False)))


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(
        st.sampled_from(
            [(), (0,), (0, 3), (2, 0), (1,), (7,), (40,), (2, 3), (3, 1, 2), (2, 2, 2, 2), (1, 30)]
        )
    )
    elements = hnp.from_dtype(dtype)
    if dtype.kind == "f":
        width = dtype.itemsize * 8
        top = {16: 6e4, 32: 2.0**30, 64: 2.0**30}[width]
        elements = draw(
            st.sampled_from(
                [
                    st.floats(width=width),
                    st.floats(-8, 8, width=width),
                    st.integers(-int(top), int(top)).map(float),
                    st.integers(-9, 9).map(float),
                    st.sampled_from(SPECIAL),
                ]
            )
        )
    with np.errstate(over="ignore"):
        values = draw(st.lists(elements, min_size=math.prod(shape), max_size=math.prod(shape)))
        return np.array(values, dtype=dtype).reshape(shape)


@settings(max_examples=600, deadline=None)
@given(arrays())
def test_any_array(array):
    same(array)
    if array.dtype.kind == "f":
        same(array, requires_grad=True)


@settings(max_examples=200, deadline=None)
@given(
    arrays(),
    st.integers(0, 8),
    st.integers(0, 20),
    st.integers(0, 4),
    st.integers(1, 120),
    st.sampled_from([None, True, False]),
)
def test_any_options(array, precision, threshold, edgeitems, linewidth, sci_mode):
    both(
        precision=precision, threshold=threshold, edgeitems=edgeitems, linewidth=linewidth, sci_mode=sci_mode
    )
    assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
    same(array)


@pytest.mark.parametrize("values", list(itertools.combinations(SPECIAL, 2)))
def test_pairs_of_special_values(values):
    for dtype in (np.float32, np.float64):
        same(np.array(values, dtype=dtype))
        same(np.array(values[0], dtype=dtype))


@pytest.mark.parametrize(
    "shape", [(1000,), (1001,), (7, 200), (200, 7), (6, 200), (2, 3, 300), (11, 11, 11), (1, 1, 2000)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
def test_summaries(shape, dtype):
    same((np.arange(math.prod(shape)) % 1234 - 600).reshape(shape).astype(dtype))


@pytest.mark.parametrize("profile", ["default", "short", "full"])
def test_profiles(profile):
    both(profile=profile)
    same(np.linspace(0, 1, 1100, dtype=np.float32))


def test_context_and_defaults():
    before = printing.get_printoptions()
    with printing.printoptions(precision=2):
        assert printing.tensor_str(np.float32([1.12345])) == "tensor([1.12])"
    assert printing.get_printoptions() == before


def test_default_dtype():
    torch.set_default_dtype(torch.float64)
    dtypes.set_default_dtype(dtypes.float64)
    try:
        for dtype in DTYPES:
            same(np.ones(2, dtype))
            same(np.ones(0, dtype))
    finally:
        torch.set_default_dtype(torch.float32)
        dtypes.set_default_dtype(dtypes.float32)


@pytest.mark.parametrize("n", range(1, 30))
def test_suffixes_wrap_as_torch_wraps(n):
    x = torch.linspace(-1, 1, n, requires_grad=True)
    y = x.double().tanh()
    array = y.detach().numpy()
    assert printing.tensor_str(array, grad_fn_name="TanhBackward0") == repr(y)
    meta = repr(torch.empty(2, 0, dtype=torch.int16)).replace("size", "device='torch', size")
    assert printing.tensor_str(np.empty((2, 0), np.int16), device="torch") == meta


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_type_name(dtype):
    name = torch.empty(0, dtype=getattr(torch, dtype.name)).type()
    assert name == f"torch.{printing.type_name(dtype)}Tensor"


def test_tensor_repr():
    mt = pytest.importorskip("minitorch")
    if not hasattr(mt, "tensor"):
        pytest.skip("minitorch has no tensor yet")
    for t in (torch, mt):
        x = t.tensor([[1.0, 2.5], [3.0, -4.0]], requires_grad=True)
        text = [
            repr(x),
            repr(x.tanh()),
            repr(x.detach()),
            repr(t.tensor(3)),
            f"{t.tensor(2.5):.2f}",
            str(t.tensor([True])),
        ]
        if hasattr(getattr(mt, "nn", None), "Parameter"):
            text.append(repr(t.nn.Parameter(t.ones(2))))
        if t is torch:
            expected = text
    assert text == expected

    class Mine(mt.Tensor):
        pass

    assert (
        repr(mt.ones(2).as_subclass(Mine) if hasattr(mt.Tensor, "as_subclass") else Mine([1.0, 1.0]))
        == "Mine([1., 1.])"
    )
