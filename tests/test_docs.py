"""The documentation: every Python block runs and prints what the page says, every quotation and link still holds.

A ```python block is run after those above it on the page, in their namespace.
* `expression  # -> text`: the repr of the expression is `text`.
* A ```text block right after it is what it prints. Measured numbers may differ by 5 % or one unit of the last digit
  (another BLAS). A line `...` in it stands for any lines.
* `<!-- from minitorch/path.py -->` before a block: a quotation, which must stand in that file; it is not run.
* `<!-- not run -->` before a block: it is only compiled.

`python tests/test_docs.py docs/tour.md` runs that page and writes what it prints into its ```text blocks.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import io
import math
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*?) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
#: what a page of fragments takes for granted
PRELUDE = {
    "architecture.md": "from minitorch.ops.samples import unary\nfrom minitorch.ops.table import op",
}
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
DECIMAL = re.compile(r"-?\d+\.\d*(?:e[-+]?\d+)?")


@dataclass
class Block:
    language: str
    text: str
    note: str  # the comment before it
    line: int
    after: str  # the prose between the block before and this one


def blocks_of(page):
    text, end = page.read_text(encoding="utf-8"), 0
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        yield Block(
            found["language"], found["text"], found["note"] or "", line, text[end : found.start()].strip()
        )
        end = found.end()


def same(printed, shown, rounding=0):
    """Equal up to white space at line ends and, in numbers with a decimal point, 0.1 %, or `rounding` units of the last
    digit shown and 5 %."""
    lines = ["\n".join(line.rstrip() for line in t.strip().splitlines()) for t in (printed, shown)]
    if re.search(r"^ *\.\.\.$", lines[1], re.M):
        parts = re.split(r"^ *\.\.\.\n", lines[1], flags=re.M)
        return re.fullmatch(".*".join(map(re.escape, parts)), lines[0], re.S) is not None
    if DECIMAL.sub("#", lines[0]) != DECIMAL.sub("#", lines[1]):
        return False
    pairs = zip(*(DECIMAL.findall(t) for t in lines), strict=True)
    return all(
        math.isclose(
            float(a), float(b), rel_tol=0.05 if rounding else 1e-3, abs_tol=rounding * 1.01 * last_digit(b)
        )
        for a, b in pairs
    )


def last_digit(number):
    """The value of one unit of the last digit of a written number: 0.01 of 1.25."""
    digits, _, exponent = number.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def run(page, block, namespace):
    """Runs a block; returns what it printed. Lines in tracebacks are those of the page."""
    tree = ast.parse("\n" * (block.line - 1) + block.text, filename=str(page))
    source = ("\n" * (block.line - 1) + block.text).splitlines()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for statement in tree.body:
            _, arrow, shown = source[statement.end_lineno - 1].partition("# -> ")
            if not arrow:
                exec(compile(ast.Module([statement], []), str(page), "exec"), namespace)
                continue
            assert isinstance(statement, ast.Expr), (
                f"{page.name}:{statement.lineno}: `# ->` without an expression"
            )
            value = repr(eval(compile(ast.Expression(statement.value), str(page), "eval"), namespace))
            assert same(value, shown), f"{page.name}:{statement.lineno} gives {value}, the page says {shown}"
    return printed.getvalue()


@pytest.fixture
def table():
    """Operations that a page declares are taken out of the table again, and the garbage collector is on again."""
    from minitorch import ops

    before = dict(ops.OPS)
    yield
    gc.enable()
    ops.OPS.clear()
    ops.OPS.update(before)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_examples_run_and_print_what_the_page_says(page, table):
    namespace, printed = {"__name__": page.stem}, None
    exec(PRELUDE.get(page.name, ""), namespace)
    for block in blocks_of(page):
        if block.language == "python" and block.note == "not run":
            compile(block.text, f"{page.name}:{block.line}", "exec")
        elif block.language == "python" and not block.note.startswith("from "):
            assert not printed, (
                f"{page.name}: the block before line {block.line} prints {printed!r}, which is not shown"
            )
            printed = run(page, block, namespace)
        elif block.language == "text" and printed and not block.after:
            assert same(printed, block.text, rounding=1), (
                f"{page.name}:{block.line}: if this is right: python tests/test_docs.py {page.relative_to(ROOT)}\nprinted:\n{printed}\nshown:\n{block.text}"
            )
            printed = None
    assert not printed, f"{page.name}: the last block prints {printed!r}, which is not shown"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_quotations_stand_in_the_file(page):
    for block in blocks_of(page):
        if block.note.startswith("from "):
            source = (ROOT / block.note.removeprefix("from ")).read_text(encoding="utf-8")
            for part in re.split(r"^ *# \.\.\.\n", block.text, flags=re.M):
                assert part.strip("\n") in source, (
                    f"{page.name}:{block.line}: not in {block.note[5:]}:\n{part}"
                )


def anchor(heading):
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors_of(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {anchor(h) for h in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if "://" in target:
            continue
        path, _, part = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{page.name}: {target} does not exist"
        assert not part or part in anchors_of(file), f"{page.name}: {target}: no such heading"
    for path in re.findall(r"`((?:minitorch|docs|tests|parity|benchmarks)/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), f"{page.name}: {path} does not exist"


def test_every_row_of_the_guides_has_an_example():
    text = (ROOT / "docs" / "guides.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### ([^\n]*)\n(.*?)(?=^##|\Z)", text, re.M | re.S))
    examples = {anchor(heading) for heading, section in sections.items() if "```python" in section}
    rows = re.findall(r"^\| \[[^\]]*\]\(#([^)]*)\)", text, re.M)
    assert len(rows) >= 20
    assert set(rows) <= examples


def test_make_targets_of_the_readme_exist():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    used = re.findall(r"(?:^|`)make ([\w-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    assert {"parity", "test"} <= set(used) <= set(targets)


def test_the_example_runs_without_torch():
    example = next(b.text for b in blocks_of(ROOT / "README.md") if b.language == "python")
    program = example + "\nimport sys\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=120, capture_output=True)


def test_nobody_is_told_to_install_somebody_elses_package():
    for page in PAGES:
        assert not re.search(
            r"pip install (?:-\S+ )*minitorch(?!-parity)", page.read_text(encoding="utf-8")
        ), page.name


def code_lines(path):
    """The lines of a file without blank ones, comments and docstrings."""
    source = path.read_text()
    kinds = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {n for t in tokens if t.type not in kinds for n in range(t.start[0], t.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_the_core_is_as_short_as_the_readme_says():
    table = (ROOT / "README.md").read_text().partition("The core, in reading order: some 2,200 lines of code")[2]
    files = re.findall(r"\[(minitorch/[\w/]+\.py)\]", table)
    assert len(files) == 14
    assert sum(code_lines(ROOT / file) for file in files) < 2250


def rewrite(page):
    """Replaces the ```text blocks of a page by what the blocks above them print."""
    lines, namespace, printed = page.read_text(encoding="utf-8").splitlines(), {"__name__": page.stem}, ""
    shown = []
    for block in blocks_of(page):
        if block.language == "python" and not block.note:
            printed = run(page, block, namespace)
        elif block.language == "text" and not block.after and not same(printed, block.text, rounding=1):
            shown.append((block, printed))
    for block, printed in reversed(shown):
        lines[block.line - 1 : block.line - 1 + block.text.count("\n")] = printed.rstrip().splitlines()
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name).resolve())
