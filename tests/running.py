"""A whole Themis, started as a user starts it: `manage.py up` with nothing but a port and a data folder."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import PATIENCE, ROOT, alive, descendants, free_port, until
from themis_admin.processes import die_with_parent


def user_environment(**values: str) -> dict[str, str]:
    """The environment without what the tests have put into it."""
    ours = ("THEMIS_", "DJANGO_", "REDIS_URL", "DATABASE_URL", "DATA", "PORT", "TMPDIR", "CI")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(ours)}, **values}


@dataclass
class Running:
    """One `manage.py up`."""

    data: Path
    port: int = field(default_factory=free_port)
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    known: dict[str, Any] = field(default_factory=dict)
    said_before: int = 0
    root: Path = ROOT  # of the checkout that is run

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, **environment: str) -> "Running":
        """Start it; what it prints goes to `said`."""
        parent = os.getpid()
        with self.data.with_suffix(".said").open("ab") as output:
            self.said_before = output.tell()
            self.process = subprocess.Popen(
                [sys.executable, str(self.root / "manage.py"), "up", *self.arguments],
                env=user_environment(DATA=str(self.data), PORT=str(self.port), **environment),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: die_with_parent(parent),
            )
        return self

    def said(self) -> str:
        """All that it has printed."""
        return self.data.with_suffix(".said").read_text()

    def ready(self) -> dict[str, Any]:
        """Wait for the end of the first run; what is in first-run.json."""
        path = self.data / "first-run.json"

        def look() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.said()
            return path.exists() and self.answers()

        until(look, what="the first run is done")
        known: dict[str, Any] = json.loads(path.read_text())
        return known

    def answers(self) -> bool:
        """Whether the web server does."""
        try:
            with urllib.request.urlopen(f"{self.url}/health/live", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def up(self) -> None:
        """Wait until it says that it is up, after this start."""

        def look() -> bool:
            said = self.data.with_suffix(".said").read_bytes()[self.said_before :]
            return f"Themis is at {self.url}".encode() in said

        until(look, what="it is up")

    def children(self) -> dict[str, int]:
        """The supervised processes by what they are."""
        found = {}
        for pid in descendants(self.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            except FileNotFoundError:
                continue
            if "valkey" in command[0]:
                found["valkey"] = pid
            elif len(command) > 2 and command[1].endswith("manage.py"):
                found[command[2]] = pid
        return found

    def stop(self, *, by: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal, and see that nothing is left."""
        assert self.process is not None
        family = descendants(self.pid)
        self.process.send_signal(by)
        code = self.process.wait(PATIENCE)
        left = [pid for pid in family if alive(pid)]
        assert not left, f"processes are left behind: {left}"
        return code
