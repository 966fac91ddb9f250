"""Sums of products by index letters, as a chain of batched matrix products."""

from __future__ import annotations

from .. import ops


def einsum(equation, *operands):
    """Sums of products by index letters, e.g. "bij,bjk->bik"; `...` stands for leading dimensions."""
    operands = (
        list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    )
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): the number of operands specified in the equation ({len(terms)}) does not match the number given "
            f"({len(operands)})"
        )
    spare = iter(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation)
    n_dots = max(
        (o.ndim - len(t.replace("...", "")) for t, o in zip(terms, operands, strict=True) if "..." in t),
        default=0,
    )
    dots = "".join(next(spare) for _ in range(n_dots))
    expanded = []
    for t, o in zip(terms, operands, strict=True):
        k = o.ndim - len(t.replace("...", "")) if "..." in t else 0
        t = t.replace("...", dots[len(dots) - k :])
        if len(t) != o.ndim:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(t)}) does not match the number of "
                f"dimensions ({o.ndim}) for operand {len(expanded)} and no ellipsis was given"
            )
        expanded.append(t)
    letters = "".join(expanded)
    right = (
        right.replace("...", dots)
        if arrow
        else dots
        + "".join(sorted(c for c in dict.fromkeys(letters) if letters.count(c) == 1 and c not in dots))
    )
    sizes: dict = {}
    for t, o in zip(expanded, operands, strict=True):
        for c, n in zip(t, o.shape, strict=True):
            if sizes.setdefault(c, n) != n and 1 not in (n, sizes[c]):
                raise RuntimeError(
                    f"einsum(): subscript {c} has size {n} for an operand which does not broadcast with previously seen "
                    f"size {sizes[c]}"
                )
            sizes[c] = max(sizes[c], n) if n != 0 else 0
    for c in right:
        if c not in sizes:
            raise RuntimeError(
                f"einsum(): output subscript {c} does not appear in the equation for any input operand"
            )
    x, tx = _single(operands[0], expanded[0])
    for i, (o, t) in enumerate(zip(operands[1:], expanded[1:], strict=True), 1):
        y, ty = _single(o, t)
        later = set(right).union(*expanded[i + 1 :])
        x, tx = _pair(x, tx, y, ty, later)
    drop = tuple(i for i, c in enumerate(tx) if c not in right)
    if drop:
        x, tx = ops.sum(x, dim=drop), "".join(c for c in tx if c in right)
    return ops.permute(x, dims=tuple(tx.index(c) for c in right)) if tx != right else x


def _single(x, t):
    """Repeated letters become a diagonal."""
    for c in dict.fromkeys(t):
        while t.count(c) > 1:
            i = t.index(c)
            j = t.index(c, i + 1)
            x = ops.diagonal(x, 0, i, j)
            t = t[:i] + t[i + 1 : j] + t[j + 1 :] + c
    return x, t


def _pair(x, tx, y, ty, later):
    """Two terms into one, by one batched matrix product: (batch, left, sum) @ (batch, sum, right)."""
    for t in (tx, ty):
        other = ty if t is tx else tx
        gone = tuple(i for i, c in enumerate(t) if c not in later and c not in other)
        if gone:
            kept = "".join(c for i, c in enumerate(t) if i not in gone)
            if t is tx:
                x, tx = ops.sum(x, dim=gone), kept
                return _pair(x, tx, y, ty, later)
            y, ty = ops.sum(y, dim=gone), kept
    batch = [c for c in tx if c in ty and c in later]
    summed = [c for c in tx if c in ty and c not in later]
    left = [c for c in tx if c not in ty]
    right = [c for c in ty if c not in tx]
    size = dict(zip(ty, y.shape, strict=True))
    for c, n in zip(tx, x.shape, strict=True):
        size[c] = max(n, size.get(c, n)) if n else 0

    def arranged(z, t, groups):
        z = ops.permute(z, dims=tuple(t.index(c) for g in groups for c in g))
        z = ops.expand(z, size=tuple(size[c] for g in groups for c in g))
        flat = []
        for g in groups:
            n = 1
            for c in g:
                n *= size[c]
            flat.append(n)
        return ops.reshape(z, shape=tuple(flat))

    z = ops.matmul(arranged(x, tx, (batch, left, summed)), arranged(y, ty, (batch, summed, right)))
    t = "".join(batch + left + right)
    return ops.reshape(z, shape=tuple(size[c] for c in t)), t
