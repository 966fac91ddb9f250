"""Derivatives against finite differences, in float64."""

from __future__ import annotations

from ..tensor import Tensor
from .api import grad


class GradcheckError(RuntimeError):
    """A derivative differs from its finite difference."""


def _tuple(x):
    return x if isinstance(x, tuple) else (x,)


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    fast_mode=False,
    masked=None,
    **ignored,
):
    """True if the gradient of every element of func's outputs by every input that requires grad equals the central difference
    (f(x + eps) - f(x - eps)) / (2 eps) up to atol + rtol * |difference|. Else GradcheckError (or False). Use float64 inputs."""
    import warnings

    inputs = _tuple(inputs)
    wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True."
        )
    if any(x.dtype.name != "float64" for x in wanted):
        warnings.warn(
            "an input requires gradient and is not a double precision floating point. This check will likely fail if all the inputs are not "
            "of double precision floating point.",
            stacklevel=2,
        )
    try:
        return _check(func, inputs, wanted, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _check(func, inputs, wanted, eps, atol, rtol):
    outputs = [y for y in _tuple(func(*inputs)) if isinstance(y, Tensor) and y.is_floating_point()]
    for i, y in enumerate(outputs):
        flat = y.reshape(-1)
        rows = [
            grad(flat[k], wanted, retain_graph=True, allow_unused=True)
            if y.requires_grad
            else (None,) * len(wanted)
            for k in range(flat.numel())
        ]
        for j, x in enumerate(wanted):
            numeric = _difference(func, inputs, x, i, eps)
            for k, row in enumerate(rows):
                analytic = row[j].reshape(-1) if row[j] is not None else x.detach().reshape(-1) * 0
                for n in range(x.numel()):
                    a, b = analytic[n].item(), numeric[n][k]
                    if not abs(a - b) <= atol + rtol * abs(b):
                        raise GradcheckError(
                            f"Jacobian mismatch for output {i} with respect to input {j}: d out[{k}] / d in[{n}] is {b} by finite differences, "
                            f"{a} by the derivative"
                        )
    return True


def _difference(func, inputs, x, i, eps):
    """[n][k]: the difference quotient of element k of output i by element n of x. Done on x's own memory, which is put back."""
    rows = []
    flat = x._array.reshape(-1) if x.is_contiguous() else None
    for n in range(x.numel()):
        at = n if flat is not None else _unravel(n, x.shape)
        memory = flat if flat is not None else x._array
        old = memory[at].item()
        values = []
        for step in (eps, -eps):
            memory[at] = old + step
            out = [y for y in _tuple(func(*inputs)) if isinstance(y, Tensor) and y.is_floating_point()][i]
            values.append(out.detach().reshape(-1).tolist())
            memory[at] = old
        rows.append([(p - m) / (2 * eps) for p, m in zip(*values, strict=True)])
    return rows


def _unravel(n, shape):
    index = []
    for size in reversed(shape):
        n, r = divmod(n, size)
        index.append(r)
    return tuple(reversed(index))


def gradgradcheck(
    func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, **options
):
    """`gradcheck` of the gradient itself, as a function of the inputs and of the incoming gradient."""
    inputs = _tuple(inputs)
    wanted = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    outputs = [y for y in _tuple(func(*inputs)) if isinstance(y, Tensor) and y.requires_grad]
    if grad_outputs is None:
        # fixed cotangents in [-1, 1], away from 0
        grad_outputs = [
            ((y.detach() * 0).reshape(-1) + 1)
            .cumsum(0)
            .mul(0.37)
            .sin()
            .reshape(y.shape)
            .detach()
            .requires_grad_()
            for y in outputs
        ]
    k = len(inputs)

    def gradient(*args):
        out = [y for y in _tuple(func(*args[:k])) if isinstance(y, Tensor) and y.requires_grad]
        xs = [args[i] for i in wanted]
        return tuple(grad(out, xs, args[k:], create_graph=True, materialize_grads=True))

    return gradcheck(
        gradient,
        (*inputs, *_tuple(tuple(grad_outputs))),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )
