"""The five trainings: each one function of the module `T` (torch or minitorch), as a torch user writes it.

The only lines that a user would not write are those of `run`, which records (see recording.py): `run.tensors`
for the data, `run.start` before the first step, `run.batch` and `run.step` in the loop, `run.finish` at the end.
That the indices of the samples travel through the DataLoader beside the samples is for the record too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from . import data
from .recording import Recorder, Recording


@dataclass
class Training:
    """A row of the table of trainings: the function, and what the report says about it."""

    name: str
    title: str
    ingredients: str
    function: object
    classes: bool  # the predictions are classes, compared by argmax or threshold


TRAININGS: dict[str, Training] = {}


def training(title, ingredients, classes=False):
    """Enters a function into the table."""

    def enter(function):
        name = function.__name__
        TRAININGS[name] = Training(name, title, ingredients, function, classes)
        return function

    return enter


def run_training(T, name, **choices) -> Recording:
    """Runs a training of the table with the library T and returns what it recorded."""
    run = Recorder(T, name, **choices)
    begin = time.perf_counter()
    TRAININGS[name].function(T, run)
    run.recording.seconds = time.perf_counter() - begin
    return run.recording


def train(run, model, loader, criterion, optimizer, max_norm=None):
    """One epoch: the loop of every torch tutorial."""
    model.train()
    for x, y, indices in loader:
        run.batch(indices)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        if max_norm:
            run.T.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        run.step(loss)


def evaluate(run, model, criterion, x, y):
    """The loss of data that the model does not train on."""
    model.eval()
    with run.T.no_grad():
        loss = criterion(model(x), y).item()
    run.validate(loss)
    return loss


@training("Diabetes: regression", "Linear, ReLU, MSELoss, SGD with momentum, DataLoader")
def diabetes(T, run):
    nn = T.nn
    T.manual_seed(run.seed)
    x, y = run.tensors(*data.diabetes())
    dataset = T.utils.data.TensorDataset(x, y, T.arange(len(x)))
    loader = T.utils.data.DataLoader(dataset, batch_size=32, shuffle=True)

    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
    model.to(run.device, run.dtype)
    criterion = nn.MSELoss()
    optimizer = T.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    run.start(model)
    for _ in run.epochs(20):
        train(run, model, loader, criterion, optimizer)
    run.finish(model, x)


@training("Auto MPG: robust regression", "L1Loss, LeakyReLU, Adagrad, shuffled with randperm")
def autompg(T, run):
    nn = T.nn
    T.manual_seed(run.seed)
    x, y = run.tensors(*data.autompg())

    model = nn.Sequential(
        nn.Linear(7, 64), nn.LeakyReLU(), nn.Linear(64, 32), nn.LeakyReLU(), nn.Linear(32, 1)
    )
    model.to(run.device, run.dtype)
    criterion = nn.L1Loss()
    optimizer = T.optim.Adagrad(model.parameters(), lr=0.02)

    def batches():
        for indices in T.randperm(len(x)).split(32):
            here = indices.to(run.device)
            yield x[here], y[here], indices

    run.start(model)
    for _ in run.epochs(20):
        train(run, model, batches(), criterion, optimizer)
    run.finish(model, x)


@training(
    "Breast cancer: binary classification",
    "Tanh, Sigmoid, BCELoss, RMSprop, a Module of one's own",
    classes=True,
)
def breast_cancer(T, run):
    nn = T.nn
    T.manual_seed(run.seed)
    x, y = run.tensors(*data.breast_cancer())
    dataset = T.utils.data.TensorDataset(x, y, T.arange(len(x)))
    loader = T.utils.data.DataLoader(dataset, batch_size=32, shuffle=True)

    class Classifier(nn.Module):
        def __init__(self, features, hidden):
            super().__init__()
            self.hidden = nn.Linear(features, hidden)
            self.tanh = nn.Tanh()
            self.out = nn.Linear(hidden, 1)
            self.sigmoid = nn.Sigmoid()

        def forward(self, x):
            return self.sigmoid(self.out(self.tanh(self.hidden(x))))

    model = Classifier(30, 16).to(run.device, run.dtype)
    criterion = nn.BCELoss()
    optimizer = T.optim.RMSprop(model.parameters(), lr=0.001)

    run.start(model)
    for _ in run.epochs(15):
        train(run, model, loader, criterion, optimizer)
    probabilities = run.finish(model, x)
    run.note(accuracy=((probabilities > 0.5) == (y > 0.5)).sum().item() / len(y))


@training(
    "Digits: classification with every aid",
    "BatchNorm1d, ReLU, Dropout(0.5), CrossEntropyLoss, Adam, clip_grad_norm_, StepLR, EarlyStopping",
    classes=True,
)
def digits(T, run):
    from minitorch.training import EarlyStopping

    nn = T.nn
    T.manual_seed(run.seed)
    x, y = run.tensors(*data.digits())
    dataset = T.utils.data.TensorDataset(x, y, T.arange(len(x)))
    training, validation = T.utils.data.random_split(dataset, [1400, 397])
    loader = T.utils.data.DataLoader(training, batch_size=64, shuffle=True, drop_last=True)
    xv, yv, _ = validation[:]

    # NOTE: no bias before a BatchNorm1d, which takes it away again: its gradient is rounding noise (2e-8 beside the
    # weights' 0.08), and Adam divides a gradient by its size, so that in 200 steps the noise moves it by 0.1.
    # With lr=0.01 torch leaves itself by percents from step 91 on: docs/guides.md, "Two runs that part".
    model = nn.Sequential(
        nn.Linear(64, 64, bias=False),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(64, 32, bias=False),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(32, 10),
    )
    model.to(run.device, run.dtype)
    criterion = nn.CrossEntropyLoss()
    optimizer = T.optim.Adam(model.parameters(), lr=0.003)
    scheduler = T.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
    stopper = EarlyStopping(patience=3, min_delta=1e-3, mode="min", restore_best=True)

    run.start(model)
    for epoch in run.epochs(30):
        train(run, model, loader, criterion, optimizer, max_norm=1.0)
        scheduler.step()
        run.note(epochs=epoch + 1, lr=scheduler.get_last_lr()[0])
        if stopper.step(evaluate(run, model, criterion, xv, yv), model):
            break
    logits = run.finish(model, xv)
    run.note(accuracy=(logits.argmax(1) == yv).sum().item() / len(yv))


@training(
    "MNIST: 5,000 images, 784-256-128-10",
    "Flatten, ReLU, CrossEntropyLoss, Adam, ReduceLROnPlateau, DataLoader with shuffle",
    classes=True,
)
def mnist(T, run):
    nn = T.nn
    T.manual_seed(run.seed)
    (x, y), (xv, yv) = (run.tensors(*part) for part in data.mnist())
    dataset = T.utils.data.TensorDataset(x.view(-1, 1, 28, 28), y, T.arange(len(x)))
    loader = T.utils.data.DataLoader(dataset, batch_size=64, shuffle=True)

    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    model.to(run.device, run.dtype)
    criterion = nn.CrossEntropyLoss()
    optimizer = T.optim.Adam(model.parameters(), lr=0.001)
    scheduler = T.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0, threshold=0.1)

    run.start(model)
    for epoch in run.epochs(6):
        train(run, model, loader, criterion, optimizer)
        scheduler.step(evaluate(run, model, criterion, xv, yv))
        run.note(epochs=epoch + 1, lr=optimizer.param_groups[0]["lr"])
    logits = run.finish(model, xv)
    run.note(accuracy=(logits.argmax(1) == yv).sum().item() / len(yv))
