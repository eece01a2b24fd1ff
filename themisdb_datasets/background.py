"""Work that keeps a second processor busy while lines are decoded: a shard's columns and its digest."""

import hashlib
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from themisdb_datasets.columns import Layout
from themisdb_datasets.columns_process import Close, ColumnsProcess, Open, Write
from themisdb_datasets.fields import Ints
from themisdb_datasets.scratch import SpanFile

MAX_RESTARTS = 3
AHEAD = 3  # row groups that the other process is asked for beforehand
PULSE_SECONDS = 0.2
MAX_WAITING = 8
SWITCH_SECONDS = 0.0002


@contextmanager
def short_turns() -> Iterator[None]:
    """Let threads take turns often. With Python's 5 ms the columns' thread waits longer at each step than it works."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


class BackgroundColumns:
    """Writes columns.parquet behind the decoding, as if no further field or type would come; else it starts anew."""

    def __init__(self, folder: Path, spans: SpanFile) -> None:
        self._folder = folder
        self._spans = spans
        self._process: ColumnsProcess | None = None
        self._shape: object = None
        self._sent = 0  # row groups
        self._num_starts = 0

    def advance(self, layout: Layout, places: Ints, ends: list[int]) -> None:
        """The row groups up to `ends` can be read, and all up to now is as `layout` says.

        `places` are those of its fields among the spans.
        """
        if self._shape != layout.shape:
            if self._num_starts > MAX_RESTARTS:
                return
            self._start(layout, places)
        assert self._process is not None
        self._process.settle(most=0)
        while self._sent < len(ends) and self._process.waiting < AHEAD:
            self._send(ends)

    def finish(self, layout: Layout, places: Ints, ends: list[int], pulse: Callable[[], None]) -> None:
        """Write what is left, `layout` being certain now, and close the file."""
        if self._shape != layout.shape:
            self._start(layout, places)
        process = self._process
        assert process is not None
        while self._sent < len(ends):
            self._send(ends)
            self._wait(process, AHEAD, pulse)
        process.ask(Close())
        self._wait(process, 0, pulse)
        _give_back(process)
        self._process = None

    def abandon(self) -> None:
        """Stop."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _start(self, layout: Layout, places: Ints) -> None:
        if self._process is None:
            self._process = _taken()
        self._process.ask(Open(str(self._folder), str(self._spans.path.parent), layout, places.tolist()))
        self._shape = layout.shape
        self._sent = 0
        self._num_starts += 1

    def _send(self, ends: list[int]) -> None:
        assert self._process is not None
        first = ends[self._sent - 1] if self._sent else 0
        self._process.ask(Write(self._spans.within(first, ends[self._sent])))
        self._sent += 1

    def _wait(self, process: ColumnsProcess, most: int, pulse: Callable[[], None]) -> None:
        while process.waiting > most:
            process.settle(most=most, seconds=PULSE_SECONDS)
            pulse()


_idle: list[ColumnsProcess] = []  # started before, for starting takes longer than a row group
_lock = threading.Lock()


def _taken() -> ColumnsProcess:
    with _lock:
        while _idle:
            process = _idle.pop()
            if process.alive:
                return process
            process.end()
    return ColumnsProcess()


def _give_back(process: ColumnsProcess) -> None:
    with _lock:
        _idle.append(process)


class BackgroundDigest:
    """SHA-256 of bytes that are given in order, computed in another thread; a few MB may wait."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._waiting: deque[Future[None]] = deque()

    def update(self, data: bytes) -> None:
        self._waiting.append(self._pool.submit(self._digest.update, data))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft().result()

    def finish(self) -> str:
        """The digest in hexadecimal."""
        self._pool.shutdown()
        return self._digest.hexdigest()

    def abandon(self) -> None:
        self._pool.shutdown(cancel_futures=True)
