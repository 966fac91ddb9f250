"""Tables of the terminal, by rich."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from benchmarks.terminal import terminal

from .operations import ORDERS

console = terminal(132)


def verdict(passed):
    return Text("ok", "green") if passed else Text("FAILED", "bold red")


def number(value, digits=2):
    """Short form of a deviation; `-` where nothing was compared."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 10 and value < 1e7 and value == int(value) else f"{value:.{digits}g}"


def show(report):
    """All tables."""
    if report.trainings:
        console.print(trainings_table(report))
        for r in report.trainings:
            for check in r.checks:
                if not check.passed:
                    console.print(Text(f"  {r.name} {r.dtype}: {check.name}: {check.detail}", "red"))
    if report.speed:
        console.print(speed_table(report))
    if report.operations:
        show_operations(report)
    if report.layers:
        show_layers(report)


def trainings_table(report):
    """`weights, draws` (initial weights, shuffles, dropout masks) are compared bit for bit; `torch's own` is how far
    torch gets from itself when it starts with other roundings of its first weights."""
    table = Table(
        title="Five trainings on real data, torch beside " + report.choices.library, title_justify="left"
    )
    for name in (
        "training",
        "dtype",
        "steps",
        "last loss",
        "curves part",
        "deviation",
        "torch's own",
        "parameters",
    ):
        table.add_column(name, justify="left" if name in ("training", "dtype") else "right", no_wrap=True)
    table.add_column("weights, draws")
    table.add_column("")
    for r in report.trainings:
        bits = all(c.passed for c in r.checks if c.name in ("initial weights", "shuffles", "dropout masks"))
        figures = ["-", "-", "-", "-"]
        if not r.error:
            apart = "never" if r.parts_at is None else f"step {r.parts_at}"
            figures = [apart, number(r.worst), number(r.worst_nudged), number(r.final_relative)]
        last = f"{r.theirs[-1]:.6g}"
        table.add_row(
            r.name,
            r.dtype,
            str(len(r.theirs)),
            last,
            *figures,
            "-" if r.error else "bit-equal" if bits else verdict(False),
            verdict(r.passed),
        )
    return table


def speed_table(report):
    table = Table(
        title="Speed of a training step, each library in its own process, taking turns", title_justify="left"
    )
    ours, theirs = report.choices.library, "torch"
    if report.choices.device != "cpu":
        ours, theirs = f"{ours} ({report.choices.device})", "torch (cpu)"
    for name in ("training", theirs, ours, "times torch's speed", "turns"):
        table.add_column(name, justify="left" if name == "training" else "right")
    for r in report.speed:
        if r.error:
            table.add_row(r.training, "", "", "", Text(r.error, "red"))
            continue
        turns = f"{min(r.turns):.2f} to {max(r.turns):.2f}" + (
            "" if r.steady else " (unsteady: busy machine)"
        )
        table.add_row(r.training, f"{r.theirs:,.0f} us", f"{r.ours:,.0f} us", f"{r.ratio:.2f} x", turns)
    return table


def show_operations(report):
    """The totals, the ten largest differences, and every failure."""
    rows = report.operations
    table = Table(
        title="Operations of the table, largest differences first (all of them: parity.html)",
        title_justify="left",
    )
    for name in (
        "operation",
        "torch",
        "dtype",
        "samples",
        *(f"{o}, ulps" for o in ORDERS),
        "absolute",
        "relative",
        "by float64",
        "",
    ):
        table.add_column(name, justify="left" if name in ("operation", "torch", "dtype") else "right")
    ranked = sorted(
        rows, key=lambda r: (r.passed, -max((u for u in r.ulps.values() if u is not None), default=0.0))
    )
    for r in ranked[:12]:
        table.add_row(
            r.name, r.torch, r.dtype, str(r.samples), *(number(r.ulps[o]) for o in ORDERS),
            number(r.absolute), number(r.relative),
            str(r.by_float64), verdict(r.passed),
        )  # fmt: skip
    console.print(table)
    samples = sum(r.samples for r in rows)
    compared = sum(sum(r.compared.values()) for r in rows)
    by_float64 = sum(r.by_float64 for r in rows)
    skips = [(r.name, r.dtype, *s) for r in rows for s in r.skips]
    failed = [r for r in rows if not r.passed]
    names = {r.name for r in rows}
    console.print(
        f"{len(names)} operations, {samples} samples, {compared:,} arrays compared; "
        f"{len(failed)} rows failed; {by_float64} arrays matched torch-float64 only; {len(skips)} skips"
    )
    for name, dtype, what, reason in skips:
        console.print(Text(f"  skipped: {name} {dtype}, {what}: {reason}", "yellow"))
    for r in failed:
        console.print(
            Text(f"  {r.name} {r.dtype}: {len(r.failures)} failures, first: {r.failures[0]}", "red")
        )


def show_layers(report):
    """The totals of each kind, the largest deviations, and every failure."""
    table = Table(
        title="Modules, optimizers, schedulers: largest deviations (all of them: parity.html)",
        title_justify="left",
    )
    for name in ("kind", "", "dtype", "ulps", "relative", "arrays", "result"):
        table.add_column(name, justify="right" if name in ("ulps", "relative", "arrays") else "left")
    ranked = sorted(report.layers, key=lambda r: (r.passed, -(r.ulps or 0.0)))
    for r in ranked[:10]:
        table.add_row(
            r.kind, r.name, r.dtype, number(r.ulps), number(r.relative), str(r.compared), verdict(r.passed)
        )
    console.print(table)
    for kind in dict.fromkeys(r.kind for r in report.layers):
        rows = [r for r in report.layers if r.kind == kind]
        names, passed = len({r.name for r in rows}), sum(r.passed for r in rows)
        console.print(f"{names} {kind}s: {passed} of {len(rows)} rows within tolerance")
    for r in report.layers:
        if not r.passed:
            console.print(Text(f"  {r.name} {r.dtype}: {r.error}", "red"))


def end(report, paths):
    if report.choices.device != "cpu":
        name = f"{report.choices.device} ({gpu})" if (gpu := report.versions.get("gpu")) else report.choices.device
        console.print(Text(f"Device {name}: torch does the arithmetic; this proves graph and rules.", "yellow"))
    if report.other_release:
        console.print(Text(report.other_release, "yellow"))
    kernels, seconds = report.compiled
    console.print(
        f"Numba compiled {kernels} kernels in {seconds:.1f} CPU seconds; the others came from its cache."
    )
    failed = sum(not r.passed for r in report.results)
    where = "  ".join(map(str, paths))
    if report.passed:
        console.print(
            Text(f"All within tolerance, {report.seconds:.0f} s.  {where}", "bold green"), soft_wrap=True
        )
    else:
        text = f"{failed} of {len(report.results)} results out of tolerance, {report.seconds:.0f} s.  {where}"
        console.print(Text(text, "bold red"), soft_wrap=True)
