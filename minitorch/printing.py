"""How a tensor is written: torch's `repr`, to the character, from a NumPy array.

All elements of a tensor share one format, chosen by `_Format` from those that are shown; `_body` puts them
in brackets and lines; `tensor_str` adds what isn't a value (device, size, dtype, gradient).
Source: https://docs.pytorch.org/docs/stable/generated/torch.set_printoptions.html
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import asdict, dataclass

import numpy as np

from . import dtypes

_TYPE_NAMES = {
    "float16": "Half",
    "float32": "Float",
    "float64": "Double",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint8": "Byte",
    "bool": "Bool",
}


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()
_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors are printed. What is None stays, except `sci_mode`, which goes back to automatic.

    Args:
        precision: digits after the point (4).
        threshold: more elements than this are summarised with `...` (1000).
        edgeitems: elements shown at each end of a summarised dimension (3).
        linewidth: characters a line (80).
        profile: `"default"`, `"short"` or `"full"` (nothing is summarised); the other arguments override it.
        sci_mode: True or False forces scientific notation on or off.
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen = _PROFILES.get(profile, {}) | {k: v for k, v in given.items() if v is not None}
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict:
    """The present options, as keyword arguments of `set_printoptions`."""
    return asdict(_options)


@contextlib.contextmanager
def printoptions(**options):
    """`with printoptions(precision=2):` sets options for a while."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def type_name(dtype) -> str:
    """What torch calls a dtype in its error messages: `Float` for float32, `Long` for int64."""
    return _TYPE_NAMES[dtype.name]


class _Format:
    """One format and one width for all values of a tensor."""

    def __init__(self, shown: np.ndarray):
        self.width = 1
        self.write = str
        if shown.dtype.kind == "f":
            self._choose_float(shown)
        else:
            self._widen(shown.ravel().tolist())

    def _choose_float(self, shown):
        values = shown.astype(np.float64).ravel()
        values = values[np.isfinite(values) & (values != 0)]
        self.write = _whole
        if values.size == 0:
            return
        precision = _options.precision
        if _options.sci_mode if _options.sci_mode is not None else _needs_exponent(np.abs(values)):
            self.write = f"{{:.{precision}e}}".format
        elif not np.array_equal(values, np.ceil(values)):
            self.write = f"{{:.{precision}f}}".format
        self._widen(values.tolist())

    def _widen(self, values):
        self.width = max([self.width, *(len(self.write(v)) for v in values)])

    def __call__(self, value) -> str:
        return self.write(value).rjust(self.width)


def _whole(value: float) -> str:
    """A float without fraction: `3.`; the point says that it is one. inf and nan need no point."""
    return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"


def _needs_exponent(magnitudes) -> bool:
    low, high = float(magnitudes.min()), float(magnitudes.max())
    return high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4


def _edges(array: np.ndarray) -> np.ndarray:
    """The elements of a summarised array that are shown."""
    edge = _options.edgeitems
    if edge == 0:
        return array[:0] if array.ndim > 1 else array
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            array = array.take([*range(edge), *range(size - edge, size)], axis)
    return array


def _body(array: np.ndarray, indent: int, summarize: bool, form: _Format) -> str:
    """Nested brackets. `indent`: the column of the first bracket."""
    if array.ndim == 0:
        return form(array.item())
    edge = _options.edgeitems
    cut = summarize and (len(array) > 2 * edge or not edge)
    head, tail = (array[:edge], array[len(array) - edge :]) if cut else (array, array[:0])
    if array.ndim == 1:
        dots = [" ..." if edge else "..."] if cut else []
        words = [*map(form, head.tolist()), *dots, *map(form, tail.tolist())]
        per_line = max(1, math.floor((_options.linewidth - indent) / (form.width + 2)))
        rows = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    else:
        inner = [[_body(row, indent + 1, summarize, form) for row in part] for part in (head, tail)]
        rows = [*inner[0], *(["..."] if cut else []), *inner[1]]
    newlines = "\n" * max(1, array.ndim - 1)
    return "[" + ("," + newlines + " " * (indent + 1)).join(rows) + "]"


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """`text, suffix, suffix)`, each suffix on a new line if it would pass the line width."""
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def tensor_str(
    array: np.ndarray,
    *,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    device: str = "cpu",
    dtype_name: str | None = None,
    prefix: str = "tensor(",
) -> str:
    """Torch's `repr` of a tensor with these values.

    Args:
        array: the values (bool, integers, floats; any shape, also `()` and empty).
        grad_fn_name: the node that made it, shown in place of `requires_grad=True`.
        device: shown unless it is `cpu`.
        dtype_name: default: the array's own. Shown if the values don't tell it (int64, bool and the
            default floating type need no word, if there are values).
        prefix: the type's name and a bracket.
    """
    dtype_name = dtype_name or array.dtype.name
    default = dtypes.get_default_dtype().name
    empty = array.size == 0
    suffixes = []
    if device.partition(":")[0] != "cpu":
        suffixes.append(f"device='{device}'")
    if (empty and array.ndim != 1) or (not empty and not _options.edgeitems):
        suffixes.append(f"size={tuple(array.shape)}")
    if dtype_name not in ((default,) if empty else (default, "int64", "bool")):
        suffixes.append(f"dtype=torch.{dtype_name}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    indent = len(prefix)
    if empty:
        return _with_suffixes(prefix + "[]", suffixes, indent)
    summarize = array.size > _options.threshold
    form = _Format(_edges(array) if summarize else array)
    return _with_suffixes(prefix + _body(array, indent, summarize, form), suffixes, indent)


def tensor_repr(x) -> str:
    """`repr` of a `Tensor`. A subclass shows its own name; `Parameter` is a plain tensor with a heading."""
    cls = type(x)
    plain = cls.__module__.startswith("minitorch.") and cls.__name__ in ("Tensor", "Parameter")
    array = x._array if isinstance(x._array, np.ndarray) else x._array.detach().cpu().numpy()
    try:
        node = x.grad_fn
        grad_fn_name = None if node is None else node.name()
    except RuntimeError:  # a view that was changed without its history: torch prints it all the same
        grad_fn_name = "Invalid"
    return tensor_str(
        array,
        requires_grad=x.requires_grad,
        grad_fn_name=grad_fn_name,
        device=str(x.device),
        prefix="tensor(" if plain else f"{cls.__name__}(",
    )
