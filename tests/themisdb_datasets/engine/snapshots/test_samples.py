"""The samples of a snapshot as columns: names told apart, and kinds that hold every value."""

from pathlib import Path

from tests.themisdb_datasets.engine.snapshots.conftest import built, freeze
from tests.versions import make_version
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.snapshots.samples import unique_names
from themisdb_datasets.engine.snapshots.snapshot import (
    verify,
)


def test_a_column_holds_what_all_shards_have(tmp_path: Path) -> None:
    wide = {f"f{n}": n for n in range(254)}
    version = make_version(
        tmp_path,
        [{"a": 1, "b": 1, "c": None, "d": 2**60, "e": {"x": 1}, "Id": 1, "id": 2}],
        [{"a": 2.5, "b": "zwei", "c": True, "d": 0.5, "e": "x", "": 3}],
        [{"a": 3.0, "b": [1], **wide, "c": None, "extra": {"y": [1, "Lärm"]}}],
    )
    ask = built(freeze(version, tmp_path, Criteria()), tmp_path / "out")
    assert ask("SELECT a, b, d, e FROM samples ORDER BY position") == [
        (1.0, "1", str(2**60), '{"x": 1}'),
        (2.5, "zwei", "0.5", "x"),
        (3.0, "[1]", None, None),
    ]
    assert ask("SELECT Id, id_2, unnamed FROM samples ORDER BY position") == [
        ("1", "2", None),
        (None, None, "3"),
        (None,) * 3,
    ]
    assert ask("SELECT c, f7, other_fields FROM samples WHERE position = 2") == [
        (None, 7, '{"c":null,"extra":{"y": [1, "Lärm"]}}')
    ]
    assert verify(freeze(version, tmp_path, Criteria()), tmp_path / "out") == []


def test_whole_and_broken_numbers_are_doubles_as_long_as_that_is_exact(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"a": 1, "b": 2**53 + 1}], [{"a": 0.5, "b": 0.5}], [{"a": None}])
    ask = built(freeze(version, tmp_path, Criteria()), tmp_path / "out")
    assert ask("SELECT a, b FROM samples ORDER BY position") == [
        (1.0, str(2**53 + 1)),
        (0.5, "0.5"),
        (None, None),
    ]


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    assert unique_names(["Id", "id", "ID_2", "", "weight"], taken=["weight"]) == [
        "Id",
        "id_2",
        "ID_2_2",
        "unnamed",
        "weight_2",
    ]
