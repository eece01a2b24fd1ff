"""The query behind a selection: what is kept, in stored order, and how much of it was left out for what."""

from pathlib import Path
from typing import Any

import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.duck import connect
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.selections.checks import parse_schema
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.scan import Scan
from themisdb_datasets.engine.versions.edits import delete
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.engine.weights.weighting import Explicit, Weighting

PARTS: list[list[dict[str, Any]]] = [
    [{"n": 0, "t": "a"}, {"n": 1, "t": "b"}, {"n": 2, "t": "a"}],
    [{"n": 3}, {"n": 4, "t": "b"}, {"n": 5, "t": ""}, {"n": 3}],
]


@pytest.fixture
def version(tmp_path: Path) -> OpenVersion:
    return make_version(tmp_path, *PARTS)


def scanned(version: OpenVersion, criteria: Criteria) -> tuple[list[int], list[int], dict[str, int]]:
    """Positions and weights of what is kept, and the counts."""
    with connect(version.folders) as connection:
        scan = Scan(connection, version, criteria)
        batches = list(scan)
    positions = [position for batch in batches for position in batch.positions.tolist()]
    return positions, [weight for batch in batches for weight in batch.weights.tolist()], scan.counts


def test_what_the_conditions_keep_comes_in_stored_order_with_its_weight(version: OpenVersion) -> None:
    criteria = Criteria(
        (parse_filter({"field": "n", "op": "ge", "value": 1}),), Weighting(explicit=Explicit("n", 1.0))
    )
    positions, weights, counts = scanned(version, criteria)
    assert positions == [1, 2, 3, 4, 5, 6]
    assert weights == [10_000, 20_000, 20_000, 20_000, 20_000, 20_000], "clamped at 2"
    assert counts == {}


def test_of_equal_values_the_first_stays_also_across_shards(version: OpenVersion) -> None:
    by_text = Criteria(unique=(parse_value("t"),))
    assert scanned(version, by_text)[::2] == ([0, 1, 3], {"duplicates": 4}), "absent is like empty"
    assert scanned(version, Criteria(unique=()))[::2] == ([0, 1, 2, 3, 4, 5], {"duplicates": 1})
    # No value runs into the next: "ab" and "c" are not "a" and "bc".
    pair = Criteria(unique=(parse_value("t"), parse_value("n")))
    assert scanned(version, pair)[0] == [0, 1, 2, 3, 4, 5]


def test_values_that_join_to_the_same_text_are_different(tmp_path: Path) -> None:
    version = make_version(
        tmp_path, [{"x": "ab", "y": "c"}, {"x": "a", "y": "bc"}, {"x": "ab", "y": "c", "z": 1}]
    )
    assert scanned(version, Criteria(unique=(parse_value("x"), parse_value("y"))))[0] == [0, 1]


@pytest.mark.parametrize(("rejects", "kept"), [(True, [0, 1, 2, 4]), (False, [0, 1, 2, 3, 4, 5, 6])])
def test_what_breaks_a_schema_is_counted_and_left_out_where_it_says_so(
    version: OpenVersion, rejects: bool, kept: list[int]
) -> None:
    short = {"type": "string", "minLength": 1}
    check = parse_schema(short, of=parse_value("t"), rejects=rejects, place="schema")
    assert scanned(version, Criteria(checks=(check,)))[::2] == (kept, {"invalid": 3})


def test_factors_stand_beside_the_weights_and_positions_skip_what_is_deleted(version: OpenVersion) -> None:
    left = OpenVersion(version.parts, delete(version, parse_filter({"field": "t", "op": "eq", "value": "a"})))
    criteria = Criteria(weighting=Weighting(explicit=Explicit("n", 1.0)), explain=True)
    with connect(left.folders) as connection:
        batches = list(Scan(connection, left, criteria))
    assert [position for batch in batches for position in batch.positions.tolist()] == [0, 1, 2, 3, 4]
    assert [row for batch in batches for row in batch.factors.tolist()] == [[1.0], [3.0], [4.0], [5.0], [3.0]]
