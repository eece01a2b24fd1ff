"""A shard is rebuilt from its samples alone."""

from pathlib import Path

import pytest

from tests.themisdb_datasets.engine.shards.conftest import DATA
from tests.themisdb_datasets.ingesting import ingest_bytes
from themisdb_datasets.engine.shards.writer import rebuild
from themisdb_datasets.errors import CorruptError


def test_everything_but_the_samples_is_rebuilt_to_the_byte(tmp_path: Path) -> None:
    path = ingest_bytes(tmp_path, DATA).shard.path
    before = {file: file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
    for file in before:
        if file.name == "manifest.json" or file.suffix in (".bin", ".parquet"):
            file.unlink()
    rebuild(path)
    assert {file: file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()} == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_changed_samples_are_not_rebuilt(tmp_path: Path) -> None:
    path = ingest_bytes(tmp_path, DATA).shard.path
    (path / "samples.jsonl").write_bytes(DATA.replace(b"7", b"8"))
    with pytest.raises(CorruptError, match="not what it was"):
        rebuild(path)
    (path / "samples.jsonl").write_bytes(b"[]\n")
    with pytest.raises(CorruptError, match="no sample"):
        rebuild(path)
