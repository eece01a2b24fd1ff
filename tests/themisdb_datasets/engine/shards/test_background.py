"""The process beside an ingest is started again, and told apart from a full disk."""

import os
import signal
from errno import ENOSPC
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.themisdb_datasets.ingesting import Ingested, ingest_bytes
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.background import MAX_RESTARTS
from themisdb_datasets.engine.shards.columns import ColumnLayout
from themisdb_datasets.engine.shards.columns_process import Close, ColumnsProcess, ColumnsRequest, Open
from themisdb_datasets.errors import ServerError

LINES = b"".join(b'{"id": %d, "text": "%s"}\n' % (n, b"x" * 900) for n in range(40_000))


def ingest_without_columns(root: Path, *, times: int) -> Ingested:
    """Ingest LINES while the first `times` processes that write their columns are killed."""
    killed: set[int] = set()
    usual = ColumnsProcess.ask

    def ask(process: ColumnsProcess, request: ColumnsRequest) -> None:
        usual(process, request)
        if process.pid in killed or len(killed) < times:
            killed.add(process.pid)
            os.kill(process.pid, signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ColumnsProcess, "ask", ask)
        done = ingest_bytes(root, LINES)
    assert len(killed) == times
    return done


@pytest.mark.parametrize("times", [1, MAX_RESTARTS])
def test_another_one_goes_on_where_the_columns_process_was_ended(tmp_path: Path, times: int) -> None:
    done = ingest_without_columns(tmp_path, times=times)
    assert done.shard.num_samples == 40_000
    columns = pq.read_table(done.shard.path / "columns.parquet")
    assert columns.column("c0").to_pylist() == list(range(40_000))


def test_an_ingest_whose_columns_processes_all_die_fails_with_nothing_published(tmp_path: Path) -> None:
    ingest_bytes(tmp_path, b'{"id": 1}\n')
    with pytest.raises(
        ServerError, match=r"was ended \(exit code -9\), most likely .* no memory left"
    ) as error:
        ingest_without_columns(tmp_path, times=100)
    assert error.value.code == "out_of_memory"
    assert len(list(ArtifactStore(tmp_path / "store").digests("shards"))) == 1
    assert ingest_bytes(tmp_path, LINES).shard.num_samples == 40_000


def test_a_full_disk_comes_out_of_the_columns_process_as_that(tmp_path: Path) -> None:
    (tmp_path / "columns.parquet").symlink_to("/dev/full")
    process = ColumnsProcess()
    try:
        process.ask(Open(str(tmp_path), str(tmp_path), ColumnLayout((), None), []))
        process.ask(Close())
        with pytest.raises(OSError, match="No space left") as error:
            process.settle(most=0, seconds=60)
    finally:
        process.end()
    assert error.value.errno == ENOSPC
