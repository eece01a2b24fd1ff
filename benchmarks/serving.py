"""A real web process with the corpus in it, and whatever else is to run beside it, while a part measures."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpus import Run
from benchmarks.processes import module, started
from themis_admin.console import valkey
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.versions.version import OpenVersion

OURS = ("DATABASE_URL", "REDIS_URL", "DATA", "PORT")


@dataclass(frozen=True)
class Serving:
    """Themis on `port`, with a token for the dataset `installation.DATASET`; `start` runs further processes beside it."""

    bench: Run
    data: Path
    port: int
    web: int
    token: str
    environment: dict[str, str]
    stack: ExitStack

    @property
    def version(self) -> OpenVersion:
        """The corpus as it was taken in."""
        store = ArtifactStore(self.data / "storage")
        return OpenVersion.open([store.shard_path(digest) for digest in store.digests("shards")])

    def start(self, command: list[str], name: str, at: int | None = None) -> int:
        """Run a command until the part ends; its process id, once it listens."""
        log = self.bench.folder / f"{name}.log"
        return self.stack.enter_context(started(command, environment=self.environment, log=log, port=at))


@contextmanager
def serving(bench: Run, name: str) -> Iterator[Serving]:
    """Valkey, the corpus taken in, and the web process."""
    data, port = bench.folder / name, bench.port
    with ExitStack() as stack:
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="themis-")))
        usual = {
            key: value
            for key, value in os.environ.items()
            if key not in OURS and not key.startswith("THEMIS_")
        }
        environment = {
            **usual,
            "THEMIS_DATA": str(data),
            "REDIS_URL": valkey.url(sockets),
            "DJANGO_SETTINGS_MODULE": "themis_admin.settings",
        }
        data.mkdir(parents=True)
        log = bench.folder / f"{name}-valkey.log"
        stack.enter_context(started(valkey.command(sockets), environment=environment, log=log))
        installed = subprocess.run(
            module("installation", str(bench.corpus)), env=environment, check=True, stdout=subprocess.PIPE
        )
        command = [sys.executable, "manage.py", "web", "--port", str(port)]
        log = bench.folder / f"{name}-web.log"
        web = stack.enter_context(started(command, environment=environment, log=log, port=port))
        token = json.loads(installed.stdout)["token"]
        yield Serving(bench, data, port, web, token, environment, stack)
