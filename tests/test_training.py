"""EarlyStopping, Checkpoint, fit and evaluate."""

import math
import warnings

import pytest

torch = pytest.importorskip("torch")
from minitorch.training.early_stopping import EarlyStopping  # noqa: E402


class Box:
    """A model of one number."""

    w = 0.0

    def state_dict(self):
        return {"w": self.w}

    def load_state_dict(self, state):
        self.w = state["w"]


def run(stopper, values, model=None):
    model = model or Box()
    for i, v in enumerate(values):
        model.w = float(i)
        if stopper.step(v, model):
            return i, model
    return None, model


@pytest.mark.parametrize(
    ("patience", "values", "stop", "best"),
    [
        (0, [3, 2, 2], 2, 1),
        (1, [3, 2, 2], 2, 1),
        (2, [3, 2, 2, 2, 1], 3, 1),
        (2, [3, 2, 2, 1, 1, 1], 5, 3),
        (3, [3, 2, 2, 2], None, 1),
    ],
)
def test_patience(patience, values, stop, best):
    stopper = EarlyStopping(patience)
    stopped, model = run(stopper, values)
    assert stopped == stop
    assert stopper.best_epoch == best
    assert stopper.best == values[best]
    assert model.w == (best if stop is not None else len(values) - 1)
    assert stopper.stopped == (stop is not None)


def test_min_delta_and_max():
    stopper = EarlyStopping(2, min_delta=0.5, mode="max")
    stop, model = run(stopper, [1.0, 1.4, 1.5, 9.0])
    assert (stop, stopper.best, model.w) == (2, 1.0, 0.0)


@pytest.mark.parametrize("first", [1.0, math.nan])
def test_nan_says_so_and_stops(first):
    stopper = EarlyStopping(5)
    with pytest.warns(UserWarning, match=r"epoch \d is NaN"):
        stop, model = run(stopper, [first, math.nan])
    assert stopper.stopped
    assert stop == (0 if math.isnan(first) else 1)
    assert model.w == 0.0


def test_infinite_first_value_is_kept():
    stopper = EarlyStopping(1)
    _, model = run(stopper, [math.inf, math.inf])
    assert (stopper.best_epoch, model.w) == (0, 0.0)


def test_restores_copies_on_torch_modules():
    model = torch.nn.Linear(2, 1)
    first = {k: v.clone() for k, v in model.state_dict().items()}
    stopper = EarlyStopping(2)
    for loss in [torch.tensor(1.0), 2.0, 3.0]:
        stop = stopper.step(loss, model)
        if not stop:
            with torch.no_grad():
                for p in model.parameters():
                    p.add_(1)
    assert stop
    assert all(torch.equal(v, first[k]) for k, v in model.state_dict().items())


def test_restore_by_hand_and_state():
    stopper = EarlyStopping(9)
    run(stopper, [2, 1, 3])
    other = EarlyStopping(9)
    other.load_state_dict(stopper.state_dict())
    model = Box()
    other.restore(model)
    assert model.w == 1.0
    with pytest.raises(RuntimeError, match="no best weights"):
        EarlyStopping(3).restore(model)


@pytest.mark.parametrize(
    "wrong", [{"patience": -1}, {"patience": 1.5}, {"min_delta": -1}, {"min_delta": math.nan}, {"mode": "up"}]
)
def test_wrong_options(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EarlyStopping(**wrong)


def test_model_is_needed_to_restore():
    with pytest.raises(ValueError, match="needs the model"):
        EarlyStopping(1).step(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert EarlyStopping(0, restore_best=False).step(1.0) is False
