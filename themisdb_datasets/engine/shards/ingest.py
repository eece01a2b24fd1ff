"""Ingest: the lines of a source become published shards, and a file that says of every other line why it is no sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.background import brisk
from themisdb_datasets.engine.shards.writer import CHECK_SAMPLES, MAX_SHARD_BYTES, ShardWriter
from themisdb_datasets.engine.sources.jsonl import MAX_LINE_BYTES, Block, LineScanner, Reject
from themisdb_datasets.progress import Report

SHARD_BYTES = 256 << 20


class LineSource(Protocol):
    """Where JSON lines come from; `done` of `total` bytes have been consumed."""

    done: int
    total: int

    def lines(self, *, max_line_bytes: int) -> Iterator[bytes]:
        """The lines, in chunks that may end anywhere."""
        ...

    def told(self, reject: Reject) -> Reject:
        """A line of these that is no sample, as those know it who wrote the source."""
        ...


@dataclass(frozen=True)
class ShardInfo:
    """A shard that has been published."""

    digest: str
    num_samples: int
    num_bytes: int


@dataclass(frozen=True)
class IngestResult:
    """What became of a source: `num_samples` + `num_rejects` are its lines that are not blank."""

    shards: list[ShardInfo]
    num_samples: int
    num_rejects: int
    num_blank: int
    rejects_path: Path


def ingest(
    source: LineSource,
    *,
    store: ArtifactStore,
    workdir: Path,
    shard_bytes: int = SHARD_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
    key: str = "",
    report: Report | None = None,
) -> IngestResult:
    """Read `source` once, publish its samples in shards of about `shard_bytes`, and list its rejects in `workdir`.

    `report(done, total)` is called with bytes of the source at least once in 8 MB; what it raises ends the work.
    Where the field `key` is given, lines without it are rejected. Shards published before that stay, for they are whole and named by their content, but nothing refers to them.
    """
    if shard_bytes <= 0 or shard_bytes + max_line_bytes > MAX_SHARD_BYTES:
        raise ValueError(
            f"shard_bytes and max_line_bytes must be above 0 and together below {MAX_SHARD_BYTES + 1}"
        )
    run = _Ingest(source, store, workdir, shard_bytes, key, report)
    scanner = LineScanner(source.lines(max_line_bytes=max_line_bytes), max_line_bytes=max_line_bytes)
    rejects_path = workdir / "rejects.jsonl"
    try:
        with rejects_path.open("wb") as file, brisk():
            for block in scanner.blocks():
                rejects = [*block.rejects, *run.add(block)]
                # Over-long lines were told apart from those that are no samples.
                rejects.sort(key=lambda reject: reject.line)
                file.writelines(source.told(reject).to_json() for reject in rejects)
                run.num_rejects += len(rejects)
                run.pulse()
            run.cut()
    finally:
        run.abandon()
    return IngestResult(
        shards=run.shards,
        num_samples=sum(shard.num_samples for shard in run.shards),
        num_rejects=run.num_rejects,
        num_blank=scanner.num_blank,
        rejects_path=rejects_path,
    )


class _Ingest:
    """One ingest's running state: the shard that is being written, and those that have been published."""

    def __init__(
        self,
        source: LineSource,
        store: ArtifactStore,
        workdir: Path,
        shard_bytes: int,
        key: str,
        report: Report | None,
    ) -> None:
        self.shards: list[ShardInfo] = []
        self.num_rejects = 0
        self._source = source
        self._store = store
        self._workdir = workdir
        self._shard_bytes = shard_bytes
        self._key = key
        self._report = report
        self._writer: ShardWriter | None = None

    def pulse(self) -> None:
        if self._report is not None:
            self._report(self._source.done, self._source.total)

    def add(self, block: Block) -> list[Reject]:
        """Spread the block's lines over shards: a line that would make a shard too large begins the next one."""
        rejects: list[Reject] = []
        ends = np.cumsum(block.ends - block.starts + 1)
        start = 0
        while start < len(block):
            writer = self._writer or self._open()
            # `ends` counts from the beginning of the block; what lies before `start` is placed already.
            room = self._shard_bytes - writer.num_bytes + (int(ends[start - 1]) if start else 0)
            stop = min(int(np.searchsorted(ends, room, side="right")), start + CHECK_SAMPLES)
            # The next line does not fit: it begins another shard, unless it is larger than a shard by itself.
            # Where shards are cut depends on the lines alone, so the same file gives the same shards.
            if stop <= start:
                if writer.num_samples:
                    self.cut()
                    continue
                stop = start + 1
            rejects += writer.add(block, start, stop)
            start = stop
        return rejects

    def _open(self) -> ShardWriter:
        self._writer = ShardWriter(self._workdir / f"shard-{len(self.shards):06d}", key=self._key)
        return self._writer

    def cut(self) -> None:
        """Finish the shard that is being written, if it has samples, and publish it."""
        writer = self._writer
        if writer is None or not writer.num_samples:
            return
        digest = writer.finish(self.pulse)
        self._store.publish_folder(writer.folder, kind="shards", digest=digest)
        self.shards.append(ShardInfo(digest, writer.num_samples, writer.num_bytes))
        self._writer = None

    def abandon(self) -> None:
        """Remove what was written and not published."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
