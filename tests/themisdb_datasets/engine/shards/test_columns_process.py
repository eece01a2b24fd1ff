"""The process that writes columns leaves with whoever started it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.processes import until

RUN = """
import os, sys
from pathlib import Path
from themisdb_datasets.engine.shards import background
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import ingest
from themisdb_datasets.engine.sources.source import open_source
root = Path(sys.argv[1])
ingest(open_source(root / "a.jsonl", "a.jsonl"), store=ArtifactStore(root / "store"), workdir=root)
print(background._idle[0].pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"a": 1}) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid = int(done.stdout)
    until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())
