"""Samples of a downloaded snapshot by number: from its Parquet file, from its DuckDB file, again after a new one."""

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.themisdb_datasets.engine.snapshots.conftest import freeze
from tests.versions import make_version
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.snapshots.snapshot import build
from themisdb_datasets.errors import ImpossibleError, NotFoundError
from themisdb_datasets.order import ShuffledOrder
from themisdb_datasets.trainer.numbered import ThemisDataset
from themisdb_datasets.trainer.snapshot_table import SnapshotTable

NUM_SAMPLES = 1_000  # several batches of the Arrow file


def sample(n: int) -> dict[str, Any]:
    sample: dict[str, Any] = {"id": f"s/{n}", "n": n, "tags": ["a", n], "text": f"§ {n} " * (n % 9)}
    return {**sample, "meta": {"k": n}} if n % 2 else {**sample, "law": None}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("snapshot")
    version = make_version(
        root, [sample(n) for n in range(600)], [sample(n) for n in range(600, NUM_SAMPLES)]
    )
    (root / "out").mkdir()
    build(freeze(version, root, Criteria()), root / "out")
    return root / "out"


def expected(n: int) -> dict[str, Any]:
    found = {"position": n, **{name: value for name, value in sample(n).items() if value is not None}}
    if n % 2:
        found["meta.k"] = n
    return {**found, "weight": 1.0}


@pytest.mark.parametrize("name", ["samples.parquet", "snapshot.duckdb", ""])
def test_each_file_of_it_gives_all_samples_in_their_order(snapshot: Path, tmp_path: Path, name: str) -> None:
    if name:
        shutil.copy(snapshot / name, tmp_path)
        shutil.copy(snapshot / "manifest.json", tmp_path)
    else:
        tmp_path = snapshot
    dataset = ThemisDataset(tmp_path / name)
    assert len(dataset) == NUM_SAMPLES
    assert list(dataset) == [expected(n) for n in range(NUM_SAMPLES)]
    assert dataset[-1] == expected(NUM_SAMPLES - 1)
    assert dataset.__getitems__([999, 0, 256, 255, 0]) == [expected(n) for n in (999, 0, 256, 255, 0)]
    assert list(pickle.loads(pickle.dumps(dataset))[::250]) == [expected(n) for n in (0, 250, 500, 750)]
    shuffled = ThemisDataset(tmp_path / name, shuffle=True, seed=5)
    order = ShuffledOrder(NUM_SAMPLES, seed=5, epoch=0).at(np.arange(3, dtype=np.uint64))
    assert shuffled[:3] == [expected(n) for n in order.tolist()]


def test_the_second_opening_reads_the_arrow_file_and_a_new_snapshot_makes_a_new_one(
    snapshot: Path, tmp_path: Path
) -> None:
    shutil.copy(snapshot / "samples.parquet", tmp_path)
    ThemisDataset(tmp_path)
    arrow = tmp_path / "samples.arrow"
    first = arrow.stat()
    ThemisDataset(tmp_path)
    assert (arrow.stat().st_ino, arrow.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    pq.write_table(pq.read_table(snapshot / "samples.parquet").slice(10, 20), tmp_path / "samples.parquet")
    newer = ThemisDataset(tmp_path)
    assert [each["n"] for each in newer] == list(range(10, 30))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samples.arrow", "samples.parquet"]


def test_an_arrow_file_that_was_cut_off_is_not_believed(snapshot: Path, tmp_path: Path) -> None:
    shutil.copy(snapshot / "samples.parquet", tmp_path)
    ThemisDataset(tmp_path)
    arrow = tmp_path / "samples.arrow"
    os.truncate(arrow, arrow.stat().st_size // 2)
    assert len(ThemisDataset(tmp_path)) == NUM_SAMPLES


def test_it_writes_into_another_folder_where_it_is_told_to(snapshot: Path, tmp_path: Path) -> None:
    shutil.copy(snapshot / "snapshot.duckdb", tmp_path)
    cache = tmp_path / "cache"
    table = SnapshotTable(tmp_path, cache_dir=cache)
    assert len(pickle.loads(pickle.dumps(table))) == NUM_SAMPLES
    assert [path.name for path in cache.iterdir()] == ["snapshot.arrow"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["snapshot.duckdb"]
    assert len(ThemisDataset(tmp_path, cache_dir=str(tmp_path / "other"))) == NUM_SAMPLES
    with pytest.raises(ImpossibleError, match="cache_dir"):
        ThemisDataset(tmp_path, cache_dir=tmp_path / "snapshot.duckdb" / "no folder")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        SnapshotTable(tmp_path / "no.parquet")
    for name in ("a.parquet", "b.parquet"):
        (tmp_path / name).touch()
    with pytest.raises(NotFoundError, match=r"a\.parquet, b\.parquet"):
        ThemisDataset(tmp_path)
