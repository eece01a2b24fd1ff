"""The Python of a document: its fenced blocks, run one after the other as a reader would run them."""

import re
from pathlib import Path
from types import CodeType
from typing import Any

from tests_client.conftest import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: Path) -> list[CodeType]:
    """The document's blocks of Python; an error in one names the document and its line."""
    text = path.read_text(encoding="utf-8")
    found = []
    for block in BLOCK.finditer(text):
        above = "\n" * text.count("\n", 0, block.start(1))
        found.append(compile(above + block.group(1), str(path), "exec"))
    return found


def run(name: str) -> dict[str, Any]:
    """Run a document of the checkout from its first block to its last; the names it leaves behind."""
    names: dict[str, Any] = {"__name__": "__main__"}
    parts = blocks(ROOT / name)
    assert parts, f"{name} shows no Python"
    for part in parts:
        exec(part, names)
    return names
