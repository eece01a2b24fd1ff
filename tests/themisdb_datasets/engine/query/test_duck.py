"""DuckDB: what it alone refuses is an error of the request."""

import pytest

from tests.themisdb_datasets.engine.query.test_filters import version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections.selection import count
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import MalformedError

__all__ = ["version"]


def test_a_pattern_that_only_the_database_refuses_is_malformed_too(version: OpenVersion) -> None:
    with pytest.raises(MalformedError):
        count(version, [parse_filter({"field": "law", "op": "matches", "value": "(?<=a)b"})])
