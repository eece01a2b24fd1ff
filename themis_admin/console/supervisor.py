"""The supervisor behind `manage.py up`: starts the processes, starts again what dies, and leaves none behind."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from themis_admin.processes import die_with_parent

GRACE_SECONDS = 8.0  # between the polite signal and the other one
STEADY_SECONDS = 20.0  # a process that lived that long may be started again at once
MAX_DELAY_SECONDS = 15.0
POLL_SECONDS = 0.2
MAX_LOG_BYTES = 16 << 20  # a log this long is set aside at the next start, in place of the one before

Say = Callable[[str], None]


@dataclass
class Child:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0
    end_by: float | None = None  # where it was told to end, to be started anew

    def start(self) -> None:
        """Start the process in a group of its own; it dies with the supervisor, whatever ends that."""
        parent = os.getpid()
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        # The child has the file by its own descriptor. A group of its own, so that
        # a signal reaches all that it starts, and so that Ctrl-C in the terminal
        # reaches the supervisor alone, which ends its children in their order.
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        self.started = time.monotonic()
        self.end_by = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and all that it started."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """Keeps its children running until it is told to stop."""

    say: Say
    children: list[Child] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def add(self, child: Child) -> None:
        """Start a child and keep it running."""
        self.children.append(child)
        child.start()

    def watch(self) -> None:
        """Start again what dies, with a growing pause for what dies at once; returns when told to stop."""
        while not self.stopping.wait(POLL_SECONDS):
            self.tend()

    def restart(self, names: Collection[str]) -> None:
        """Tell children to end, which `tend` starts anew; one that waits for its next try is started at once."""
        for child in self.children:
            if child.name in names:
                child.failures, child.not_before = 0, 0.0
                if child.alive and child.process is not None:
                    child.end_by = time.monotonic() + GRACE_SECONDS
                    child.process.terminate()

    def tend(self) -> None:
        """Look once after every child."""
        for child in self.children:
            if child.alive and child.end_by is not None and time.monotonic() > child.end_by:
                child.signal(signal.SIGKILL)
            elif not child.alive:
                self._revive(child)

    def _revive(self, child: Child) -> None:
        now = time.monotonic()
        if child.end_by is not None:
            child.signal(signal.SIGKILL)
            self.say(f"{child.name} is started anew")
        elif child.process is not None:
            # The first death is followed by a start at once, the next by pauses of 1,
            # 2, 4 seconds and so on: one that dies at its start must not be started
            # five times a second, and one that fell over by chance need not wait.
            lived = now - child.started
            child.failures = 0 if lived > STEADY_SECONDS else child.failures + 1
            delay = min(2.0 ** (child.failures - 2), MAX_DELAY_SECONDS) if child.failures > 1 else 0.0
            child.not_before = now + delay
            # What a dead process leaves of its group (a worker's own children) must not work on beside the new one.
            child.signal(signal.SIGKILL)
            self.say(
                f"{child.name} ended with {child.process.returncode}; starting it again (log: {child.log})"
            )
        child.process = None
        if now >= child.not_before:
            child.start()

    def stop(self) -> None:
        """End all children, the last started first: politely, and after a grace by force."""
        self.stopping.set()
        for child in reversed(self.children):
            if child.alive and child.process is not None:
                child.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in reversed(self.children):
            if child.process is not None:
                try:
                    child.process.wait(max(deadline - time.monotonic(), 0.0))
                except subprocess.TimeoutExpired:
                    self.say(f"{child.name} does not end by itself; ending it")
            child.signal(signal.SIGKILL)
