"""tinygrad: the whole step under `TinyJit`, on its CPU device (clang)."""

from importlib.metadata import version

from tinygrad import Context, Tensor, TinyJit
from tinygrad.nn.optim import Adam

from . import arrays


def limit(threads):
    pass  # tinygrad takes as many threads as the process has cores


def about():
    return {"version": version("tinygrad"), "blas": "clang"}


def build(workload):
    function = {"mlp": mlp}.get(workload.kind)
    return function and function(*workload.arguments)


def mlp(sizes, batch):
    x, y = (Tensor(a).is_param_(False).realize() for a in arrays.data(sizes, batch))
    p = [Tensor(a).realize() for a in arrays.parameters(sizes)]
    optimizer = Adam(p, lr=1e-3)

    @TinyJit
    def train():
        optimizer.zero_grad()
        h = x
        for w, b in zip(p[:-2:2], p[1:-2:2], strict=True):
            h = (h @ w + b).relu()
        loss = (h @ p[-2] + p[-1]).sparse_categorical_crossentropy(y).backward()
        return loss.realize(*optimizer.schedule_step())

    def step():
        with Context(TRAINING=1):
            return train().item()

    return step
