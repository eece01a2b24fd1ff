"""Snapshots: what stock DuckDB finds in one, and that any change of it is found."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.themisdb_datasets.engine.snapshots.conftest import ODD, RULES, built, freeze
from tests.versions import make_version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.shards.shard import describe_file
from themisdb_datasets.engine.snapshots.snapshot import (
    DATABASE,
    MANIFEST,
    SAMPLES,
    Frozen,
    build,
    read_manifest,
    verify,
)
from themisdb_datasets.errors import CancelledError, CorruptError


def test_stock_duckdb_finds_the_samples_under_their_own_names(frozen: Frozen, tmp_path: Path) -> None:
    ask = built(frozen, tmp_path / "out")
    found = ask('SELECT position, id, n, law, meta, "meta.k", text FROM samples')
    # The seventh is deleted, so those after it come one position earlier.
    assert [row[0] for row in found] == [1, 3, 5, 8]
    assert [row[1:] for row in found] == [
        (f"s/{n}", n, "TA" if n % 3 else None, json.dumps({"k": n / 2}), n / 2, f"§ {n}\n" * n)
        for n in (1, 3, 5, 9)
    ]
    types: dict[str, str] = dict(
        ask("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'samples'")
    )
    assert (types["n"], types["meta.k"], types["text"]) == ("BIGINT", "DOUBLE", "VARCHAR")


def test_each_weight_has_its_factors_beside_it(frozen: Frozen, tmp_path: Path) -> None:
    ask = built(frozen, tmp_path / "out")
    rows = ask("SELECT position, weight, Frisch, Weight_2 FROM weights")
    assert [row[0] for row in rows] == [1, 3, 5, 8]
    assert [row[1] for row in rows] == [0.1, 0.6, 0.5, 1.8]
    assert [row[2:] for row in rows] == [
        (pytest.approx(0.2), 0.5),
        (pytest.approx(0.6), 1.0),
        (1.0, 0.5),
        (1.8, 1.0),
    ]
    parquet = pq.read_table(tmp_path / "out" / SAMPLES, columns=["position", "weight"])
    assert parquet.to_pydict() == {"position": [1, 3, 5, 8], "weight": [0.1, 0.6, 0.5, 1.8]}


def test_the_manifest_is_in_the_database_too(frozen: Frozen, tmp_path: Path) -> None:
    ask = built(frozen, tmp_path / "out")
    manifest = read_manifest(tmp_path / "out")
    inside: dict[str, str] = dict(ask("FROM manifest"))
    assert (inside["dataset"], json.loads(inside["theme"])) == ("Gesetze", {"name": "Ungerade"})
    assert json.loads(inside["criteria"]) == manifest["criteria"]
    assert Criteria.from_document(manifest["criteria"]) == frozen.criteria
    assert json.loads(inside["num_samples"]) == manifest["num_samples"] == 4
    assert (manifest["weights"]["sum"], manifest["weights"]["max"]) == (3.0, 1.8)
    assert sum(manifest["weights"]["histogram"]["counts"]) == 4
    assert set(manifest["files"]) == {DATABASE, SAMPLES}


def test_parquet_has_several_row_groups_and_stays_in_order(tmp_path: Path) -> None:
    version = make_version(tmp_path, ({"n": n} for n in range(40_000)))
    half = parse_filter({"field": "n", "op": "ge", "value": 3_000})
    ask = built(freeze(version, tmp_path, Criteria((half,))), tmp_path / "out")
    with pq.ParquetFile(tmp_path / "out" / SAMPLES) as file:
        assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [
            16_384,
            16_384,
            4_232,
        ]
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
        assert file.read(["n"])["n"].to_pylist() == list(range(3_000, 40_000))
    assert ask("SELECT count(*), count(*) FILTER (WHERE position <> n) FROM samples") == [(37_000, 0)]
    assert ask(
        "SELECT count(*) FROM (SELECT n - row_number() OVER () AS d FROM samples) WHERE d <> 2999"
    ) == [(0,)]


def test_what_its_folder_is_called_adds_no_column(frozen: Frozen, tmp_path: Path) -> None:
    (tmp_path / "year=2026").mkdir()
    ask = built(frozen, tmp_path / "year=2026" / "n=1")
    assert ask("SELECT count(*), sum(n) FROM samples") == [(4, 18)]
    assert verify(frozen, tmp_path / "year=2026" / "n=1") == []


def test_verification_does_not_depend_on_how_the_file_was_cut(tmp_path: Path) -> None:
    whole = freeze(make_version(tmp_path, ({"n": n} for n in range(1000))), tmp_path, Criteria())
    built(whole, tmp_path / "out")
    file = tmp_path / "out" / SAMPLES
    pq.write_table(pq.read_table(file), file, row_group_size=300, compression="zstd")
    manifest = read_manifest(tmp_path / "out")
    manifest["files"][SAMPLES] = describe_file(file)
    (tmp_path / "out" / MANIFEST).write_text(json.dumps(manifest))
    assert verify(whole, tmp_path / "out") == []


def test_a_theme_that_keeps_nothing_is_a_snapshot_too(frozen: Frozen, tmp_path: Path) -> None:
    none = Criteria((parse_filter({"field": "n", "op": "gt", "value": 99}),), RULES, explain=True)
    empty = freeze(frozen.version, tmp_path, none)
    ask = built(empty, tmp_path / "out")
    assert ask("SELECT (SELECT count(*) FROM samples), (SELECT count(*) FROM weights)") == [(0, 0)]
    assert verify(empty, tmp_path / "out") == []


def test_verification_finds_nothing_wrong_with_what_was_built(frozen: Frozen, tmp_path: Path) -> None:
    built(frozen, tmp_path / "out")
    seen: list[int] = []
    assert verify(frozen, tmp_path / "out", report=seen.append) == []
    assert seen[-1] == 8


@pytest.mark.parametrize("name", [SAMPLES, DATABASE])
def test_verification_finds_a_byte_that_changed(frozen: Frozen, tmp_path: Path, name: str) -> None:
    built(frozen, tmp_path / "out")
    content = bytearray((tmp_path / "out" / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "out" / name).write_bytes(content)
    (wrong,) = verify(frozen, tmp_path / "out")
    assert wrong.startswith(f"{name} has changed")
    (tmp_path / "out" / name).unlink()
    assert verify(frozen, tmp_path / "out") == [f"{name} is missing."]
    (tmp_path / "out" / MANIFEST).unlink()
    with pytest.raises(CorruptError, match="manifest"):
        verify(frozen, tmp_path / "out")


def test_verification_finds_a_file_that_does_not_belong_to_it(frozen: Frozen, tmp_path: Path) -> None:
    built(frozen, tmp_path / "out")
    for name in ("snapshot.arrow", ".snapshot.arrow.x1", "snapshot.duckdb.tmp"):  # of those who read it
        (tmp_path / "out" / name).write_text("")
    assert verify(frozen, tmp_path / "out") == []
    (tmp_path / "out" / "more.parquet").write_text("")
    assert verify(frozen, tmp_path / "out") == ["more.parquet does not belong to the snapshot."]


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"{}", b'{"files": 3}', b'{"files": {"a": {}}}', b"[" * 9999]
)
def test_verification_finds_a_manifest_that_is_none(frozen: Frozen, tmp_path: Path, content: bytes) -> None:
    built(frozen, tmp_path / "out")
    (tmp_path / "out" / MANIFEST).write_bytes(content)
    with pytest.raises(CorruptError, match="manifest"):
        verify(frozen, tmp_path / "out")


def test_verification_finds_what_the_version_does_not_give(frozen: Frozen, tmp_path: Path) -> None:
    """The files are as they were written, but something else was written."""
    built(frozen, tmp_path / "out")
    all_of_it = freeze(frozen.version, tmp_path, Criteria((), RULES, explain=True))
    assert verify(all_of_it, tmp_path / "out") == [
        "samples.parquet has 4 samples; the theme keeps 9 of the version."
    ]
    unweighted = freeze(frozen.version, tmp_path, Criteria((ODD,)))
    assert verify(unweighted, tmp_path / "out") == [
        "Of the samples 0 to 3 of samples.parquet some are not the version's."
    ]


def test_verification_finds_a_database_that_is_not_the_parquet(frozen: Frozen, tmp_path: Path) -> None:
    built(frozen, tmp_path / "out")
    manifest = read_manifest(tmp_path / "out")
    other = freeze(frozen.version, tmp_path, Criteria((ODD,)))
    built(other, tmp_path / "other")
    (tmp_path / "other" / DATABASE).replace(tmp_path / "out" / DATABASE)
    manifest["files"][DATABASE] = read_manifest(tmp_path / "other")["files"][DATABASE]
    (tmp_path / "out" / MANIFEST).write_text(json.dumps(manifest))
    assert verify(frozen, tmp_path / "out") == [
        "The table manifest in snapshot.duckdb is not the manifest.",
        "The table weights in snapshot.duckdb is not what samples.parquet holds.",
    ]


def test_a_build_can_be_stopped(frozen: Frozen, tmp_path: Path) -> None:
    def stop(done: int) -> None:
        raise CancelledError("The job was cancelled.")

    (tmp_path / "out").mkdir()
    with pytest.raises(CancelledError):
        build(frozen, tmp_path / "out", report=stop)
    assert not (tmp_path / "out" / MANIFEST).exists()
