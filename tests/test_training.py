"""EarlyStopping, Checkpoint, fit and evaluate."""

import math
import os
import warnings

import pytest

import minitorch as torch
from minitorch.training.early_stopping import EarlyStopping


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


# ------------------------------------------------------------------ fit, evaluate, Checkpoint

from minitorch.training import Checkpoint, History, evaluate, fit  # noqa: E402


def regression(n=50):
    """torch's modules serve here: fit and evaluate ask nothing of a model but torch's methods."""
    torch.manual_seed(0)
    x = torch.randn(n, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    data = torch.utils.data.TensorDataset(x, y)
    model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Dropout(0.0))
    return model, torch.utils.data.DataLoader(data, 8), (x, y)


def test_fit_is_the_loop_one_would_write():
    model, loader, _ = regression()
    by_hand, _, _ = regression()
    loss_fn = torch.nn.MSELoss()
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9) for m in (model, by_hand)]
    schedulers = [torch.optim.lr_scheduler.StepLR(o, 2) for o in optimizers]
    history = fit(
        model,
        loss_fn,
        optimizers[0],
        loader,
        validation=loader,
        epochs=5,
        scheduler=schedulers[0],
        progress=False,
    )
    means = []
    for _ in range(5):
        total = 0.0
        for x, y in loader:
            optimizers[1].zero_grad()
            loss = loss_fn(by_hand(x), y)
            loss.backward()
            optimizers[1].step()
            total += loss.item() * len(y)
        means.append(total / 50)
        schedulers[1].step()
    assert history["loss"] == means
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), by_hand.parameters(), strict=True))
    assert history["lr"] == pytest.approx([0.05, 0.05, 0.005, 0.005, 0.0005])
    assert len(history["val_loss"]) == 5
    assert model.training


def test_evaluate_means_over_samples_and_keeps_the_mode():
    model, loader, (x, y) = regression()
    expected = torch.nn.functional.mse_loss(model(x), y).item()
    seen = []
    largest = lambda output, target: seen.append(model.training) or (output - target).abs().mean()
    result = evaluate(model, torch.nn.MSELoss(), loader, metrics={"mae": largest})
    assert result["loss"] == pytest.approx(expected, rel=1e-5)
    assert result["mae"] == pytest.approx((model(x) - y).abs().mean().item(), rel=1e-5)
    assert not any(seen)
    assert model.training
    model.eval()
    evaluate(model, torch.nn.MSELoss(), loader)
    assert not model.training


def test_plateau_scheduler_gets_the_validation_loss():
    model, loader, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    history = fit(model, torch.nn.MSELoss(), optimizer, loader, epochs=3, scheduler=scheduler, progress=False)
    assert scheduler.best == history["loss"][0]
    assert scheduler.last_epoch == 3


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # pytest.warns lets NumPy's through
@pytest.mark.parametrize("stops", [False, True])
def test_nan_and_a_plateau_scheduler(stops):
    """The scheduler refuses NaN; the callbacks see the epoch first, and one that stops has the last word."""
    model, loader, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=math.inf)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    options = {"scheduler": scheduler, "epochs": 3, "progress": False}
    if stops:
        with pytest.warns(UserWarning, match="epoch 0 is NaN"):
            history = fit(
                model, torch.nn.MSELoss(), optimizer, loader, callbacks=[EarlyStopping(9)], **options
            )
        assert len(history["loss"]) == 1
        return
    with pytest.raises(ValueError, match="metric of step 1 is NaN"):
        fit(model, torch.nn.MSELoss(), optimizer, loader, **options)


class Script:
    """A callback that writes its own losses into the history, to steer the others."""

    def __init__(self, losses):
        self.losses = iter(losses)
        self.epochs = []

    def on_epoch_end(self, run):
        run.history["loss"][-1] = next(self.losses)
        self.epochs.append(run.epoch)


def test_early_stopping_as_a_callback():
    model, loader, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    script, stopper = Script([3.0, 1.0, 2.0, 2.0, 9.0]), EarlyStopping(2)
    history = fit(
        model, torch.nn.MSELoss(), optimizer, loader, epochs=9, callbacks=[script, stopper], progress=False
    )
    assert len(history["loss"]) == 4
    assert stopper.best_epoch == 1
    assert all(torch.equal(v, stopper.best_state[k]) for k, v in model.state_dict().items())


def test_best_weights_also_without_a_stop():
    model, loader, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    stopper = EarlyStopping(9)
    fit(
        model,
        torch.nn.MSELoss(),
        optimizer,
        loader,
        epochs=3,
        callbacks=[Script([1.0, 2.0, 3.0]), stopper],
        progress=False,
    )
    assert not stopper.stopped
    assert all(torch.equal(v, stopper.best_state[k]) for k, v in model.state_dict().items())


def test_nan_stops_fit_and_is_said():
    model, loader, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    callbacks = [Script([1.0, math.nan, 0.0]), EarlyStopping(9)]
    with pytest.warns(UserWarning, match="epoch 1 is NaN"):
        history = fit(
            model, torch.nn.MSELoss(), optimizer, loader, epochs=3, callbacks=callbacks, progress=False
        )
    assert len(history["loss"]) == 2


def test_checkpoint_keeps_the_best(tmp_path):
    path = tmp_path / "best.pt"
    model, loader, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    callbacks = [Script([2.0, 1.0, math.nan, 3.0]), Checkpoint(path, monitor="loss")]
    fit(model, torch.nn.MSELoss(), optimizer, loader, epochs=4, callbacks=callbacks, progress=False)
    saved = torch.load(path)
    assert (saved["epoch"], saved["value"]) == (1, 1.0)
    assert set(saved) == {"model", "optimizer", "epoch", "value"}
    model.load_state_dict(saved["model"])
    assert [p.name for p in tmp_path.iterdir()] == ["best.pt"]


def test_checkpoint_every_call_and_max(tmp_path):
    model, _, _ = regression()
    every, best = Checkpoint(tmp_path / "a"), Checkpoint(tmp_path / "b", mode="max")
    assert [every.step(model=model) for _ in range(2)] == [True, True]
    assert [best.step(v, model=model) for v in (1.0, 2.0, 1.5, math.nan)] == [True, True, False, False]
    assert torch.load(tmp_path / "a")["epoch"] == 1


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "best.pt"
    checkpoint = Checkpoint(path)
    checkpoint.step(3.0, model=Box())
    before, old = vars(checkpoint).copy(), path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        checkpoint.step(1.0, model=Box())
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["best.pt"]
    assert vars(checkpoint) == before


def test_history_and_plot():
    history = History()
    history.add({"loss": 2.0, "val_loss": 3.0})
    history.add({"loss": 1.0, "val_loss": 2.5})
    assert history.last(None) == 2.5
    with pytest.raises(KeyError, match="monitors 'acc', but the history has loss, val_loss"):
        history.last("acc")
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    lines = history.plot().get_lines()
    assert [line.get_label() for line in lines] == ["loss", "val_loss"]
    assert list(lines[0].get_ydata()) == [2.0, 1.0]
    assert list(lines[0].get_xdata()) == [1, 2]
    with pytest.raises(KeyError, match="no column 'acc'"):
        history.plot(["acc"])
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": -1}, "epochs should be"),
        ({"epochs": 1.5}, "epochs should be"),
        ({"train": []}, "train data gave no batches"),
        ({"train": [(torch.ones(2, 3),)]}, "a batch should be"),
        ({"train": [torch.ones(2, 3)]}, "a batch should be .* got a Tensor"),
        ({"validation": iter(())}, "evaluation data gave no batches"),
    ],
)
def test_fit_errors(change, message):
    model, loader, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"train": loader, "progress": False, **change}
    with pytest.raises(ValueError, match=message):
        fit(model, torch.nn.MSELoss(), optimizer, **options)
    assert model.training


def test_checkpoint_errors(tmp_path):
    with pytest.raises(ValueError, match="mode"):
        Checkpoint(tmp_path / "x", mode="up")
    with pytest.raises(FileNotFoundError, match="no folder"):
        Checkpoint(tmp_path / "none" / "x")


def test_progress_is_shown(capsys):
    model, loader, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, torch.nn.MSELoss(), optimizer, loader, epochs=2)
    assert "epoch 2/2" in capsys.readouterr().err


def test_checkpoint_with_our_own_save_and_load(tmp_path):
    import minitorch as mt

    stem = mt.nn.Linear(3, 2)
    optimizer = mt.optim.SGD(stem.parameters(), lr=0.1, momentum=0.9)
    scheduler = mt.optim.lr_scheduler.StepLR(optimizer, 2)
    data = mt.utils.data.DataLoader(mt.utils.data.TensorDataset(mt.ones(6, 3), mt.zeros(6, 2)), 2)
    callbacks = [EarlyStopping(3), Checkpoint(tmp_path / "last.pt")]
    history = fit(
        stem,
        mt.nn.MSELoss(),
        optimizer,
        data,
        validation=data,
        epochs=3,
        callbacks=callbacks,
        scheduler=scheduler,
        progress=False,
    )
    saved = mt.load(tmp_path / "last.pt")
    assert saved["epoch"] == 2
    assert len(history["val_loss"]) == 3
    other = mt.nn.Linear(3, 2)
    other.load_state_dict(saved["model"])
    assert other.weight.tolist() == stem.weight.tolist()
    again = mt.optim.SGD(other.parameters(), lr=0.7, momentum=0.9)
    again.load_state_dict(saved["optimizer"])
    assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
    resumed = mt.optim.lr_scheduler.StepLR(again, 2)
    resumed.load_state_dict(saved["scheduler"])
    assert resumed.last_epoch == scheduler.last_epoch
