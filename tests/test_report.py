"""The page in a browser: headless Chromium opens parity.html, clicks, points, and says what it sees.

A script is put at the end of the page; it acts as a person would and leaves what it found in an element that
`chromium --dump-dom` prints. Without Chromium these tests are skipped: `apt-get install chromium`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
import torch

import minitorch
from minitorch.ops.table import OPS
from parity import layers, operations, report, suite, trainings, worker
from parity.compare import compare_training
from parity.speed import SpeedResult

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
NAMES = ("tanh", "exp", "matmul", "softmax", "sort", "binary_cross_entropy_with_logits")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A small report with something in every part, one failed operation among it."""
    found = suite.Report(
        suite.Choices(), versions={"torch": "2", "numpy": "2", "python": "3"}, compiled=(3, 1.5)
    )
    row = trainings.TRAININGS["diabetes"]
    for dtype in found.choices.dtypes:
        with worker.one_thread(torch):
            options = dict(dtype=dtype, quick=True)
            theirs, nudged = (
                trainings.run_training(torch, row.name, nudge=n, **options) for n in (False, True)
            )
            ours = trainings.run_training(minitorch, row.name, **options)
        found.trainings.append(compare_training(row, ours, theirs, nudged))
        found.operations += [operations.check_operation(minitorch, OPS[name], dtype) for name in NAMES]
    found.operations[0].failures = ["sample 0 (float32[3]): <b>wrong</b> & so on"]
    found.layers.append(layers.check_module(minitorch, layers.MODULES[0], "float32"))
    found.speed = [
        SpeedResult("diabetes", "float32", 1.0, 3.0, [3.0, 3.1], 9),
        SpeedResult("mnist", "float32", 1.0, 9.0, [2.0, 99.0], 9),
    ]
    return report.write(found, tmp_path_factory.mktemp("report"))[0].read_text(encoding="utf-8")


def seen(page, script, folder, dark=False):
    """What the script, the body of a function, returns in the page; AssertionError if the console has errors."""
    end = f"""<script>
        try {{ window.found = (() => {{ {script} }})(); }} catch (error) {{ console.error(error); window.found = null; }}
        const pre = document.createElement("pre"); pre.id = "found"; pre.textContent = JSON.stringify(window.found); document.body.append(pre);
    </script></body>"""
    file = folder / "page.html"
    file.write_text(page.replace("</body>", end), encoding="utf-8")
    flags = [
        "--headless=new",
        "--disable-gpu",
        "--no-sandbox",
        "--window-size=1280,900",
        "--enable-logging=stderr",
        "--virtual-time-budget=3000",
    ]
    flags += [
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    ]
    run = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        env=os.environ | {"LANG": "C.UTF-8"},
    )
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    assert not console, console
    found = re.search(r'<pre id="found">(.*?)</pre>', run.stdout, re.S)
    assert found, run.stderr[-2000:]
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def test_the_table_of_operations_sorts_both_ways_and_filters(page, tmp_path):
    found = seen(page, """
        const table = document.getElementById("operations"), heads = [...table.tHead.rows[0].cells];
        const column = i => [...table.tBodies[0].rows].map(r => r.cells[i].dataset.v ?? r.cells[i].textContent);
        const click = name => { const i = heads.findIndex(h => h.textContent === name); heads[i].click(); return column(i); };
        const result = { hidden: table.scrollWidth - table.parentElement.clientWidth, first: table.tBodies[0].rows[0].textContent, down: click("value"), up: click("value"), names: click("operation"), marks: heads.map(h => h.ariaSort) };
        const filter = document.getElementById("filter");
        filter.value = "SoftMax"; filter.dispatchEvent(new Event("input"));
        result.left = [...table.tBodies[0].rows].filter(r => !r.hidden).map(r => r.cells[0].textContent);
        result.visible = [...table.tBodies[0].rows].filter(r => r.offsetHeight > 0).length;
        return result;
    """, tmp_path)  # fmt: skip
    assert found["hidden"] <= 0  # all columns are in sight
    assert "wrong" in found["first"]  # failures first
    values = [float(v) for v in found["down"]]
    assert values == sorted(values, reverse=True)
    assert [float(v) for v in found["up"]] == sorted(values)
    assert found["names"] == sorted(list(NAMES) * 2)
    assert found["marks"].count("ascending") == 1
    assert found["left"] == ["softmax"] * 2
    assert found["visible"] == 2


def test_curves_lie_on_each_other_and_a_step_can_be_read(page, tmp_path):
    found = seen(page, """
        const card = document.getElementById("diabetes"), [left] = card.querySelectorAll("svg");
        const points = css => left.querySelector("polyline." + css).getAttribute("points").split(" ").map(p => p.split(",").map(Number));
        const box = left.getBoundingClientRect();
        const at = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
        left.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + box.width * 0.98, clientY: box.top + 9 }));
        const reading = card.querySelector(".reading").textContent, cursors = card.querySelectorAll(".cursor").length;
        left.dispatchEvent(new PointerEvent("pointerleave", {}));
        return { theirs: points("theirs"), ours: points("ours"), reading, cursors, after: card.querySelector(".reading").textContent,
                 inside: left.contains(at), wide: document.documentElement.scrollWidth, boxes: [box.width, box.height] };
    """, tmp_path)  # fmt: skip
    assert len(found["ours"]) == len(found["theirs"]) > 50
    for a, b in zip(found["ours"], found["theirs"], strict=True):
        assert a == pytest.approx(b, abs=0.11)  # a tenth of a pixel
    assert len({y for _, y in found["ours"]}) > 20
    assert re.fullmatch(r"step \d+ · float32: torch \S+, minitorch \S+, .* · float64: .*", found["reading"])
    assert found["cursors"] == 2
    assert found["after"] == ""
    assert min(found["boxes"]) > 150
    assert found["wide"] <= 1280  # nothing sticks out


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_is_legible(page, tmp_path, dark):
    """The contrast of each text with what lies behind it is at least 4.5, as WCAG 2 asks for."""
    found = seen(page, """
        const numbers = css => (css.match(/[\\d.]+/g) || []).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const behind = e => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0.5) return c; } return [255, 255, 255]; };
        const worst = {};
        for (const e of document.querySelectorAll("body *")) {
            if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || ["SCRIPT", "STYLE", "TITLE"].includes(e.tagName.toUpperCase())) continue;
            const style = getComputedStyle(e), color = numbers(e.closest("svg") ? style.fill : style.color);
            const [a, b] = [light(color), light(behind(e))].sort((x, y) => y - x);
            const name = e.tagName + "." + (e.className.baseVal ?? e.className);
            worst[name] = Math.min(worst[name] ?? 99, (a + 0.05) / (b + 0.05));
        }
        return { worst, page: light(behind(document.body)) };
    """, tmp_path, dark)  # fmt: skip
    assert (found["page"] < 0.1) == dark
    low = {what: ratio for what, ratio in found["worst"].items() if ratio < 4.5}
    assert not low
    assert len(found["worst"]) > 15


def test_words_from_outside_are_text(page, tmp_path):
    found = seen(page, """
        return { bold: [...document.querySelectorAll("b")].map(b => b.textContent), text: document.body.innerText };
    """, tmp_path)  # fmt: skip
    assert "wrong" not in found["bold"]
    assert "<b>wrong</b> & so on" in found["text"]
    assert "deviations found" in found["text"]
    assert "3.00 ×" in found["text"]
    assert "9.00 ×" not in found["text"]  # the machine was busy: no figure
    assert "1 not measured, the machine was busy" in found["text"]
