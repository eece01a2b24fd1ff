"""The text of a sample, by a field or a template."""

from pathlib import Path
from typing import Any

from tests.themisdb_datasets.engine.indexes.test_packing import build
from tests.tokenizers import byte_level
from tests.versions import make_version
from themisdb_datasets.tokens import TokenIndex


def test_templates_and_fields_that_are_no_text(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"law": "BImSchG", "n": 5},
        {"law": None, "n": 1.50},
        {"n": [1, "ä"]},
        {"law": ""},
    ]
    version = make_version(tmp_path, lines)
    library = byte_level().library

    def texts(text: str) -> tuple[list[str], int]:
        folder = tmp_path / text.replace(" ", "")
        manifest = build(folder, version, byte_level(), None, text=text)
        return [library.decode(each.tolist()) for each in TokenIndex.open(folder)], manifest[
            "num_without_text"
        ]

    assert texts("law") == (["BImSchG", ""], 2)
    assert texts("n") == (["5", "1.5", '[1, "ä"]'], 1)
    assert texts("{law} § {n}.") == (["BImSchG § 5.", " § 1.5.", ' § [1, "ä"].', " § ."], 0)
    assert texts("missing") == ([], 4)
