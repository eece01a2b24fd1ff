"""Columns are written by a process beside the ingest: it is missed when it dies, and leaves with whoever started it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.ingesting import ingest_bytes
from tests.processes import until
from themisdb_datasets import background
from themisdb_datasets.artifacts import ArtifactStore

LINES = b"".join(b'{"id": %d, "text": "%s"}\n' % (n, b"x" * 900) for n in range(40_000))

RUN = """
import os, sys
from pathlib import Path
from themisdb_datasets import background
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.ingest import ingest
from themisdb_datasets.sources import open_source
root = Path(sys.argv[1])
ingest(open_source(root / "a.jsonl", "a.jsonl"), store=ArtifactStore(root / "store"), workdir=root)
print(background._idle[0].pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_an_ingest_whose_columns_process_dies_fails_with_nothing_published(tmp_path: Path) -> None:
    ingest_bytes(tmp_path, b'{"id": 1}\n')
    process = background._idle[-1]
    os.kill(process.pid, signal.SIGSTOP)  # it is alive when it is taken, and never answers

    def kill(done: int, total: int) -> None:
        if process not in background._idle:
            os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(RuntimeError, match="process that writes columns ended"):
        ingest_bytes(tmp_path, LINES, report=kill)
    assert len(list(ArtifactStore(tmp_path / "store").digests("shards"))) == 1
    assert ingest_bytes(tmp_path, LINES).shard.num_samples == 40_000


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"a": 1}) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid = int(done.stdout)
    until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())
