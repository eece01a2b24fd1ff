"""A whole Themis for the tests of what is installed at a trainer, started by the Python of the server's own environment."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from themisdb_datasets import Client

ROOT = Path(__file__).resolve().parent.parent
SERVER_PYTHON = ROOT / os.environ.get("THEMIS_SERVER_PYTHON", ".venv/bin/python")
NUM_LARGE = 6_000
START_SECONDS = 180  # a busy machine is slow, and not wrong
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


@dataclass
class Live:
    """A running Themis with its demo data, and a dataset `Large` of 36 MB; `known` is what first-run.json says."""

    data: Path
    process: subprocess.Popen[bytes]
    known: dict[str, Any]
    # How to ask for all of the large dataset, whose texts begin with their number.
    large: dict[str, Any] = field(default_factory=lambda: {"dataset": "Large", "format": "text_completion"})

    @property
    def url(self) -> str:
        url: str = self.known["url"]
        return url

    @property
    def token(self) -> str:
        token: str = self.known["token"]
        return token

    @property
    def themes(self) -> list[str]:
        themes: list[str] = self.known["themes"]
        return themes

    def children(self) -> dict[str, int]:
        """The process ids by what `manage.py` does in them, such as `web`."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_text().split("\0")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == self.process.pid and len(command) > 2 and command[1].endswith("manage.py"):
                found[command[2]] = int(folder.name)
        return found


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A Themis that is up, with demo data and the large dataset."""
    folder = tmp_path_factory.mktemp("live")
    data, said = folder / "data", folder / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [SERVER_PYTHON, "manage.py", "up"],
            cwd=ROOT,
            env=_environment(PORT=str(_free_port()), DATA=str(data), THEMIS_INGEST_ROOTS=str(folder)),
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent,
        )
    try:
        first_run = data / "first-run.json"
        wait_for(lambda: first_run.exists() or process.poll() is not None)
        assert first_run.exists(), said.read_text()
        themis = Live(data, process, json.loads(first_run.read_text()))
        _take_in_large(themis, folder / "large.jsonl")
        yield themis
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that was skipped is one that failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("Tests were skipped; in CI nothing is.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def wait_for(look: Callable[[], Any], *, seconds: float = START_SECONDS) -> None:
    """Wait until `look` answers something true."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} seconds"
        time.sleep(0.05)


def _take_in_large(themis: Live, path: Path) -> None:
    filling = " wörter" * 800
    with path.open("w") as file:
        for number in range(NUM_LARGE):
            file.write(json.dumps({"id": number, "content": f"{number}{filling}"}, ensure_ascii=False) + "\n")
    with Client(themis.url, themis.token) as client:
        dataset = client.post("datasets/", {"name": "Large"})
        answer = client.post(f"datasets/{dataset['id']}/versions/", {"path": str(path)})
        wait_for(lambda: client.get(answer["job"]["url"])["state"] == "succeeded")


def _environment(**values: str) -> dict[str, str]:
    """Ours, without what would lead the server to other data or to other packages."""
    ours = ("THEMIS_", "DJANGO_", "REDIS_URL", "DATABASE_URL", "DATA", "PORT", "PYTHON", "VIRTUAL_ENV")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(ours)}, **values}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)
