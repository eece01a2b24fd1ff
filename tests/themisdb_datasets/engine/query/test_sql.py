"""Values are bound, and never read as SQL."""

import pytest

from tests.themisdb_datasets.engine.query.test_filters import version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections.selection import count
from themisdb_datasets.engine.versions.version import OpenVersion

__all__ = ["version"]


@pytest.mark.parametrize("value", ["'; DROP TABLE x; --", '"', "$v0", "\x00", "${", "\\", "ſ"])
def test_values_are_bound_and_never_read_as_sql(version: OpenVersion, value: str) -> None:
    for op in ("eq", "contains", "starts_with"):
        assert count(version, [parse_filter({"field": "law", "op": op, "value": value})])[0] in (0, 1)
