"""What the tests of snapshots share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.snapshots.snapshot import (
    DATABASE,
    Frozen,
    build,
)
from themisdb_datasets.engine.versions.version import OpenVersion, version_digest
from themisdb_datasets.engine.weights.rules import parse_rule
from themisdb_datasets.engine.weights.weighting import Weighting

RULES = Weighting(
    rules=(
        ("Frisch", parse_rule({"kind": "linear", "field": "n", "points": [[0, 0], [9, 1.8]]})),
        ("Weight", parse_rule({"kind": "map", "field": "law", "factors": {"TA": 0.5}})),
    )
)
ODD = parse_filter({"expression": "n % 2 = 1"})
Query = Callable[[str], list[tuple[Any, ...]]]


def sample(n: int) -> dict[str, Any]:
    return {
        "id": f"s/{n}",
        "n": n,
        "law": "TA" if n % 3 else None,
        "meta": {"k": n / 2},
        "text": f"§ {n}\n" * n,
    }


def freeze(version: OpenVersion, root: Path, criteria: Criteria | None = None) -> Frozen:
    criteria = criteria or Criteria((ODD,), RULES, explain=True)
    digest = version_digest(version)
    selection = SelectionCache(root / "selections").get(version, digest, criteria)
    return Frozen(version, digest, criteria, selection, {"theme": {"name": "Ungerade"}, "dataset": "Gesetze"})


@pytest.fixture
def frozen(tmp_path: Path) -> Frozen:
    """Odd samples of 0 to 9 in three shards, some without the seventh."""
    version = make_version(tmp_path, *([sample(n) for n in range(*cut)] for cut in ((0, 4), (4, 8), (8, 10))))
    return freeze(OpenVersion(version.parts, (None, np.array([3]), None)), tmp_path)


def built(frozen: Frozen, folder: Path) -> Query:
    """Build it, and ask its DuckDB file as anybody would."""
    folder.mkdir()
    build(frozen, folder)
    connection = duckdb.connect(str(folder / DATABASE), read_only=True)
    return lambda statement: connection.execute(statement).fetchall()
