"""The two charts of a training as SVG text: losses laid over each other, and the deviation on a log scale."""

from __future__ import annotations

import itertools
import math
from html import escape

WIDTH, HEIGHT = 560, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 34


def nice_ticks(low, high, count=5):
    """Round numbers that cover [low, high], about `count` of them."""
    span = (high - low) or abs(high) or 1.0
    raw = span / count
    unit = 10 ** math.floor(math.log10(raw))
    step = next(m * unit for m in (1, 2, 2.5, 5, 10) if m * unit >= raw)
    first = math.ceil(low / step - 1e-9)
    return [step * i for i in range(first, math.floor(high / step + 1e-9) + 1)]


class Axes:
    """Maps (step, value) to the drawing; `log` takes decades."""

    def __init__(self, steps, low, high, log=False):
        self.steps, self.log = max(steps, 2), log
        self.low, self.high = (math.log10(low), math.log10(high)) if log else (low, high)
        if self.high <= self.low:
            self.high = self.low + 1

    def x(self, step):
        return LEFT + (step - 1) / (self.steps - 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        value = math.log10(value) if self.log else value
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def frame(self, label):
        """Grid, ticks and labels."""
        parts = []
        if self.log:
            decades = range(math.ceil(self.low), math.floor(self.high) + 1)
            every = max(1, len(decades) // 6)
            ticks = [
                (10.0**d, f'10<tspan dy="-4" font-size="8">{d}</tspan>') for d in decades if d % every == 0
            ]
        else:
            ticks = [(t, f"{t:g}") for t in (round(t, 10) for t in nice_ticks(self.low, self.high))]
        for value, text in ticks:
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        bottom = HEIGHT - BOTTOM
        for step in nice_ticks(0, self.steps, 6):
            at = max(step, 1)
            if step == int(step):
                place = f'x="{self.x(at):.1f}" y="{bottom + 15}" text-anchor="middle"'
                parts.append(f'<text class="tick" {place}>{int(at)}</text>')
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(f'<text class="label" x="{middle}" y="{HEIGHT - 3}" text-anchor="middle">step</text>')
        turned = f'transform="translate(12 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle"'
        parts.append(f'<text class="label" {turned}>{escape(label)}</text>')
        return "".join(parts)

    def line(self, values, css, start=1):
        """A polyline; it breaks where a value cannot be drawn (0 on a log scale, NaN, infinity)."""
        pieces, piece = [], []
        for step, value in enumerate(values, start):
            if math.isfinite(value) and (value > 0 or not self.log):
                piece.append(f"{self.x(step):.1f},{self.y(value):.1f}")
            elif piece:
                pieces.append(piece)
                piece = []
        pieces.append(piece)
        return "".join(f'<polyline class="{css}" points="{" ".join(p)}"/>' for p in pieces if len(p) > 1)

    def dots(self, values, css):
        """A dot for each value that can be drawn, as one path of round line ends."""
        places = [
            f"M{self.x(step):.1f} {self.y(value):.1f}h0"
            for step, value in enumerate(values, 1)
            if math.isfinite(value) and value > 0
        ]
        return f'<path class="dots {css}" d="{"".join(places)}"/>' if places else ""


def so_far(values):
    """The running maximum."""
    return list(itertools.accumulate(values, max))


def svg(title, body):
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" data-left="{LEFT}" '
        f'data-right="{WIDTH - RIGHT}" data-top="{TOP}" data-bottom="{HEIGHT - BOTTOM}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def losses(result, library):
    """Torch's curve broad and pale, ours thin and dark on top of it."""
    finite = [v for v in [*result.theirs, *result.ours] if math.isfinite(v)] or [0.0, 1.0]
    axes = Axes(len(result.theirs), 0.0 if min(finite) >= 0 else min(finite), max(finite) * 1.04)
    body = axes.frame("loss") + axes.line(result.theirs, "theirs") + axes.line(result.ours, "ours")
    x, y = WIDTH - RIGHT - 128, TOP + 14
    body += (
        f'<line class="theirs" x1="{x}" x2="{x + 26}" y1="{y}" y2="{y}"/>'
        f'<text class="legend" x="{x + 34}" y="{y + 4}">torch</text>'
        f'<line class="ours" x1="{x}" x2="{x + 26}" y1="{y + 18}" y2="{y + 18}"/>'
        f'<text class="legend" x="{x + 34}" y="{y + 22}">{escape(library)}</text>'
    )
    return svg(f"{result.title}: loss of every step, {result.dtype}", body)


def deviations(results, limits):
    """The relative deviation of every step, a line a dtype; dashed: allowed; grey: torch from itself."""
    drawn = [d for r in results for d in [*r.deviation, *r.nudged] if math.isfinite(d) and d > 0]
    low = min([*drawn, *(limits[r.dtype] for r in results)], default=1e-16)
    high = max([*drawn, *(limits[r.dtype] for r in results)], default=1.0)
    axes = Axes(
        max(len(r.theirs) for r in results), 10 ** math.floor(math.log10(low) - 0.3), high * 5, log=True
    )
    body = axes.frame("relative deviation")
    for r in results:
        y = axes.y(limits[r.dtype])
        body += f'<line class="limit {r.dtype}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        body += (
            f'<text class="legend {r.dtype}" x="{WIDTH - RIGHT}" y="{y - 5:.1f}" text-anchor="end">'
            f"allowed, {r.dtype}: {limits[r.dtype]:g}</text>"
        )
        body += axes.line(so_far(r.nudged), "nudged")
        body += axes.dots(r.deviation, r.dtype) + axes.line(so_far(r.deviation), f"deviation {r.dtype}")
        if not any(d > 0 for d in r.deviation) and r.deviation:
            words = f"{r.dtype}: bit-equal to the end"
            body += f'<text class="legend {r.dtype}" x="{LEFT + 8}" y="{y + 18:.1f}">{words}</text>'
    return svg(f"{results[0].title}: relative deviation of every step, log scale", body)
