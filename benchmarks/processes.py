"""The processes that are measured: started for the run, ended with it, and looked at while they work."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from themis_admin.processes import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
SAMPLE_SECONDS = 0.01
CLOCK = os.sysconf("SC_CLK_TCK")


@contextmanager
def started(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, port: int | None = None
) -> Iterator[int]:
    """Run a command while the block runs; its process id, once it listens on `port`."""
    if port is not None and _listens(port):
        raise SystemExit(f"Port {port} is in use; choose others with --port.")
    with log.open("wb") as file:
        end_with_us = partial(die_with_parent, os.getpid())
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, preexec_fn=end_with_us
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while port is not None and not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(command)} does not answer:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours."""
    return [sys.executable, "-m", f"benchmarks.{name}", *arguments]


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def rss_anon(pid: int) -> int:
    """The process's anonymous memory in bytes: what it holds apart from mapped files."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("This system does not tell a process's anonymous memory; the part http needs Linux.")


def cpu_seconds(pid: int) -> float:
    """Processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK


class MemoryWatch:
    """Samples a process's anonymous memory in a thread while the block runs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, rss_anon(self.pid))
