"""HIPS autograd: NumPy's functions with derivatives. Adam is NumPy's, in place."""

from importlib.metadata import version

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad

from . import arrays


def limit(threads):
    pass  # NumPy's BLAS reads the environment


def about():
    return {"version": version("autograd"), "blas": arrays.numpy_blas()}


def build(workload):
    function = {"mlp": mlp}.get(workload.kind)
    return function and function(*workload.arguments)


def mlp(sizes, batch):
    x, y = arrays.data(sizes, batch)
    p, rows = arrays.parameters(sizes), np.arange(batch)

    def loss_of(p):
        h = x
        for w, b in zip(p[:-2:2], p[1:-2:2], strict=True):
            h = anp.maximum(anp.dot(h, w) + b, 0)
        z = anp.dot(h, p[-2]) + p[-1]
        z = z - anp.max(z, axis=1, keepdims=True)
        return -anp.mean(z[rows, y] - anp.log(anp.sum(anp.exp(z), axis=1)))

    both, optimizer = value_and_grad(loss_of), arrays.Adam(p)

    def step():
        loss, gradients = both(p)
        optimizer.step(gradients)
        return loss

    return step
