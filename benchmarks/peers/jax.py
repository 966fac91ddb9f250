"""JAX: the whole step under `jit`, with buffers donated. Adam is written out; JAX itself has no optimizers."""

import jax
import jax.numpy as jnp

from . import arrays


def limit(threads):
    pass  # XLA takes as many threads as the process has cores


def about():
    return {"version": jax.__version__, "blas": "XLA"}


def build(workload):
    function = {"mlp": mlp}.get(workload.kind)
    return function and function(*workload.arguments)


def mlp(sizes, batch):
    x, y = map(jnp.asarray, arrays.data(sizes, batch))

    def loss_of(parameters):
        h = x
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            h = jax.nn.relu(h @ w + b)
        logits = h @ parameters[-2] + parameters[-1]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()

    def update(parameters, m, v, t):
        loss, g = jax.value_and_grad(loss_of)(parameters)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        size, root = 1e-3 / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        parameters = jax.tree.map(
            lambda p, m, v: p - size * m / (jnp.sqrt(v) / root + 1e-8), parameters, m, v
        )
        return (parameters, m, v, t + 1), loss

    update = jax.jit(update, donate_argnums=(0, 1, 2, 3))
    p = [jnp.asarray(a) for a in arrays.parameters(sizes)]
    state = (p, [jnp.zeros_like(a) for a in p], [jnp.zeros_like(a) for a in p], jnp.float32(1))

    def step():
        nonlocal state
        state, loss = update(*state)
        return loss.block_until_ready()

    return step
