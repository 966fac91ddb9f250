"""MyGrad: NumPy's functions with derivatives on a tensor class. Adam is NumPy's, in place."""

from importlib.metadata import version

import mygrad as mg
from mygrad.nnet.activations import relu
from mygrad.nnet.losses import softmax_crossentropy

from . import arrays


def limit(threads):
    pass  # NumPy's BLAS reads the environment


def about():
    return {"version": version("mygrad"), "blas": arrays.numpy_blas()}


def build(workload):
    function = {"mlp": mlp}.get(workload.kind)
    return function and function(*workload.arguments)


def mlp(sizes, batch):
    x, y = arrays.data(sizes, batch)
    p = [mg.tensor(a) for a in arrays.parameters(sizes)]
    optimizer = arrays.Adam([t.data for t in p])

    def step():
        h = x
        for w, b in zip(p[:-2:2], p[1:-2:2], strict=True):
            h = relu(h @ w + b)
        loss = softmax_crossentropy(h @ p[-2] + p[-1], y)
        loss.backward()
        optimizer.arrays = [t.data for t in p]
        optimizer.step([t.grad for t in p])
        return loss.item()

    return step
