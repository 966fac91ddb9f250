"""Modules, optimizers and schedulers beside torch's, each in one row with its largest deviation."""

from __future__ import annotations

import warnings
import zlib
from dataclasses import dataclass

import numpy as np
import torch

from . import tolerances
from .compare import bits_equal, largest, relative_to_scale, ulps
from .operations import close, moved, said
from .recording import array

STEPS = 20


@dataclass
class RowResult:
    """One module, optimizer or scheduler in one dtype."""

    kind: str  # "module", "optimizer", "scheduler"
    name: str
    dtype: str
    ulps: float | None = None  # largest of all that was compared
    relative: float | None = None
    compared: int = 0
    error: str | None = None

    @property
    def passed(self):
        return self.error is None


def floats(*shape, low=-2.0, high=2.0):
    return lambda rng, dtype: np.asarray(rng.uniform(low, high, shape)).astype(np.float32).astype(dtype)


def labels(shape, classes):
    return lambda rng, dtype: np.asarray(rng.integers(0, classes, shape))


def distribution(*shape):
    def make(rng, dtype):
        raw = rng.uniform(0.1, 1, shape)
        return (raw / raw.sum(1, keepdims=True)).astype(np.float32).astype(dtype)

    return make


def coins(*shape):
    return lambda rng, dtype: np.asarray(rng.integers(0, 2, shape)).astype(dtype)


X, PAIR = floats(6, 5), (floats(6, 5), floats(6, 5))
LOGITS, LABELS = floats(6, 5), labels((6,), 5)

#: (label, constructor given T, its inputs; a loss's target is the last). Every module of the issue's table.
MODULES = [
    ("Linear(5, 3)", lambda T: T.nn.Linear(5, 3), [X]),
    ("Linear(5, 3, bias=False)", lambda T: T.nn.Linear(5, 3, bias=False), [X]),
    ("Identity()", lambda T: T.nn.Identity(), [X]),
    ("Flatten()", lambda T: T.nn.Flatten(), [floats(3, 2, 4)]),
    ("Embedding(7, 3)", lambda T: T.nn.Embedding(7, 3), [labels((4, 2), 7)]),
    ("Embedding(7, 3, padding_idx=1)", lambda T: T.nn.Embedding(7, 3, padding_idx=1), [labels((4, 2), 7)]),
    ("Dropout(0.5)", lambda T: T.nn.Dropout(0.5), [X]),
    ("BatchNorm1d(5), training", lambda T: T.nn.BatchNorm1d(5), [X]),
    ("BatchNorm1d(5), evaluation", lambda T: T.nn.BatchNorm1d(5).eval(), [X]),
    ("BatchNorm1d(4) on (N, C, L)", lambda T: T.nn.BatchNorm1d(4), [floats(3, 4, 5)]),
    ("LayerNorm(5)", lambda T: T.nn.LayerNorm(5), [X]),
    ("LayerNorm((4, 5))", lambda T: T.nn.LayerNorm((4, 5)), [floats(3, 4, 5)]),
    ("Sequential", lambda T: T.nn.Sequential(T.nn.Linear(5, 4), T.nn.Tanh(), T.nn.Linear(4, 2)), [X]),
    ("Sigmoid()", lambda T: T.nn.Sigmoid(), [X]),
    ("Tanh()", lambda T: T.nn.Tanh(), [X]),
    ("ReLU()", lambda T: T.nn.ReLU(), [X]),
    ("LeakyReLU()", lambda T: T.nn.LeakyReLU(), [X]),
    ("Softmax(1)", lambda T: T.nn.Softmax(1), [X]),
    ("LogSoftmax(1)", lambda T: T.nn.LogSoftmax(1), [X]),
    ("ELU()", lambda T: T.nn.ELU(), [X]),
    ("GELU()", lambda T: T.nn.GELU(), [X]),
    ("GELU('tanh')", lambda T: T.nn.GELU(approximate="tanh"), [X]),
    ("SiLU()", lambda T: T.nn.SiLU(), [X]),
    ("Softplus()", lambda T: T.nn.Softplus(), [X]),
    ("MSELoss()", lambda T: T.nn.MSELoss(), PAIR),
    ("MSELoss('sum')", lambda T: T.nn.MSELoss(reduction="sum"), PAIR),
    ("L1Loss()", lambda T: T.nn.L1Loss(), PAIR),
    ("SmoothL1Loss()", lambda T: T.nn.SmoothL1Loss(), PAIR),
    ("HuberLoss(delta=0.5)", lambda T: T.nn.HuberLoss(delta=0.5), PAIR),
    ("CrossEntropyLoss()", lambda T: T.nn.CrossEntropyLoss(), [LOGITS, LABELS]),
    ("CrossEntropyLoss, probabilities", lambda T: T.nn.CrossEntropyLoss(), [LOGITS, distribution(6, 5)]),
    (
        "CrossEntropyLoss(label_smoothing=0.1)",
        lambda T: T.nn.CrossEntropyLoss(label_smoothing=0.1),
        [LOGITS, LABELS],
    ),
    ("CrossEntropyLoss(ignore_index=2)", lambda T: T.nn.CrossEntropyLoss(ignore_index=2), [LOGITS, LABELS]),
    ("CrossEntropyLoss('none')", lambda T: T.nn.CrossEntropyLoss(reduction="none"), [LOGITS, LABELS]),
    ("NLLLoss()", lambda T: T.nn.NLLLoss(), [floats(6, 5, low=-4, high=-0.1), LABELS]),
    ("BCELoss()", lambda T: T.nn.BCELoss(), [floats(6, 1, low=0.02, high=0.98), coins(6, 1)]),
    ("BCEWithLogitsLoss()", lambda T: T.nn.BCEWithLogitsLoss(), [floats(6, 1), coins(6, 1)]),
    (
        "KLDivLoss('batchmean')",
        lambda T: T.nn.KLDivLoss(reduction="batchmean"),
        [floats(6, 5, low=-4, high=-0.1), distribution(6, 5)],
    ),
]

#: (name, options): each is fed the same NumPy gradients for 20 steps
OPTIMIZERS = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("SGD", dict(lr=0.1, momentum=0.9, maximize=True)),
    ("Adam", dict(lr=0.01)),
    ("Adam", dict(lr=0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.01)),
    ("Adam", dict(lr=0.01, amsgrad=True)),
    ("AdamW", dict(lr=0.01)),
    ("AdamW", dict(lr=0.01, amsgrad=True, weight_decay=0.1)),
    ("RMSprop", dict(lr=0.01)),
    ("RMSprop", dict(lr=0.01, centered=True, momentum=0.9, weight_decay=0.01)),
    ("Adagrad", dict(lr=0.1)),
    ("Adagrad", dict(lr=0.1, lr_decay=0.01, weight_decay=0.01, initial_accumulator_value=0.1)),
]

#: (name, options): the learning rates of 20 steps from 0.1
SCHEDULERS = [
    ("StepLR", dict(step_size=4, gamma=0.5)),
    ("MultiStepLR", dict(milestones=[3, 9], gamma=0.1)),
    ("ExponentialLR", dict(gamma=0.9)),
    ("LambdaLR", dict(lr_lambda=lambda epoch: 1 / (1 + epoch))),
    ("CosineAnnealingLR", dict(T_max=10, eta_min=0.001)),
    ("LinearLR", dict(start_factor=0.25, total_iters=7)),
    ("OneCycleLR", dict(max_lr=0.5, total_steps=25)),
    ("ReduceLROnPlateau", dict(factor=0.5, patience=2, cooldown=1)),
]


def options_text(name, options):
    """`SGD(lr=0.1, momentum=0.9)`."""
    shown = ", ".join(f"{k}={'...' if callable(v) else v!r}" for k, v in options.items())
    return f"{name}({shown})"


def random_numbers(*key):
    """NumPy's generator seeded by a name, the same on both sides."""
    return np.random.default_rng(zlib.crc32(" ".join(map(str, key)).encode()))


def check(kind, name, dtype, compute, T, device) -> RowResult:
    """`compute(library, device)` gives {part: array} for each library; all parts are compared."""
    row = RowResult(kind, name, dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, ours = compute(torch, "cpu"), compute(T, device)
    except Exception as error:
        row.error = said(error)
        return row
    if list(ours) != list(theirs):
        row.error = f"has {list(ours)} for torch's {list(theirs)}"
        return row
    row.ulps = row.relative = 0.0
    for part, b in theirs.items():
        a = ours[part]
        if a.dtype != b.dtype or a.shape != b.shape:
            row.error = f"{part}: {a.dtype}{list(a.shape)} for torch's {b.dtype}{list(b.shape)}"
            return row
        row.compared += 1
        row.ulps = max(row.ulps, largest(ulps(a, b)))
        row.relative = max(row.relative, relative_to_scale(a, b))
        row.error = row.error or judge(kind, part, a, b, dtype)
    return row


def judge(kind, part, a, b, dtype):
    """None if within tolerance, else one line."""
    if part.startswith("initial "):
        return None if bits_equal(a, b) else f"{part}: not bit-equal"
    if kind == "module":
        rtol, atol = tolerances.VALUES[dtype]
        return None if close(a, b, rtol, atol) else f"{part}: largest difference {largest(np.abs(a - b)):.3g}"
    limit = tolerances.UPDATES[dtype] if kind == "optimizer" else tolerances.RATES
    deviation = relative_to_scale(a, b)
    return None if deviation <= limit else f"{part}: {deviation:.3g} relative (allowed {limit:g})"


def check_module(T, row, dtype, device="cpu"):
    """Initial values bit for bit; then, on perturbed values, the output and all gradients."""
    label, build, inputs = row

    def compute(L, where):
        L.manual_seed(1)
        module = build(L)
        parts = {f"initial {n}": array(v) for n, v in module.state_dict().items()}
        module.to(where, getattr(L, dtype))
        rng = random_numbers("module", label)
        with L.no_grad():  # a forgotten bias of zeros would not be seen
            for p in module.parameters():
                noise = np.asarray(rng.uniform(-0.5, 0.5, tuple(p.shape))).astype(np.float32).astype(dtype)
                p.add_(L.from_numpy(noise).to(where))
        made = [make(rng, np.dtype(dtype)) for make in inputs]
        tensors = [moved(L.from_numpy(m), where) for m in made]
        if made[0].dtype.kind == "f":
            tensors[0].requires_grad_()
        out = module(*tensors)
        g = np.asarray(rng.uniform(-1, 1, tuple(out.shape))).astype(np.float32).astype(dtype)
        if out.requires_grad:
            out.backward(L.from_numpy(g).to(where))
        parts["output"] = array(out)
        if tensors[0].grad is not None:
            parts["gradient of input"] = array(tensors[0].grad)
        parts |= {f"gradient of {n}": array(p.grad) for n, p in module.named_parameters()}
        return parts | {f"buffer {n}": array(b) for n, b in module.named_buffers()}

    return check("module", label, dtype, compute, T, device)


def check_optimizer(T, row, dtype, device="cpu"):
    """Two parameters, 20 steps with the same gradients: no autograd takes part."""
    name, options = row

    def compute(L, where):
        rng = random_numbers("optimizer", name)
        values = [rng.normal(size=s).astype(np.float32).astype(dtype) for s in ((5, 3), (7,))]
        parameters = [L.nn.Parameter(moved(L.from_numpy(v), where)) for v in values]
        optimizer = getattr(L.optim, name)(parameters, **options)
        for _ in range(STEPS):
            for p in parameters:
                gradient = rng.normal(size=tuple(p.shape)).astype(np.float32).astype(dtype)
                p.grad = L.from_numpy(gradient).to(where)
            optimizer.step()
        return {f"parameter {i}": array(p) for i, p in enumerate(parameters)}

    return check("optimizer", options_text(name, options), dtype, compute, T, device)


def check_scheduler(T, row):
    """The learning rates of 20 steps."""
    name, options = row

    def compute(L, where):
        parameter = L.nn.Parameter(L.zeros(1))
        optimizer = L.optim.SGD([parameter], lr=0.1)
        scheduler = getattr(L.optim.lr_scheduler, name)(optimizer, **options)
        metrics = [1, 0.9, 0.9, 0.9, 0.9, 0.8, 0.8] + [0.8] * STEPS
        rates = []
        for i in range(STEPS):
            optimizer.step()
            scheduler.step(*([metrics[i]] if name == "ReduceLROnPlateau" else []))
            rates.append(optimizer.param_groups[0]["lr"])
        return {"rates": np.array(rates, np.float64)}

    return check("scheduler", options_text(name, options), "float64", compute, T, "cpu")
