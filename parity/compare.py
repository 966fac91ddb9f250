"""The arithmetic of comparing: distances in ulps, relative deviations, where curves begin to differ."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import tolerances
from .recording import Recording

_INTEGERS = {2: (np.int16, np.uint16), 4: (np.int32, np.uint32), 8: (np.int64, np.uint64)}


def ulps(a, b):
    """How many floating point numbers lie between a and b, element by element, as float64.

    Both zeros count as one number; NaN and NaN are 0 apart; NaN and a number, or an infinity and anything
    else, are infinitely far apart. For integers and booleans the distance is the difference. TypeError if the
    dtypes differ.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype:
        raise TypeError(
            f"ulps() compares arrays of one dtype, got {a.dtype} and {b.dtype}: convert one of them first"
        )
    if a.dtype.kind != "f":
        return np.abs(a.astype(np.float64) - b.astype(np.float64))
    signed, unsigned = _INTEGERS[a.dtype.itemsize]
    i, j = ordered(a, signed), ordered(b, signed)
    with np.errstate(over="ignore"):
        distance = (np.maximum(i, j).astype(unsigned) - np.minimum(i, j).astype(unsigned)).astype(np.float64)
    strange = ~(np.isfinite(a) & np.isfinite(b))
    alike = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(strange, np.where(alike, 0.0, np.inf), distance)


def ordered(a, signed):
    """The bits of floats as integers that grow as the floats do; both zeros become 0."""
    bits = np.ascontiguousarray(a).view(signed).reshape(a.shape)
    lowest = np.iinfo(signed).min
    return np.where(bits < 0, lowest - bits, bits).astype(signed)


def bits_equal(a, b):
    """Same dtype, same shape and same bits (so 0.0 differs from -0.0, and a NaN equals itself)."""
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def largest(distances):
    """The maximum, 0 of nothing."""
    distances = np.asarray(distances)
    return float(distances.max()) if distances.size else 0.0


def relative(a, b):
    """|a - b| / |b| by element (b is torch's); 0 where both are the same, inf where only one is finite."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        deviation = np.abs(a - b) / np.abs(b)
    deviation = np.where(np.isnan(deviation), np.inf, deviation)
    return np.where(same, 0.0, deviation)


def relative_to_scale(a, b):
    """The largest |a - b| over the largest |b| of the array: a weight near 0 has no say."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if not a.size:
        return 0.0
    scale = np.abs(b).max()
    return float(np.abs(a - b).max() / scale) if scale else float(np.abs(a).max())


def first_difference(a, b):
    """The first index where two sequences are not bit-equal, or None. A shorter one differs where it ends."""
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if not bits_equal(x, y):
            return i
    return None if len(a) == len(b) else min(len(a), len(b))


@dataclass
class Check:
    """One thing that must hold."""

    name: str
    passed: bool
    detail: str


@dataclass
class TrainingResult:
    """One training compared: curves, checks, and how the deviation grows."""

    name: str
    title: str
    ingredients: str
    dtype: str
    checks: list[Check] = field(default_factory=list)
    ours: list = field(default_factory=list)
    theirs: list = field(default_factory=list)
    deviation: list = field(default_factory=list)  # relative, of every step
    parts_at: int | None = None  # the first step whose losses are not bit-equal, from 1
    growth: list = field(default_factory=list)  # (step, largest deviation so far)
    nudged: list = field(default_factory=list)  # torch beside itself, its first weights a rounding larger
    final_ulps: float = 0.0
    final_relative: float = 0.0
    notes: dict = field(default_factory=dict)
    seconds: tuple = (0.0, 0.0)
    error: str | None = None

    @property
    def passed(self):
        return self.error is None and all(c.passed for c in self.checks)

    @property
    def worst(self):
        return max(self.deviation, default=0.0)

    @property
    def parts(self):
        """Where the curves stop being bit-equal, in words."""
        return (
            "bit-equal to the end" if self.parts_at is None else f"not bit-equal from step {self.parts_at} on"
        )

    @property
    def worst_nudged(self):
        """How far torch gets from itself by one rounding: what no other implementation can be asked to beat."""
        return max(self.nudged, default=0.0)


def same_bits(name, ours, theirs, unit):
    """Check that two lists (or dicts by name) of arrays are equal bit for bit."""
    if isinstance(theirs, dict):
        if list(ours) != list(theirs):
            return Check(name, False, f"names differ: {list(ours)} for torch's {list(theirs)}")
        ours, theirs = list(ours.values()), list(theirs.values())
    at = first_difference(ours, theirs)
    numbers = sum(np.asarray(t).size for t in theirs)
    if at is None:
        return Check(name, True, f"{len(theirs)} {unit}, {numbers:,} numbers, bit-equal")
    return Check(
        name, False, f"{unit} differ from number {at + 1} of {len(theirs)} on ({len(ours)} recorded)"
    )


def compare_training(training, ours: Recording, theirs: Recording, nudged: Recording) -> TrainingResult:
    """All that is said about one training; `training` is its row, `nudged` torch with other roundings at the start."""
    r = TrainingResult(training.name, training.title, training.ingredients, theirs.dtype)
    r.seconds, r.notes = (ours.seconds, theirs.seconds), theirs.notes
    r.ours, r.theirs = ours.losses.tolist(), theirs.losses.tolist()
    both = min(len(nudged.losses), len(theirs.losses))  # early stopping may come at another epoch
    r.nudged = relative(nudged.losses[:both], theirs.losses[:both]).tolist()
    r.checks = [
        same_bits("initial weights", ours.initial, theirs.initial, "tensors"),
        same_bits("shuffles", ours.order, theirs.order, "batches"),
    ]
    if theirs.masks or ours.masks:
        r.checks.append(same_bits("dropout masks", ours.masks, theirs.masks, "masks"))
    r.checks.append(losses(r, ours.losses, theirs.losses))
    if theirs.validation or ours.validation:
        r.checks.append(validation(ours.validation, theirs.validation, theirs.dtype))
    r.checks.append(final(r, ours.final, theirs.final))
    r.checks.append(predictions(ours.predictions, theirs.predictions, training.classes, theirs.dtype))
    if theirs.notes:
        r.checks.append(notes(ours.notes, theirs.notes))
    return r


def losses(r, a, b):
    """The loss of every step; fills in deviation, the step at which the curves part, and the growth."""
    r.deviation = relative(a[: len(b)], b[: len(a)]).tolist()
    at = first_difference(a, b)
    r.parts_at = None if at is None else at + 1
    r.growth = growth(r.deviation)
    limit = tolerances.LOSS[r.dtype]
    if len(a) != len(b):
        return Check("losses", False, f"{len(a)} steps for torch's {len(b)}")
    past = [i for i, d in enumerate(r.deviation) if not d <= limit]
    if past:
        itself = (
            f"torch deviates from itself by {r.worst_nudged:.2g} when its first weights differ by a rounding"
        )
        return Check(
            "losses",
            False,
            f"past {limit:g} at step {past[0] + 1}; largest deviation {r.worst:.2g}; {itself}",
        )
    return Check(
        "losses", True, f"{len(b)} steps, {r.parts}, largest deviation {r.worst:.2g} (allowed {limit:g})"
    )


def validation(a, b, dtype):
    """The validation loss of every epoch, on which schedules and early stopping decide."""
    if len(a) != len(b):
        return Check("validation losses", False, f"{len(a)} epochs for torch's {len(b)}")
    worst = largest(relative(a, b))
    limit = tolerances.LOSS[dtype]
    detail = f"{len(b)} epochs, largest deviation {worst:.2g} (allowed {limit:g})"
    return Check("validation losses", worst <= limit, detail)


def growth(deviation):
    """The largest deviation up to steps 1, 3, 10, 30, 100 ... and the last."""
    steps = [s for s in (1, 3, 10, 30, 100, 300, 1000, 3000) if s < len(deviation)] + [len(deviation)]
    return [(s, max(deviation[:s])) for s in steps if s]


def final(r, a, b):
    """Final parameters and buffers, in ulps and relative to the largest of their tensor."""
    if list(a) != list(b):
        return Check("final parameters", False, f"names differ: {list(a)} for torch's {list(b)}")
    for name in b:
        if a[name].shape != b[name].shape or a[name].dtype != b[name].dtype:
            given = f"{a[name].dtype}{list(a[name].shape)}"
            return Check(
                "final parameters",
                False,
                f"{name} is {given} for torch's {b[name].dtype}{list(b[name].shape)}",
            )
    r.final_ulps = max((largest(ulps(a[n], b[n])) for n in b), default=0.0)
    r.final_relative = max((relative_to_scale(a[n], b[n]) for n in b), default=0.0)
    limit = tolerances.FINAL[r.dtype]
    detail = (
        f"largest difference {r.final_ulps:,.0f} ulps, {r.final_relative:.2g} relative (allowed {limit:g})"
    )
    return Check("final parameters", bool(r.final_relative <= limit), detail)


def predictions(a, b, classes, dtype):
    """Classes must be the same for every sample; numbers within the tolerance."""
    if a.shape != b.shape:
        return Check("predictions", False, f"shape {a.shape} for torch's {b.shape}")
    limit = tolerances.FINAL[dtype]
    deviation = relative_to_scale(a, b)
    if not classes:
        return Check(
            "predictions", deviation <= limit, f"{len(b)} numbers, largest deviation {deviation:.2g} relative"
        )
    decide = (lambda p: p.argmax(1)) if b.shape[1] > 1 else (lambda p: p[:, 0] > 0.5)
    other = int((decide(a) != decide(b)).sum())
    detail = f"{len(b) - other} of {len(b)} classes the same, outputs within {deviation:.2g}"
    return Check("predictions", other == 0 and deviation <= limit, detail)


def notes(a, b):
    """Facts that must be equal: epochs trained (early stopping), learning rate, accuracy."""
    keys = [k for k in b if not np.isclose(a.get(k, np.nan), b[k], rtol=1e-12, atol=0)]
    if keys:
        return Check("facts", False, "; ".join(f"{k} {a.get(k)} for torch's {b[k]}" for k in keys))
    return Check("facts", True, ", ".join(f"{k} {v:.6g}" for k, v in b.items()))
