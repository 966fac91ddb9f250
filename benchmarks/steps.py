"""Training steps: each a function of `T`, as a torch user writes it, that returns one step.

The optimizers ask for `fused=True`, torch's fastest.
"""

from __future__ import annotations

import itertools

from .optim import fastest
from .workload import Workload


def mlp(T, sizes, batch):
    """Linear layers with ReLU between, cross-entropy, Adam."""
    T.manual_seed(0)
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [T.nn.Linear(inputs, outputs), T.nn.ReLU()]
    return classifier_step(T, T.nn.Sequential(*layers[:-1]), sizes[0], sizes[-1], batch)


def deep_tanh(T, width, depth, batch):
    """Many narrow layers with tanh: the cost of an op, not of arithmetic."""
    T.manual_seed(0)
    layers = [layer for _ in range(depth) for layer in (T.nn.Linear(width, width), T.nn.Tanh())]
    return classifier_step(T, T.nn.Sequential(*layers, T.nn.Linear(width, 10)), width, 10, batch)


def regularised(T, batch):
    """BatchNorm1d, Dropout, gradient clipping."""
    nn = T.nn
    T.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(32, 10),
    )
    return classifier_step(T, model, 64, 10, batch, clip=1.0)


def classifier_step(T, model, inputs, classes, batch, clip=None):
    """Forward, cross-entropy, backward, Adam."""
    x, y = T.randn(batch, inputs), T.randint(0, classes, (batch,))
    criterion = T.nn.CrossEntropyLoss()
    optimizer = T.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        if clip is not None:
            T.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        return loss

    return step


def binary(T, batch):
    """30-16-1 with BCELoss and Adagrad, as for the breast cancer data."""
    nn = T.nn
    T.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
    x, y = T.randn(batch, 30), T.randint(0, 2, (batch, 1)).float()
    criterion = nn.BCELoss()
    optimizer = T.optim.Adagrad(model.parameters(), lr=1e-2, **fastest(T, T.optim.Adagrad))

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def sparse_features(T, vocabulary, width, features, batch):
    """A bag of `features` embeddings a sample, a linear classifier, Adagrad."""
    nn = T.nn
    T.manual_seed(0)
    table, head = nn.Embedding(vocabulary, width), nn.Linear(width, 2)
    ids, y = T.randint(0, vocabulary, (batch, features)), T.randint(0, 2, (batch,))
    criterion = nn.CrossEntropyLoss()
    optimizer = T.optim.Adagrad([*table.parameters(), *head.parameters()], lr=1e-2, **fastest(T, T.optim.Adagrad))

    def step():
        optimizer.zero_grad()
        loss = criterion(head(table(ids).mean(1)), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def gpt_block(T, batch, length, width, heads):
    """A transformer block of Linear, softmax, LayerNorm and GELU: forward, backward, Adam."""
    nn = T.nn
    T.manual_seed(0)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
            self.mask = T.triu(T.ones(length, length), diagonal=1).bool()

        def attention(self, x):
            split = self.qkv(x).view(batch, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            q, k, v = split[0], split[1], split[2]
            scores = (q @ k.transpose(-2, -1)) * (width // heads) ** -0.5
            weights = T.softmax(scores.masked_fill(self.mask, float("-inf")), dim=-1)
            return self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))

        def forward(self, x):
            x = x + self.attention(self.before(x))
            return x + self.mlp(self.after(x))

    block = Block()
    x, target = T.randn(batch, length, width), T.randn(batch, length, width)
    optimizer = T.optim.Adam(block.parameters(), lr=1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        loss = T.nn.functional.mse_loss(block(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def attention(T, batch, heads, length, width):
    """softmax(q k' / sqrt(d)) v, forward and backward."""
    T.manual_seed(0)
    q, k, v = (T.randn(batch, heads, length, width).requires_grad_() for _ in range(3))

    def step():
        q.grad = k.grad = v.grad = None
        loss = (T.softmax((q @ k.transpose(-2, -1)) * width**-0.5, dim=-1) @ v).mean()
        loss.backward()
        return loss

    return step


def inference(T, sizes):
    """One sample through a model, without a graph."""
    T.manual_seed(0)
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [T.nn.Linear(inputs, outputs), T.nn.ReLU()]
    model, x = T.nn.Sequential(*layers[:-1]).eval(), T.randn(1, sizes[0])

    def step():
        with T.no_grad():
            return model(x).sum()

    return step


def scalar_chain(T, length):
    """A chain of `length` operations on one number, forward and backward."""
    x = T.tensor(0.5, requires_grad=True)

    def step():
        x.grad = None
        y = x
        for _ in range(length // 4):
            y = T.sin(y * 1.01 + 0.1) - 0.05
        y.backward()
        return y

    return step


# ---------------------------------------------------------------------- rows


def work(sizes, batch):
    """Of a training step of a perceptron with Adam: (floating-point operations of the products, bytes of the update).

    Products: forward, gradient of the weights, and of the input except in the first layer. Update: reads parameter,
    gradient and two moments, writes parameter and moments.
    """
    products = [i * o for i, o in itertools.pairwise(sizes)]
    return 2 * batch * (3 * sum(products) - products[0]), 7 * 4 * sum(products)


def perceptron(sizes, batch):
    name = "1024x3" if sizes[0] == 1024 else "-".join(map(str, sizes))
    flops, traffic = work(sizes, batch)
    function = f"{__name__}:mlp"
    return Workload(
        "steps", f"{name} batch {batch}", function, (sizes, batch), peers=True, flops=flops, traffic=traffic
    )


def row(name, function, *arguments, **options):
    return Workload("steps", name, f"{__name__}:{function}", arguments, **options)


def workloads(choices):
    deep_flops, deep_traffic = work((64,) * 17 + (10,), 64)
    return [
        perceptron((2, 16, 2), 32),
        perceptron((64, 64, 10), 64),
        perceptron((784, 256, 128, 10), 128),
        perceptron((1024, 1024, 1024, 10), 256),
        row("16 layers of 64, tanh", "deep_tanh", 64, 16, 64, flops=deep_flops, traffic=deep_traffic),
        row("BatchNorm, Dropout, clip", "regularised", 64),
        row("BCE, Adagrad", "binary", 32),
        row("embedding, Adagrad", "sparse_features", 10_000, 16, 8, 64),
        row("GPT block", "gpt_block", 8, 32, 64, 4),
        row("attention", "attention", 4, 4, 128, 32, flops=12 * 4 * 4 * 128 * 128 * 32),
        row("inference 64-64-10, batch 1", "inference", (64, 64, 10)),
        row("inference 784-256-128-10, batch 1", "inference", (784, 256, 128, 10), traffic=4 * 234_752),
        row("chain of 400 scalar ops", "scalar_chain", 400, shares=400),
    ]
