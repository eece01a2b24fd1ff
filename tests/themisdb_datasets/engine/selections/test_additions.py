"""What a version adds to a selection: all that was appended, or what was not there before."""

import json
from pathlib import Path
from typing import Any

from tests.versions import make_shards
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.selections.additions import added
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import Selection, SelectionCache
from themisdb_datasets.engine.versions.version import OpenVersion, version_digest
from themisdb_datasets.engine.weights.weighting import Explicit, Weighting

EVEN = Criteria(
    (parse_filter({"field": "even", "op": "eq", "value": True}),),
    Weighting(explicit=Explicit("n", 1.0)),
    explain=True,
)


def samples(*numbers: int) -> list[dict[str, Any]]:
    return [{"n": number, "even": number % 2 == 0} for number in numbers]


def found(
    criteria: Criteria, *, before: OpenVersion, after: OpenVersion, cache: SelectionCache
) -> tuple[OpenVersion, Selection]:
    return added(criteria, before=before, after=after, digest=version_digest(after), cache=cache)


def numbers(version: OpenVersion, selection: Selection) -> list[int]:
    return [json.loads(version.line(position))["n"] for position in selection.positions.tolist()]


def test_all_that_was_appended_is_new_also_what_was_there_already(tmp_path: Path) -> None:
    first, second = make_shards(tmp_path, samples(0, 1, 2, 3)), make_shards(tmp_path, samples(4, 2, 5, 6, 6))
    cache = SelectionCache(tmp_path / "selections")
    version, new = found(
        EVEN, before=OpenVersion.open(first), after=OpenVersion.open(first + second), cache=cache
    )
    assert numbers(version, new) == [4, 2, 6, 6]
    assert version.folders == second, "nothing of the old samples is looked at"
    assert new.weights.tolist() == [20_000] * 4
    assert new.factors is not None
    assert new.factors.ravel().tolist() == [4, 2, 6, 6]


def test_of_a_replaced_version_only_what_is_not_in_the_old_one_is_new(tmp_path: Path) -> None:
    cache = SelectionCache(tmp_path / "selections")
    before = OpenVersion.open(make_shards(tmp_path, samples(*range(10))))
    shared = make_shards(tmp_path, samples(4, 16))
    after = OpenVersion.open(make_shards(tmp_path, samples(12, 8, 3, 14, 2, 12, 17)) + shared)
    for _ in range(2):  # found anew, and in the cache
        version, new = found(EVEN, before=before, after=after, cache=cache)
        assert numbers(version, new) == [12, 14, 12, 16]
        assert new.factors is not None
        assert new.factors.ravel().tolist() == [12, 14, 12, 16]
    assert numbers(*found(EVEN, before=after, after=before, cache=cache)) == [0, 6]
    odd = Criteria((parse_filter({"field": "even", "op": "eq", "value": False}),))
    assert numbers(*found(odd, before=before, after=after, cache=cache)) == [17]
    turned = OpenVersion.open([*shared, *after.folders[:-1]])
    assert numbers(*found(EVEN, before=after, after=turned, cache=cache)) == []


def test_an_equal_version_adds_nothing(tmp_path: Path) -> None:
    version = OpenVersion.open(make_shards(tmp_path, samples(1, 2)))
    cache = SelectionCache(tmp_path / "selections")
    assert numbers(*found(EVEN, before=version, after=version, cache=cache)) == []


def test_what_equals_an_older_sample_is_not_new_where_duplicates_are_removed(tmp_path: Path) -> None:
    cache = SelectionCache(tmp_path / "selections")
    first, second = make_shards(tmp_path, samples(2, 4)), make_shards(tmp_path, samples(2, 6, 6))
    unique = Criteria(unique=(parse_value("n"),))
    before, after = OpenVersion.open(first), OpenVersion.open(first + second)
    assert numbers(*found(unique, before=before, after=after, cache=cache)) == [6]
    replaced = OpenVersion.open(second)
    assert numbers(*found(unique, before=before, after=replaced, cache=cache)) == [6]
