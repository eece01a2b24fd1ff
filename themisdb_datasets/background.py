"""Work that keeps a second processor busy while lines are decoded: a shard's columns and its digest."""

import hashlib
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from themisdb_datasets.columns import ColumnsWriter, Layout, Samples

MAX_RESTARTS = 3
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
    """Writes columns.parquet behind the decoding, as if no further field or type would come; else it starts anew.

    `read(layout, first, last)` gives samples first to last as `layout` has them; it is called in another thread.
    """

    def __init__(self, path: Path, read: Callable[[Layout, int, int], Samples]) -> None:
        self._path = path
        self._read = read
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="columns")
        self._tasks: list[Future[None]] = []
        self._writer: ColumnsWriter | None = None
        self._num_starts = 0

    def advance(self, layout: Layout, ends: list[int]) -> None:
        """The row groups up to `ends` can be read, and all up to now is as `layout` says."""
        if self._writer is None or self._writer.layout.shape != layout.shape:
            if self._num_starts > MAX_RESTARTS:
                return
            self._start(layout)
        self._submit(ends)

    def finish(self, layout: Layout, ends: list[int], pulse: Callable[[], None]) -> None:
        """Write what is left, `layout` being certain now, and close the file."""
        if self._writer is None or self._writer.layout.shape != layout.shape:
            self._start(layout)
        self._submit(ends)
        for task in self._tasks:
            task.result()
            pulse()
        self._pool.shutdown()
        if self._writer is not None:
            self._writer.close()

    def abandon(self) -> None:
        """Stop, as soon as the row group at hand is written."""
        self._pool.shutdown(cancel_futures=True)

    def _start(self, layout: Layout) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self._num_starts += 1
        self._writer = ColumnsWriter(self._path, layout)

    def _submit(self, ends: list[int]) -> None:
        writer = self._writer
        assert writer is not None
        for number in range(len(self._tasks), len(ends)):
            first, last = ends[number - 1] if number else 0, ends[number]
            self._tasks.append(self._pool.submit(self._write, writer, first, last))

    def _write(self, writer: ColumnsWriter, first: int, last: int) -> None:
        if writer is self._writer:
            writer.write(self._read(writer.layout, first, last))


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
