"""The reports on disk: parity.html (self-contained), parity.json, parity.xml (JUnit)."""

from __future__ import annotations

import dataclasses
import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

from . import charts, compare, tolerances
from .operations import ORDERS


def write(report, folder: Path) -> list[Path]:
    """Writes the three files into the folder, which is made, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "parity.html", folder / "parity.json", folder / "parity.xml"]
    paths[0].write_text(as_html(report), "utf-8")
    paths[1].write_text(json.dumps(as_dict(report), indent=1, allow_nan=False) + "\n", "utf-8")
    ET.ElementTree(as_junit(report)).write(paths[2], "utf-8", xml_declaration=True)
    return paths


# ---------------------------------------------------------------------- JSON


def plain(value):
    """Dataclasses as dicts; NaN and infinities, which JSON has not, as strings."""
    if dataclasses.is_dataclass(value):
        fields = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        if hasattr(type(value), "passed"):
            fields["passed"] = value.passed
        return fields
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def as_dict(report):
    """The whole report, with the speed ratios that are properties, and the tolerances it was judged by."""
    found = plain(report)
    for row, result in zip(found["speed"], report.speed, strict=True):
        row |= {"ratio": plain(result.ratio), "steady": result.steady}
    found["other_release"] = report.other_release
    found["arithmetic"] = "minitorch" if report.choices.device == "cpu" else "torch"
    found["tolerances"] = [dict(what=w, limit=t, reason=r) for w, t, r in tolerances.REASONS]
    found["skips"] = [dict(operation=o, what=w, reason=r) for (o, w), r in tolerances.SKIPS.items()]
    return found


# ---------------------------------------------------------------------- JUnit


def as_junit(report):
    """A suite for each part; a training has one case for each check."""
    root = ET.Element("testsuites", name="parity", time=f"{report.seconds:.3f}")
    cases = [
        (f"trainings.{r.name}", f"{c.name} [{r.dtype}]", "" if c.passed else c.detail, r.seconds[0])
        for r in report.trainings
        for c in r.checks
    ]
    add_suite(root, "trainings", cases)
    add_suite(
        root,
        "operations",
        [("operations", f"{r.name} [{r.dtype}]", "\n".join(r.failures), 0) for r in report.operations],
    )
    add_suite(root, "layers", [(r.kind, f"{r.name} [{r.dtype}]", r.error or "", 0) for r in report.layers])
    add_suite(root, "speed", [("speed", f"{r.training} [{r.dtype}]", r.error or "", 0) for r in report.speed])
    return root


def add_suite(root, name, cases):
    """`cases`: (class name, name, text of the failure or "", seconds)."""
    failed = sum(bool(text) for _, _, text, _ in cases)
    suite = ET.SubElement(
        root, "testsuite", name=name, tests=str(len(cases)), failures=str(failed), errors="0"
    )
    for classname, title, text, seconds in cases:
        case = ET.SubElement(
            suite, "testcase", classname=f"parity.{classname}", name=title, time=f"{seconds:.3f}"
        )
        if text:
            ET.SubElement(case, "failure", message=printable(text.splitlines()[0])).text = printable(text)


def printable(text):
    """Without the control characters that XML does not allow."""
    return "".join(c for c in text if c >= " " or c in "\n\t")


# ---------------------------------------------------------------------- HTML


def as_html(report):
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = short
    return environment.get_template("report.html.j2").render(
        report=report,
        choices=report.choices,
        trainings=grouped(report),
        layers=paired(report.layers),
        orders=ORDERS,
        reasons=tolerances.REASONS,
        skips=[(r.name, r.dtype, *s) for r in report.operations for s in r.skips],
        totals=totals(report),
        differences=report.differences,
    )


def short(value, digits=2):
    """A number for a cell; a dash where nothing was compared."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e7 else f"{value:.{digits}g}"


def grouped(report):
    """The trainings by name: words, results of each dtype, charts."""
    by_name = {}
    for r in report.trainings:
        by_name.setdefault(r.name, []).append(r)
    speed = {s.training: s for s in report.speed if not s.error and s.steady}
    return [
        dict(
            name=name,
            title=results[0].title,
            ingredients=results[0].ingredients,
            results=results,
            checks=list(dict.fromkeys(c.name for r in results for c in r.checks)),
            passed=all(r.passed for r in results),
            losses=charts.losses(results[0], report.choices.library),
            deviations=charts.deviations(results, tolerances.LOSS),
            growth=[(r.dtype, who, compare.growth(d)) for r in results for who, d in beside(r, report)],
            steps=json.dumps({r.dtype: curves(r) for r in results}),
            speed=speed.get(name),
        )
        for name, results in by_name.items()
    ]


def beside(result, report):
    return (report.choices.library, result.deviation), ("torch from itself", result.nudged)


def curves(result):
    """What the page shows of the step that the pointer is at."""
    lists = dict(torch=result.theirs, ours=result.ours, deviation=result.deviation)
    return {name: [f"{value:.6g}" for value in values] for name, values in lists.items()}


def paired(rows):
    """Modules, optimizers, schedulers: one row each, with float32 and float64 beside each other."""
    found = {}
    for r in rows:
        found.setdefault((r.kind, r.name), {})[r.dtype] = r
    return [(kind, name, by, all(r.passed for r in by.values())) for (kind, name), by in found.items()]


def totals(report):
    """The figures of the page's head."""
    ratios = sorted(s.ratio for s in report.speed if not s.error and s.steady)
    return dict(
        steps=sum(len(r.deviation) for r in report.trainings),
        checks=sum(len(r.checks) for r in report.trainings),
        checks_passed=sum(c.passed for r in report.trainings for c in r.checks),
        worst={
            d: max((r.worst for r in report.trainings if r.dtype == d), default=None)
            for d in report.choices.dtypes
        },
        operations=len({r.name for r in report.operations}),
        rows=len(report.operations),
        rows_passed=sum(r.passed for r in report.operations),
        samples=sum(r.samples for r in report.operations),
        arrays=sum(sum(r.compared.values()) for r in report.operations),
        by_float64=sum(r.by_float64 for r in report.operations),
        layers=len(report.layers),
        layers_passed=sum(r.passed for r in report.layers),
        ratios=(ratios[0], ratios[-1]) if ratios else None,
        unsteady=sum(not s.error and not s.steady for s in report.speed),
    )
