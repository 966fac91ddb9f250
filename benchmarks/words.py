"""Figures in words."""

from __future__ import annotations


def seconds_of(value):
    """`1.23 us`, `45.6 ms`."""
    for factor, unit in ((1e-6, "us"), (1e-3, "ms"), (1.0, "s")):
        if value < 1000 * factor or unit == "s":
            return (
                f"{value / factor:.3g} {unit}" if value < 99.95 * factor else f"{value / factor:,.0f} {unit}"
            )
    return None


def bytes_of(value):
    for factor, unit in ((1e3, "kB"), (1e6, "MB"), (1e9, "GB")):
        if value < 1000 * factor or unit == "GB":
            return f"{value / factor:.3g} {unit}"
    return None


def ratio_of(value):
    if value is None:
        return ""
    return f"{value:.2f}x" if value >= 0.1 else f"{value:.2g}x"


def figure_of(row, library):
    """The row's median of a library, or its bound, in its unit; empty where nothing was measured."""
    value = row.bound if library == "bound" else row.median(library)
    if value is None:
        return "failed" if library in row.errors else ""
    return figure_in(row.unit, value)


def figure_in(unit, value):
    return bytes_of(value) if unit == "B" else seconds_of(value)
