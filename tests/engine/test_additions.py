"""What a version adds to a selection: all that was appended, or what was not there before."""

from pathlib import Path
from typing import Any

from tests.engine.versions import make_shards
from themisdb_datasets.additions import added
from themisdb_datasets.criteria import Criteria
from themisdb_datasets.filters import parse_filter
from themisdb_datasets.mapping import parse_value
from themisdb_datasets.selection import SelectionCache
from themisdb_datasets.version import OpenVersion
from themisdb_datasets.weights import Explicit, Weighting

EVEN = Criteria(
    (parse_filter({"field": "even", "op": "eq", "value": True}),),
    Weighting(explicit=Explicit("n", 1.0)),
    explain=True,
)


def samples(*numbers: int) -> list[dict[str, Any]]:
    return [{"n": number, "even": number % 2 == 0} for number in numbers]


def test_all_that_was_appended_is_new_also_what_was_there_already(tmp_path: Path) -> None:
    first, second = make_shards(tmp_path, samples(0, 1, 2, 3)), make_shards(tmp_path, samples(4, 2, 5, 6, 6))
    cache = SelectionCache(tmp_path / "selections")
    after = OpenVersion.open(first + second)
    selection = cache.get(after, "1" * 64, EVEN)
    new = added(selection, before=OpenVersion.open(first), after=after, cache=cache)
    assert new.positions.tolist() == [4, 5, 7, 8]
    assert new.weights.tolist() == [20_000] * 4
    assert new.factors is not None
    assert new.factors.ravel().tolist() == [4, 2, 6, 6]


def test_of_a_replaced_version_only_what_is_not_in_the_old_one_is_new(tmp_path: Path) -> None:
    cache = SelectionCache(tmp_path / "selections")
    before = OpenVersion.open(make_shards(tmp_path, samples(*range(10))))
    after = OpenVersion.open(
        make_shards(tmp_path, samples(12, 8, 3, 14, 2, 12, 17)) + make_shards(tmp_path, samples(4, 16))
    )
    selection = cache.get(after, "2" * 64, EVEN)
    for _ in range(2):  # found anew, and in the cache
        new = added(selection, before=before, after=after, cache=cache)
        assert new.positions.tolist() == [0, 3, 5, 8]
    nothing = added(
        cache.get(before, "3" * 64, EVEN), before=after, after=OpenVersion.open(before.folders), cache=cache
    )
    assert nothing.positions.tolist() == [0, 6]
    same = added(selection, before=after, after=after, cache=cache)
    assert same.num_samples == 0


def test_what_equals_an_older_sample_is_not_new_where_duplicates_are_removed(tmp_path: Path) -> None:
    cache = SelectionCache(tmp_path / "selections")
    first, second = make_shards(tmp_path, samples(2, 4)), make_shards(tmp_path, samples(2, 6, 6))
    after = OpenVersion.open(first + second)
    unique = cache.get(after, "4" * 64, Criteria(unique=(parse_value("n"),)))
    new = added(unique, before=OpenVersion.open(first), after=after, cache=cache)
    assert new.positions.tolist() == [3]
