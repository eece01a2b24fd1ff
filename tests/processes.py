"""Starting Themis' processes for a test, and waiting for what they do."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from themis_admin.processes import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
Found = TypeVar("Found")
PATIENCE = 180.0  # seconds; a busy machine is slow, and not wrong


def until(look: Callable[[], Found], *, seconds: float = PATIENCE, what: str = "") -> Found:
    """What `look` answers once that is true; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what or look.__name__}; it is {found!r}")
        time.sleep(0.05)
    return found


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def manage(*arguments: str, log: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start `manage.py` with arguments; it dies with the test."""
    parent = os.getpid()
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: die_with_parent(parent),
        )


def stop(process: subprocess.Popen[bytes], *, seconds: float = 30.0) -> int:
    """End a process politely, or by force when it does not go."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def descendants(pid: int) -> list[int]:
    """The processes below one, as far down as they go."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found, below = [], list(parents.get(pid, []))
    while below:
        child = below.pop()
        found.append(child)
        below += parents.get(child, [])
    return found
