"""Compaction: which neighbouring shards of a version to write anew as fewer and fuller ones; no sample moves."""

from dataclasses import dataclass

from themisdb_datasets.engine.shards.ingest import SHARD_BYTES
from themisdb_datasets.engine.versions.version import OpenVersion

SMALL = 0.5  # of a full shard
MANY_DELETED = 0.2  # of a shard's samples


@dataclass(frozen=True)
class Run:
    """Parts `start` up to `stop` of a version, which become fewer shards or lose their deletions."""

    start: int
    stop: int
    num_bytes: int  # of the samples that are left

    def of(self, version: OpenVersion) -> OpenVersion:
        """These parts as a version of their own."""
        return OpenVersion(version.parts[self.start : self.stop], version.deleted[self.start : self.stop])


def runs(version: OpenVersion, *, shard_bytes: int = SHARD_BYTES) -> list[Run]:
    """The parts worth writing anew, in order: small ones side by side, and those of which much is deleted.

    What is written has no such parts any more, unless a small one is left between large ones.
    """
    sizes = [
        OpenVersion((part,), (rows,)).num_bytes
        for part, rows in zip(version.parts, version.deleted, strict=True)
    ]
    found: list[Run] = []
    start = 0
    while start < len(sizes):
        stop = start
        while stop < len(sizes) and (sizes[stop] < SMALL * shard_bytes or _much_deleted(version, stop)):
            stop += 1
        if stop - start > 1 or (stop > start and _much_deleted(version, start)):
            found.append(Run(start, stop, sum(sizes[start:stop])))
        start = max(stop, start + 1)
    return found


def _much_deleted(version: OpenVersion, number: int) -> bool:
    rows = version.deleted[number]
    return rows is not None and len(rows) >= MANY_DELETED * version.parts[number].num_samples
