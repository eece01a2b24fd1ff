"""A shard opens as its manifest says or not at all."""

import json
import shutil
import threading
from pathlib import Path

import pytest

from tests.themisdb_datasets.engine.shards.conftest import DATA
from tests.themisdb_datasets.ingesting import ingest_bytes
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.errors import CorruptError, NotFoundError


def test_a_line_is_found_by_its_number(tmp_path: Path) -> None:
    shard = ingest_bytes(tmp_path, DATA).shard
    assert [shard.line(i) + b"\n" for i in range(500)] == DATA.splitlines(keepends=True)
    for outside in (-1, 500):
        with pytest.raises(IndexError):
            shard.line(outside)


def test_any_number_of_threads_read_one_shard(tmp_path: Path) -> None:
    shard = ingest_bytes(tmp_path, DATA).shard
    wanted = DATA.splitlines()
    wrong: list[int] = []

    def read(step: int) -> None:
        wrong.extend(i for i in range(0, 500, step) if shard.line(i) != wanted[i])

    threads = [threading.Thread(target=read, args=(step,)) for step in (1, 2, 3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_is_missing_or_of_another_size_is_refused(tmp_path: Path) -> None:
    path = ingest_bytes(tmp_path, DATA).shard.path
    for name in ("samples.jsonl", "index/spans.bin", "index/sample_locations.bin", "columns.parquet"):
        copy = tmp_path / name.replace("/", "-")
        shutil.copytree(path, copy)
        with (copy / name).open("ab") as file:
            file.write(b"\0" * 8)
        with pytest.raises(CorruptError, match=name):
            Shard.open(copy)
        (copy / name).unlink()
        with pytest.raises(CorruptError, match="is missing"):
            Shard.open(copy)
    with pytest.raises(NotFoundError):
        Shard.open(tmp_path / "nowhere")


def test_a_shard_of_another_format_version_is_refused(tmp_path: Path) -> None:
    path = ingest_bytes(tmp_path, DATA).shard.path
    manifest = json.loads((path / "manifest.json").read_bytes())
    (path / "manifest.json").write_text(json.dumps({**manifest, "format_version": 2}))
    with pytest.raises(CorruptError, match="format version 2"):
        Shard.open(path)
