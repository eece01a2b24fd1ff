"""Work that keeps a second processor busy while lines are decoded: a shard's columns and its digest."""

import hashlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from themisdb_datasets.engine.shards.columns import ColumnLayout
from themisdb_datasets.engine.shards.columns_process import (
    Close,
    ColumnsProcess,
    ColumnsProcessEndedError,
    Open,
    Write,
)
from themisdb_datasets.engine.shards.scratch import SpanFile
from themisdb_datasets.engine.shards.shard import COLUMNS
from themisdb_datasets.vectors import Ints

T = TypeVar("T")

MAX_RESTARTS = 3
AHEAD = 3  # row groups that the other process is asked for beforehand
PULSE_SECONDS = 0.2
PIECE_BYTES = 1 << 20
MAX_WAITING = 8
SWITCH_SECONDS = 0.0002
KEPT_BYTES = (32 << 20) - (64 << 10)  # glibc learns from up to 32 MiB


@contextmanager
def brisk() -> Iterator[None]:
    """Let threads take turns often, for with Python's 5 ms they wait longer at each step than they work; keep memory."""
    keep_memory()
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def keep_memory() -> None:
    """Have what one block frees kept for the next one, up to 64 MB, in place of a page fault for each 4 kB anew.

    glibc gives memory back as soon as twice the largest piece is free that it ever saw freed: so let it see one. Other
    allocators do not care.
    """
    bytes(KEPT_BYTES)


class BackgroundColumns:
    """Writes columns.parquet behind the decoding, as if no further field or type would come; else it starts anew, and
    so where the other process was ended."""

    def __init__(self, folder: Path, spans: SpanFile) -> None:
        self._folder = folder
        self._spans = spans
        self._process: ColumnsProcess | None = None
        self._shape: object = None
        self._sent = 0  # row groups
        self._num_starts = 0

    def advance(self, layout: ColumnLayout, places: Ints, ends: list[int]) -> None:
        """The row groups up to `ends` can be read, and all up to now is as `layout` says.

        `places` are those of its fields among the spans.
        """
        try:
            # Begun for fewer fields or other types than there are now. Samples of ever new kinds would have
            # it begun with each row group, so after a few times that waits for the end.
            if self._shape != layout.shape:
                if self._num_starts > MAX_RESTARTS:
                    return
                self._start(layout, places)
            assert self._process is not None
            # What has been answered, without waiting; an error in the other process is raised here, one row
            # group late.
            self._process.settle(most=0)
            while self._sent < len(ends) and self._process.waiting < AHEAD:
                self._send(ends)
        except ColumnsProcessEndedError:
            self.abandon()

    def finish(
        self, layout: ColumnLayout, places: Ints, ends: list[int], pulse: Callable[[], None]
    ) -> dict[str, Any]:
        """Write what is left, `layout` being certain now, and close the file; it is described as a manifest lists it."""
        while True:
            try:
                return self._finished(layout, places, ends, pulse)
            except ColumnsProcessEndedError:
                self.abandon()
                if self._num_starts > MAX_RESTARTS:
                    raise

    def _finished(
        self, layout: ColumnLayout, places: Ints, ends: list[int], pulse: Callable[[], None]
    ) -> dict[str, Any]:
        if self._shape != layout.shape:
            self._start(layout, places)
        process = self._process
        assert process is not None
        with GrowingFile(self._folder / COLUMNS) as file:
            while self._sent < len(ends):
                self._send(ends)
                self._wait(process, AHEAD, file, pulse)
            process.ask(Close())
            self._wait(process, 0, file, pulse)
            _give_back(process)
            self._process = None
            return file.described()

    def abandon(self) -> None:
        """Stop; what is asked for after this begins anew."""
        if self._process is not None:
            self._process.end()
            self._process = None
        self._shape = None

    def _start(self, layout: ColumnLayout, places: Ints) -> None:
        self._num_starts += 1
        if self._process is None:
            self._process = _taken()
        self._process.ask(Open(str(self._folder), str(self._spans.path.parent), layout, places.tolist()))
        self._shape = layout.shape
        self._sent = 0

    def _send(self, ends: list[int]) -> None:
        assert self._process is not None
        first = ends[self._sent - 1] if self._sent else 0
        self._process.ask(Write(self._spans.within(first, ends[self._sent])))
        self._sent += 1

    def _wait(
        self, process: ColumnsProcess, most: int, file: "GrowingFile", pulse: Callable[[], None]
    ) -> None:
        while process.waiting > most:
            process.settle(most=process.waiting - 1, seconds=PULSE_SECONDS)
            if process.waiting < self._sent:  # a row group has come, and nothing older is in the file
                file.follow()
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


class GrowingFile:
    """A file that another process appends to: what has come is put on disk and goes into its SHA-256 meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._digest = hashlib.sha256()
        self._num_bytes = 0

    def __enter__(self) -> "GrowingFile":
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def follow(self) -> None:
        """Take what has been added so far."""
        if self._handle is None:
            self._handle = os.open(self._path, os.O_RDONLY)
        while piece := os.pread(self._handle, PIECE_BYTES, self._num_bytes):
            self._digest.update(piece)
            self._num_bytes += len(piece)
        os.fsync(self._handle)

    def described(self) -> dict[str, Any]:
        """The file as a manifest lists it, nothing being added any more."""
        self.follow()
        return {"sha256": self._digest.hexdigest(), "num_bytes": self._num_bytes}


class BackgroundDigest:
    """SHA-256 of bytes that are given in order, computed in another thread; a few MB may wait."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._waiting: deque[Future[Any]] = deque()

    def update(self, data: bytes) -> None:
        """Further bytes; waits while many do, and raises what went wrong with earlier ones."""
        self.then(partial(self._digest.update, data))
        # Blocks that wait are held in memory: whoever reads faster than is hashed waits here.
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft().result()

    def then(self, work: Callable[[], T]) -> "Future[T]":
        """Do `work` in that thread too, after what was given before."""
        future = self._pool.submit(work)
        self._waiting.append(future)
        return future

    def finish(self) -> str:
        """The digest in hexadecimal; what went wrong in the thread is raised."""
        while self._waiting:
            self._waiting.popleft().result()
        self._pool.shutdown()
        return self._digest.hexdigest()

    def abandon(self) -> None:
        self._pool.shutdown(cancel_futures=True)
