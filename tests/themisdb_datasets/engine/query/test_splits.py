"""Splits: all samples are in exactly one part, groups are never parted, and none ever changes its side."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.duck import connect
from themisdb_datasets.engine.query.splits import SCHEME, WHOLE, Split, parse_splitting
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import MalformedError

DOCUMENT = {
    "by": "law",
    "seed": "s",
    "parts": [{"name": "train", "fraction": 0.7}, {"name": "test", "fraction": 0.1}, {"name": "x", "fraction": 0.2}],
}  # fmt: skip


def kept(version: OpenVersion, split: Split) -> list[int]:
    rows: list[int] = []
    with connect(version.folders) as connection:
        for number in range(len(version.parts)):
            query = version.query(number)
            start = version.row_starts[number]
            statement = f"SELECT file_row_number + {start} FROM {query.source()} WHERE {split.to_sql(query)} ORDER BY 1"
            rows += [row for (row,) in connection.execute(statement, query.arguments(statement)).fetchall()]
    return rows


def test_every_sample_is_in_one_part_and_a_hash_of_its_value_says_in_which(tmp_path: Path) -> None:
    samples: list[dict[str, Any]] = [{"id": n, "law": f"L{n % 60}"} for n in range(600)]
    version = make_version(tmp_path, samples[:350], samples[350:])
    splitting = parse_splitting(DOCUMENT)
    parts = {name: splitting.part(name, key_field="id") for name, _ in splitting.parts}
    found = {name: kept(version, split) for name, split in parts.items()}
    assert sorted(row for rows in found.values() for row in rows) == [*range(600)]
    for name, split in parts.items():
        for row in found[name]:
            digest = hashlib.md5(f"{SCHEME}s\nfield L{row % 60}".encode()).hexdigest()
            assert split.start <= int(digest[:8], 16) < split.stop
    assert 300 < len(found["train"]) < 540


def test_without_the_group_the_key_decides_and_without_both_the_content(tmp_path: Path) -> None:
    version = make_version(
        tmp_path, [{"id": 3}, {"id": 3, "law": None}, {"t": "a"}, {"t": "a"}, {"id": 3.0, "z": 1}]
    )
    halves = parse_splitting(
        {"by": "law", "parts": [{"name": "a", "fraction": 0.5}, {"name": "b", "fraction": 0.5}]}
    )
    first = kept(version, halves.part("a", key_field="id"))
    assert {0, 1, 4} <= set(first) or not {0, 1, 4} & set(first)
    assert {2, 3} <= set(first) or not {2, 3} & set(first)


def test_parts_meet_and_leave_nothing_out() -> None:
    thirds = {"parts": [{"name": str(n), "fraction": 1 / 3} for n in range(3)]}
    parts = [parse_splitting(thirds).part(str(n), key_field="id") for n in range(3)]
    assert (parts[0].start, parts[2].stop) == (0, WHOLE)
    assert [part.stop for part in parts[:2]] == [part.start for part in parts[1:]]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"parts": [{"name": "a", "fraction": 1.0}]}, "split.parts"),
        ({"parts": [{"name": "a", "fraction": 0.5}, {"name": "b", "fraction": 0.4}]}, "split.parts"),
        ({"parts": [{"name": "a", "fraction": 0.5}, {"name": " a", "fraction": 0.5}]}, "split.parts"),
        ({"parts": [{"name": "", "fraction": 0.5}, {"name": "b", "fraction": 0.5}]}, "split.parts[0].name"),
        ({"parts": [{"name": "a", "fraction": 0.5}, {"name": "b", "fraction": True}]}, "split.parts[1].fraction"),
        ({"parts": [{"name": "a"}, {"name": "b", "fraction": 1}]}, "split.parts[0]"),
        ({"sed": "x"}, "split.sed"),
        ({"by": 3}, "split.by"),
        ({"seed": "x" * 501}, "split.seed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_splitting({**DOCUMENT, **change})
    assert list(caught.value.fields) == [place]


def test_an_unknown_part_is_named_with_the_nearest() -> None:
    splitting = parse_splitting(DOCUMENT)
    assert parse_splitting(splitting.to_document()) == splitting
    with pytest.raises(MalformedError, match="did you mean 'train'"):
        splitting.part("trian", key_field="id")
