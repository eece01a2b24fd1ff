"""One sample found again in other versions: by its key, or without one by its content."""

from pathlib import Path

import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.versions.edits import delete
from themisdb_datasets.engine.versions.history import Identity, identify, occurrences
from themisdb_datasets.engine.versions.version import OpenVersion


def positions(versions: list[OpenVersion], identity: Identity) -> list[list[int]]:
    return [[each.position for each in found] for found in occurrences(versions, identity)]


def test_a_key_finds_what_became_of_the_sample(tmp_path: Path) -> None:
    first = make_version(tmp_path, [{"id": 1, "t": "a"}, {"id": 2, "t": "b"}])
    second = make_version(
        tmp_path, [{"id": 3, "t": "c"}], [{"id": 2.0, "t": "changed"}, {"id": 0.5, "t": "d"}]
    )
    identity = identify(first, 1, key_field="id")
    assert (identity.key_field, identity.key) == ("id", "2")
    assert positions([first, second], identity) == [[1], [1]]
    (before,), (after,) = occurrences([first, second], identity)
    assert before.sample_id == identity.sample_id != after.sample_id


def test_without_a_key_only_equal_samples_are_the_same(tmp_path: Path) -> None:
    first = make_version(tmp_path, [{"id": None, "t": "a"}, {"t": "b"}])
    second = make_version(tmp_path, [{"t": "b"}, {"t": "B"}, {"t": "b"}])
    for key_field in ("", "id"):
        identity = identify(first, 1, key_field=key_field)
        assert identity.key is None
        assert positions([first, second], identity) == [[1], [0, 2]]


def test_positions_are_those_of_what_is_left(tmp_path: Path) -> None:
    whole = make_version(tmp_path, [{"id": n} for n in range(6)])
    left = OpenVersion(whole.parts, delete(whole, parse_filter({"field": "id", "op": "lt", "value": 3})))
    assert positions([whole, left], identify(whole, 4, key_field="id")) == [[4], [1]]
    assert positions([whole, left], identify(whole, 0, key_field="id")) == [[0], []]


def test_beyond_the_version_there_is_no_sample(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"id": 1}])
    with pytest.raises(IndexError):
        identify(version, 1, key_field="id")
