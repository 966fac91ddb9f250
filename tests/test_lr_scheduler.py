"""Learning-rate schedules: equal to torch's bit for bit, on the same optimizers."""

import copy
import math
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from minitorch.optim import lr_scheduler as mine  # noqa: E402
from minitorch.optim.lr_scheduler import base  # noqa: E402
from minitorch.optim.optimizer import Optimizer  # noqa: E402

theirs = torch.optim.lr_scheduler


@pytest.fixture(autouse=True)
def torch_optimizers_count(monkeypatch):
    """The schedules under test may drive torch's optimizers, so that both drive the same ones."""
    monkeypatch.setattr(base, "Optimizer", (Optimizer, torch.optim.Optimizer))


def sgd(lrs=(0.1, 0.037)):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs]
    return torch.optim.SGD(groups, momentum=0.9)


def adam(lrs=(0.1, 0.037)):
    return torch.optim.Adam([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs])


class Decay:
    """A callable object: its attributes are saved."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return self.rate**epoch


CASES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda t: 0.95**t),
    "lambda list": lambda s, o: s.LambdaLR(o, [lambda t: t / 30, Decay(0.9)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, [lambda t: 0.97, Decay(0.999)]),
    "step": lambda s, o: s.StepLR(o, 3),
    "step gamma": lambda s, o: s.StepLR(o, step_size=7, gamma=0.3),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 5, 5, 11], gamma=0.3),
    "constant": lambda s, o: s.ConstantLR(o, factor=0.7, total_iters=4),
    "linear": lambda s, o: s.LinearLR(o),
    "linear down": lambda s, o: s.LinearLR(o, start_factor=0.9, end_factor=0.123, total_iters=13),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.93),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=9, power=1.7),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=7),
    "cosine min": lambda s, o: s.CosineAnnealingLR(o, T_max=10, eta_min=0.003),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4),
    "restarts mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, T_mult=2, eta_min=0.001),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=4),
    "cyclic 2": lambda s, o: s.CyclicLR(
        o,
        [0.01, 0.02],
        [0.1, 0.3],
        step_size_up=4,
        step_size_down=7,
        mode="triangular2",
        base_momentum=[0.7, 0.8],
    ),
    "cyclic exp": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 5, mode="exp_range", gamma=0.99, cycle_momentum=False
    ),
    "cyclic fn": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 5, scale_fn=Decay(0.8), scale_mode="iterations"),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=60),
    "one cycle 3": lambda s, o: s.OneCycleLR(
        o, [0.1, 0.2], epochs=6, steps_per_epoch=10, three_phase=True, anneal_strategy="linear", pct_start=0.4
    ),
    "one cycle no momentum": lambda s, o: s.OneCycleLR(
        o, 0.1, total_steps=60, cycle_momentum=False, div_factor=3.0
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 10), s.StepLR(o, 4)], [5, 20]
    ),
    "sequential restarts": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1), s.CosineAnnealingWarmRestarts(o, 7), s.ExponentialLR(o, 0.9)], [6, 30]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 5), s.ExponentialLR(o, 0.9)]),
    "nested": lambda s, o: s.SequentialLR(
        o,
        [s.ChainedScheduler([s.LinearLR(o, 0.2), s.ExponentialLR(o, 0.9)]), s.PolynomialLR(o, 20, 2.0)],
        milestones=[8],
    ),
}


# torch's own way to nest a ChainedScheduler gives its warning about the order; ours is the same.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call")


def groups(optimizer):
    return [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
@pytest.mark.parametrize("optimizer", [sgd, adam])
def test_equal_to_torch_bit_for_bit(make, optimizer):
    ours, ref = optimizer(), optimizer()
    a, b = make(mine, ours), make(theirs, ref)
    for step in range(60):
        assert groups(ours) == groups(ref), step
        assert a.get_last_lr() == b.get_last_lr()
        assert a.state_dict() == b.state_dict()
        ours.step(), ref.step()
        a.step(), b.step()


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
@pytest.mark.parametrize("direction", ["own", "from torch", "to torch"])
def test_state_round_trip(make, direction):
    source, target = {"own": (mine, mine), "from torch": (theirs, mine), "to torch": (mine, theirs)}[
        direction
    ]
    old = sgd()
    a = make(source, old)
    for _ in range(9):
        old.step(), a.step()
    saved = copy.deepcopy((old.state_dict(), a.state_dict()))
    kept = copy.deepcopy(saved[1])
    new = sgd((0.5, 0.5))
    b = make(target, new)
    new.load_state_dict(saved[0])
    b.load_state_dict(saved[1])
    assert target is theirs or saved[1] == kept  # torch's takes entries out of the dict it is given
    for _ in range(40):
        old.step(), a.step(), new.step(), b.step()
        assert groups(old) == groups(new)


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
@pytest.mark.filterwarnings("ignore:The epoch parameter")
def test_step_to_an_epoch(make):
    ours, ref = sgd(), sgd()
    a, b = make(mine, ours), make(theirs, ref)
    if not hasattr(a, "base_lrs"):
        pytest.skip("step() of a composed scheduler takes no epoch")
    ours.step(), ref.step()
    for epoch in (3, 4, 11, 2, 30, 0):
        a.step(epoch), b.step(epoch)
        assert groups(ours) == groups(ref)
    a.step(), b.step()
    assert groups(ours) == groups(ref)


def test_fractional_epochs():
    for t_mult in (1, 2):
        ours, ref = sgd(), sgd()
        a = mine.CosineAnnealingWarmRestarts(ours, 3, t_mult)
        b = theirs.CosineAnnealingWarmRestarts(ref, 3, t_mult)
        for i in range(60):
            a.step(i / 4), b.step(i / 4)
            assert groups(ours) == groups(ref)


@pytest.mark.parametrize(
    "name", ["StepLR", "MultiStepLR", "LinearLR", "ExponentialLR", "CosineAnnealingLR", "LambdaLR"]
)
def test_resume_by_last_epoch(name):
    args = {
        "StepLR": (2,),
        "MultiStepLR": ([2, 5],),
        "LinearLR": (),
        "ExponentialLR": (0.9,),
        "CosineAnnealingLR": (10,),
        "LambdaLR": (Decay(0.9),),
    }[name]
    results = []
    for module in (mine, theirs):
        optimizer = sgd()
        with pytest.raises(KeyError, match=r"initial_lr.*param_groups\[0\]"):
            getattr(module, name)(optimizer, *args, last_epoch=3)
        first = getattr(module, name)(optimizer, *args)
        for _ in range(4):
            optimizer.step(), first.step()
        second = getattr(module, name)(optimizer, *args, last_epoch=first.last_epoch)
        optimizer.step(), second.step()
        results.append((groups(optimizer), second.state_dict() if name != "LambdaLR" else None))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "make", [CASES["exponential"], CASES["cosine"], CASES["cyclic"], CASES["sequential"]]
)
def test_lr_that_is_a_tensor(make):
    results = []
    for module in (mine, theirs):
        optimizer = sgd((torch.tensor(0.1), torch.tensor(0.2)))
        same = [g["lr"] for g in optimizer.param_groups]
        scheduler = make(module, optimizer)
        for _ in range(12):
            optimizer.step(), scheduler.step()
        assert all(g["lr"] is lr for g, lr in zip(optimizer.param_groups, same, strict=True))
        results.append([float(v) for v in scheduler.get_last_lr()])
    assert results[0] == results[1]


# ------------------------------------------------------------------ ReduceLROnPlateau

METRICS = [
    5.0,
    4.0,
    4.0,
    3.9999,
    3.9998,
    4.5,
    4.5,
    4.5,
    4.5,
    4.5,
    2.0,
    2.0,
    2.0,
    2.0,
    2.0,
    2.0,
    1.0,
    -1.0,
    -1.00001,
] * 2


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize(("patience", "cooldown"), [(0, 0), (1, 2), (3, 1)])
@pytest.mark.parametrize("min_lr", [0, 0.01, [0.02, 0.0001]])
def test_plateau(mode, threshold_mode, patience, cooldown, min_lr):
    options = {
        "mode": mode,
        "threshold_mode": threshold_mode,
        "patience": patience,
        "cooldown": cooldown,
        "min_lr": min_lr,
        "factor": 0.37,
    }
    ours, ref = sgd(), sgd()
    a, b = mine.ReduceLROnPlateau(ours, **options), theirs.ReduceLROnPlateau(ref, **options)
    for i, metric in enumerate(METRICS):
        a.step(torch.tensor(metric)), b.step(torch.tensor(metric))
        assert groups(ours) == groups(ref)
        assert a.get_last_lr() == b.get_last_lr()
        assert a.state_dict() == b.state_dict()
        if i == 7:
            a, state = mine.ReduceLROnPlateau(ours), b.state_dict()
            a.load_state_dict(state)


@pytest.mark.parametrize("nan", [math.nan, np.float32("nan"), torch.tensor(math.nan)])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau_refuses_nan_and_changes_nothing(nan, mode):
    """Unlike torch, which counts NaN as no improvement: here torch does not see those steps."""
    ours, ref = sgd(), sgd()
    a, b = (m.ReduceLROnPlateau(o, mode, patience=1) for m, o in ((mine, ours), (theirs, ref)))
    for metric in [1.0, nan, 2.0, 2.0, nan, nan, 0.5, 2.0]:
        if metric is nan:
            before = copy.deepcopy((groups(ours), a.state_dict()))
            step = a.last_epoch + 1
            with pytest.raises(
                ValueError, match=f"metric of step {step} is NaN.*EarlyStopping.*lower learning rate"
            ):
                a.step(metric)
            assert (groups(ours), a.state_dict()) == before
            continue
        a.step(metric), b.step(metric)
        assert groups(ours) == groups(ref)
        assert a.state_dict() == b.state_dict()


def test_plateau_with_a_group_added_later():
    for module in (mine, theirs):
        optimizer = sgd()
        scheduler = module.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0])
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
        scheduler.step(1.0)
        with pytest.raises(RuntimeError, match="number of param groups"):
            scheduler.step(1.0)


# ------------------------------------------------------------------ errors and warnings

WRONG = {
    "lambda count": lambda s, o: s.LambdaLR(o, [len]),
    "lambda type": lambda s, o: s.MultiplicativeLR(o, 3),
    "constant": lambda s, o: s.ConstantLR(o, factor=1.1),
    "linear start": lambda s, o: s.LinearLR(o, start_factor=0),
    "linear end": lambda s, o: s.LinearLR(o, end_factor=-1),
    "T_0": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 1.5),
    "eta_min": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, eta_min="0"),
    "epoch": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3).step(-1),
    "cyclic mode": lambda s, o: s.CyclicLR(o, 0.1, 1, mode="sine"),
    "cyclic count": lambda s, o: s.CyclicLR(o, [0.1], 1),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.1),
    "one cycle steps": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=0),
    "one cycle epochs": lambda s, o: s.OneCycleLR(o, 0.1, epochs=-1, steps_per_epoch=3),
    "one cycle batches": lambda s, o: s.OneCycleLR(o, 0.1, epochs=1, steps_per_epoch=3.5),
    "one cycle pct": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9, pct_start=2),
    "one cycle strategy": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=9, anneal_strategy="exp"),
    "sequential none": lambda s, o: s.SequentialLR(o, [], []),
    "sequential count": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3]),
    "sequential type": lambda s, o: s.SequentialLR(o, [3], []),
    "sequential plateau": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    "sequential other": lambda s, o: s.SequentialLR(o, [s.StepLR(sgd(), 1)], []),
    "chained none": lambda s, o: s.ChainedScheduler([]),
    "chained plateau": lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
    "chained other": lambda s, o: s.ChainedScheduler([s.StepLR(o, 1), s.StepLR(sgd(), 1)]),
    "plateau factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda s, o: s.ReduceLROnPlateau(o, mode="up"),
    "plateau threshold": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="up"),
    "plateau min_lr": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
    "not an optimizer": lambda s, o: s.StepLR(torch.nn.Linear(1, 1), 1),
    "not an optimizer 2": lambda s, o: s.ReduceLROnPlateau([o]),
    "not an optimizer 3": lambda s, o: s.OneCycleLR(0.1, o, total_steps=3),
    "no momentum": lambda s, o: s.OneCycleLR(torch.optim.Adagrad([torch.nn.Parameter(torch.zeros(1))]), 1, 9),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_errors_are_of_torchs_type_and_change_nothing(wrong):
    with pytest.raises(Exception) as theirs_raised:  # noqa: PT011
        wrong(theirs, sgd())
    optimizer = sgd()
    with pytest.raises(type(theirs_raised.value)) as raised:
        wrong(mine, optimizer)
    assert len(str(raised.value)) > 20
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.037]
    assert [g["momentum"] for g in optimizer.param_groups] == [0.9, 0.9]


def test_too_many_steps_of_one_cycle():
    optimizer = sgd()
    scheduler = mine.OneCycleLR(optimizer, 0.1, total_steps=3)
    for _ in range(3):
        optimizer.step(), scheduler.step()
    before = copy.deepcopy((groups(optimizer), scheduler.state_dict()))
    for _ in range(2):
        with pytest.raises(ValueError, match="Tried to step 4 times"):
            scheduler.step()
        assert (groups(optimizer), scheduler.state_dict()) == before


def test_group_added_after_the_scheduler():
    for module in (mine, theirs):
        optimizer = sgd()
        scheduler = module.LambdaLR(optimizer, lambda t: 1.0)
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
        optimizer.step()
        with pytest.raises(ValueError, match=r"added to the optimizer|zip"):
            scheduler.step()


@pytest.mark.parametrize("module", [mine, theirs])
def test_wrong_order_is_said_once(module):
    optimizer = sgd()
    scheduler = module.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match=r"`lr_scheduler\.step\(\)` before `optimizer\.step\(\)`") as seen:
        scheduler.step()
    assert len(seen) == 1
    assert seen[0].filename == __file__
    scheduler.step()
    optimizer = sgd()
    scheduler = module.StepLR(optimizer, 3)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="overridden"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(3)


def test_own_schedule():
    class Halve(mine.LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    optimizer = sgd()
    scheduler = Halve(optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step(), scheduler.step()
    assert scheduler.get_last_lr() == [0.05, 0.0185]


def test_optimizer_dies_with_its_last_user():
    import gc
    import weakref

    optimizer = sgd()
    scheduler = mine.StepLR(optimizer, 3)
    gone = weakref.ref(optimizer)
    gc.disable()
    try:
        del optimizer, scheduler
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
@pytest.mark.parametrize("case", ["step", "cosine min", "lambda", "one cycle no momentum", "sequential"])
def test_on_our_own_optimizers(name, case):
    import minitorch

    seen = []
    for lib, module in ((minitorch, mine), (torch, theirs)):
        x = lib.tensor([1.0, -2.0], requires_grad=True)
        optimizer = getattr(lib.optim, name)([{"params": [x]}], lr=0.1)
        scheduler = CASES[case](module, optimizer)
        for _ in range(12):
            optimizer.zero_grad()
            (x * x).sum().backward()
            optimizer.step(), scheduler.step()
            seen.append(scheduler.get_last_lr())
    assert seen[:12] == seen[12:]
