"""Where minitorch differs from torch on purpose: each sentence of its source that begins with "Unlike torch"."""

from __future__ import annotations

import re
from pathlib import Path

SENTENCE = re.compile(r"Unlike torch[:,] (.+?)(?:\.(?=\s|\"|$)|\n\s*\n)", re.S)


def stated(package) -> list[tuple[str, str]]:
    """(file and line, the difference with its reason) of a package, in the order of its files."""
    root = Path(package.__file__).parent
    found = []
    for path in sorted(root.rglob("*.py")):
        text = path.read_text("utf-8")
        for match in SENTENCE.finditer(text):
            words = re.sub(r"\s*\n\s*#?\s*", " ", match[1])
            line = text.count("\n", 0, match.start()) + 1
            found.append((f"{root.name}/{path.relative_to(root)}:{line}", words))
    return found
