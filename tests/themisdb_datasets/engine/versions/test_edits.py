"""Upserts by key and deletes by filter: which rows of which part are gone afterwards."""

from pathlib import Path
from typing import Any

from tests.versions import make_version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.versions.edits import Deleted, delete, upsert
from themisdb_datasets.engine.versions.version import OpenVersion


def sample(key: Any, text: str) -> dict[str, Any]:
    return {"id": key, "text": text}


def rows(deleted: Deleted) -> list[list[int]]:
    """The deleted rows by part; none where nothing was ever deleted."""
    return [[] if part is None else part.tolist() for part in deleted]


def test_of_one_key_the_last_stays_and_what_is_equal_is_left_where_it_is(tmp_path: Path) -> None:
    base = make_version(tmp_path, [sample(1, "a"), sample(2, "b")], [sample(3, "c")])
    new = make_version(tmp_path, [sample(2, "old"), sample(3, "c"), sample(4, "d"), sample(2, "B")])
    done = upsert(base, new, key_field="id")
    assert rows(done.base) == [[1], []], "the changed one goes, the equal one stays"
    assert rows(done.new) == [[0, 1]], "what came before another, and what is there already"
    assert (done.num_added, done.num_changed, done.num_unchanged, done.num_superseded) == (1, 1, 1, 1)


def test_a_sample_replaces_all_that_have_its_key_however_numbers_are_held(tmp_path: Path) -> None:
    base = make_version(tmp_path, [sample(7, "a"), sample(7, "b")], [sample(7.0, "c"), sample(0.5, "d")])
    new = make_version(tmp_path, [sample(7, "a")])
    done = upsert(base, new, key_field="id")
    assert rows(done.base) == [[0, 1], [0]]
    assert (rows(done.new), done.num_changed) == ([[]], 1)


def test_what_was_deleted_before_has_no_key_any_more_and_stays_deleted(tmp_path: Path) -> None:
    whole = make_version(tmp_path, [sample(1, "a"), sample(2, "b"), sample(3, "c")])
    first = delete(whole, parse_filter({"field": "id", "op": "eq", "value": 1}))
    assert rows(first) == [[0]]
    left = OpenVersion(whole.parts, first)
    done = upsert(left, make_version(tmp_path, [sample(1, "a"), sample(3, "C")]), key_field="id")
    assert (rows(done.base), done.num_added, done.num_changed) == ([[0, 2]], 1, 1)


def test_a_filter_deletes_in_every_part_and_names_rows_of_the_part(tmp_path: Path) -> None:
    version = make_version(tmp_path, [sample(n, "x") for n in range(5)], [sample(n, "y") for n in range(5)])
    gone = delete(version, parse_filter({"field": "id", "op": "ge", "value": 3}))
    assert rows(gone) == [[3, 4], [3, 4]]
    assert rows(delete(version, parse_filter({"field": "text", "op": "eq", "value": "y"}))) == [
        [],
        [*range(5)],
    ]
