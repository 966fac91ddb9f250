"""The plots of the report as SVG text: a strip of dots for each row, and lines over logarithmic axes."""

from __future__ import annotations

import math
from html import escape

from .rows import OURS

COLORS = {
    "minitorch": "var(--ours)",
    "torch": "#e4772e",
    "torch-compile": "#a8531b",
    "jax": "#2f9e6e",
    "tinygrad": "#8a5cc2",
    "mygrad": "#2b8ca8",
    "autograd": "#8c8f96",
}
WIDTH, RIGHT, TOP = 760, 44, 14


class Log:
    """A logarithmic axis from `low` to `high`, drawn between `start` and `end`."""

    def __init__(self, values, start, end):
        values = [v for v in values if v > 0]
        self.low, self.high = math.log10(min(values)) - 0.08, math.log10(max(values)) + 0.08
        self.start, self.end = start, end

    def __call__(self, value):
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self):
        """1, 10, 100 ...; also 2 and 5 where there are few decades."""
        digits = (1, 2, 5) if self.high - self.low < 2.5 else (1,)
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        return [
            d * 10.0**n for n in decades for d in digits if self.low <= math.log10(d * 10.0**n) <= self.high
        ]


def svg(title, height, body):
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )


def text(x, y, words, css="tick", anchor="middle"):
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1, y1, x2, y2, css):
    return f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def dot(x, y, name, words):
    color = COLORS.get(name, "var(--soft)")
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" style="fill:{color}"><title>{escape(words)}</title></circle>'


def legend(names, x, y):
    """The names beside dots of their color, in a line."""
    parts = []
    for name in names:
        parts += [dot(x, y - 4, name, name), text(x + 10, y, name, "legend", "start")]
        x += 34 + 7 * len(name)
    return "".join(parts)


def strip(title, rows, words, mark=None, left=260):
    """A line a row, `(name, {library: value})`, with a dot for each library on one logarithmic axis.

    `words(value)` is what a tick or a dot says; at `mark` there is a dashed line.
    """
    values = [v for _, found in rows for v in found.values()]
    if not values:
        return ""
    x = Log([*values, *([mark] if mark else [])], left, WIDTH - RIGHT)
    names = list(dict.fromkeys(name for _, found in rows for name in found))
    bottom = TOP + 22 + 24 * len(rows)
    parts = [legend(names, left, TOP + 4)]
    for tick in x.ticks():
        parts += [line(x(tick), TOP + 16, x(tick), bottom, "grid"), text(x(tick), bottom + 15, words(tick))]
    if mark:
        parts.append(line(x(mark), TOP + 16, x(mark), bottom, "mark"))
    for i, (name, found) in enumerate(rows):
        y = TOP + 34 + 24 * i
        parts.append(text(left - 12, y + 4, name, "label", "end"))
        if len(found) > 1:
            parts.append(line(x(min(found.values())), y, x(max(found.values())), y, "span"))
        parts += [dot(x(v), y, library, f"{name}, {library}: {words(v)}") for library, v in found.items()]
    return svg(title, bottom + 22, "".join(parts))


def lines(title, series, xlabel, words, mark=None, faint=(), height=330):
    """`{name: [(x, y)]}` over two logarithmic axes; `faint` are more such lists, drawn pale behind."""
    points = [p for found in (*series.values(), *faint) for p in found]
    if not points:
        return ""
    left, bottom = 74, height - 40
    x = Log([p[0] for p in points], left, WIDTH - RIGHT)
    y = Log([*(p[1] for p in points), *([mark] if mark else [])], bottom, TOP + 20)
    parts = [legend(series, left, TOP + 4)]
    for tick in y.ticks():
        parts += [
            line(left, y(tick), WIDTH - RIGHT, y(tick), "grid"),
            text(left - 8, y(tick) + 4, words(tick), anchor="end"),
        ]
    for tick in x.ticks():
        parts.append(text(x(tick), bottom + 16, f"{tick:,.0f}"))
    if mark:
        parts.append(line(left, y(mark), WIDTH - RIGHT, y(mark), "mark"))
    parts += [polyline(x, y, found, "faint", "") for found in faint]
    for name, found in series.items():
        color = COLORS.get(name, "var(--ours)")
        parts.append(polyline(x, y, found, "line", f"stroke:{color}"))
        parts += [dot(x(a), y(b), name, f"{name}, {a:,.0f}: {words(b)}") for a, b in found]
    parts.append(text((left + WIDTH - RIGHT) / 2, height - 4, xlabel, "label"))
    return svg(title, height, "".join(parts))


def scatter(title, points, xlabel, ylabel, words, height=330):
    """A dot for each `(x, y, name)` over two equal logarithmic axes, and the diagonal."""
    if not points:
        return ""
    left, bottom = 74, height - 40
    both = [v for a, b, _ in points for v in (a, b)]
    x, y = Log(both, left, WIDTH - RIGHT), Log(both, bottom, TOP + 20)
    parts = [line(left, bottom, WIDTH - RIGHT, TOP + 20, "mark")]
    for tick in y.ticks():
        parts.append(line(left, y(tick), WIDTH - RIGHT, y(tick), "grid"))
        parts.append(text(left - 8, y(tick) + 4, words(tick), anchor="end"))
        parts.append(text(x(tick), bottom + 16, words(tick)))
    parts += [dot(x(a), y(b), OURS, f"{name}: {words(b)}, torch {words(a)}") for a, b, name in points]
    parts.append(text((left + WIDTH - RIGHT) / 2, height - 4, xlabel, "label"))
    parts.append(text(left, TOP + 6, ylabel, "label", "start"))
    return svg(title, height, "".join(parts))


def polyline(x, y, found, css, style):
    points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in found)
    return f'<polyline class="{css}" style="{style}" points="{points}"/>'
