"""Rewriting: the samples of a version, as they are, in shards that hold nothing else."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.kernels.gather import VIEW, gather
from themisdb_datasets.engine.shards.ingest import SHARD_BYTES, ShardInfo, ingest
from themisdb_datasets.engine.shards.writer import MAX_SHARD_BYTES
from themisdb_datasets.engine.sources.jsonl import Reject
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import CorruptError
from themisdb_datasets.progress import Report

BLOCK = 4_096
CHUNK_BYTES = 1 << 20  # or one line


class VersionLines:
    """The samples of a version as a source of lines."""

    def __init__(self, version: OpenVersion) -> None:
        self.version = version
        self.done = 0
        self.total = version.num_bytes

    def lines(self, *, max_line_bytes: int) -> Iterator[bytes]:
        """Whole lines, in stored order."""
        version = self.version
        for number, part in enumerate(version.parts):
            first, last = int(version.starts[number]), int(version.starts[number + 1])
            for start in range(first, last, BLOCK):
                positions = np.arange(start, min(start + BLOCK, last))
                rows = version.rows_of(positions) - version.row_starts[number]
                views = np.zeros(len(rows), VIEW)
                views["offset"], views["length"] = part.locations[rows, 1], part.locations[rows, 2]
                # The sample that brings the sum over the next whole MiB begins the next chunk.
                filled = np.cumsum(views["length"].astype(np.int64)) // CHUNK_BYTES
                for some in np.split(views, np.flatnonzero(np.diff(filled)) + 1):
                    chunk = bytes(gather(some, [part.buffer]))
                    self.done += len(chunk)
                    yield chunk

    def told(self, reject: Reject) -> Reject:
        return reject


def rewrite(
    version: OpenVersion,
    *,
    store: ArtifactStore,
    workdir: Path,
    shard_bytes: int = SHARD_BYTES,
    report: Report | None = None,
) -> list[ShardInfo]:
    """Publish the version's samples, and no others, in shards of about `shard_bytes`; answers these in order."""
    workdir.mkdir(parents=True, exist_ok=True)
    result = ingest(
        VersionLines(version),
        store=store,
        workdir=workdir,
        shard_bytes=shard_bytes,
        max_line_bytes=MAX_SHARD_BYTES - shard_bytes,  # whatever the limit is now: these were accepted
        report=report,
    )
    if result.num_samples != version.num_samples:
        raise CorruptError("A shard holds a line that is no sample; verify the store.")
    return result.shards
