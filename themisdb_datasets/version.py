"""An opened version: an ordered list of shards seen as one sequence of samples, and the digest of that sequence."""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from themisdb_datasets.shard import Shard

DIGEST_SCHEME = b"themis version digest 1\n"


class ShardCache:
    """Shards never change, so a process opens each once and shares its memory maps.

    What was used longest ago is closed, and so is what was removed meanwhile: an open file keeps its space on the disk.
    """

    def __init__(self, *, max_shards: int = 256) -> None:
        self.max_shards = max_shards
        self._shards: dict[Path, Shard] = {}
        self._lock = threading.Lock()

    def open(self, path: Path) -> Shard:
        """The shard in folder `path`."""
        with self._lock:
            for gone in [known for known in self._shards if not known.is_dir()]:
                del self._shards[gone]
            shard = self._shards.pop(path, None)
        shard = shard or Shard.open(path)
        with self._lock:
            self._shards[path] = shard  # the last in the dict is the one used last
            while len(self._shards) > self.max_shards:
                del self._shards[next(iter(self._shards))]
        return shard


_CACHE = ShardCache()


@dataclass(frozen=True)
class VersionField:
    """A field as all shards of a version saw it: its JSON types, and in how many samples it is null or absent."""

    name: str
    types: tuple[str, ...]
    kinds: tuple[str, ...]
    nulls: int
    absent: int


@dataclass(frozen=True)
class OpenVersion:
    """A version's shards in order; position p of the version is row p - starts[i] of shard i."""

    parts: tuple[Shard, ...]
    starts: npt.NDArray[np.int64]  # [len(parts) + 1], the last is num_samples

    @classmethod
    def open(cls, paths: Sequence[Path]) -> "OpenVersion":
        """Open the shards at `paths`, in this order."""
        parts = tuple(_CACHE.open(path) for path in paths)
        return cls(parts, np.cumsum([0, *(part.num_samples for part in parts)]).astype(np.int64))

    @property
    def num_samples(self) -> int:
        return int(self.starts[-1])

    @property
    def num_bytes(self) -> int:
        return sum(part.num_bytes for part in self.parts)

    @property
    def folders(self) -> list[Path]:
        """The shards' folders: all that a query over this version may read."""
        return [part.path for part in self.parts]

    @property
    def fields(self) -> list[VersionField]:
        """Every field of any shard, in order of first appearance."""
        return merge_fields(self.parts)

    def line(self, position: int) -> bytes:
        """The sample at `position` (0-based), without its LF. IndexError outside the version."""
        if not 0 <= position < self.num_samples:
            raise IndexError(position)
        part = int(np.searchsorted(self.starts, position, side="right")) - 1
        return self.parts[part].line(position - int(self.starts[part]))


def merge_fields(shards: Sequence[Shard]) -> list[VersionField]:
    """The fields of `shards` by name; a shard that lacks a field counts all its samples as absent."""
    names = dict.fromkeys(field.name for shard in shards for field in shard.fields)
    merged = []
    for name in names:
        seen = [(shard, shard.field(name)) for shard in shards]
        merged.append(
            VersionField(
                name=name,
                types=tuple(dict.fromkeys(kind for _, field in seen if field for kind in field.types)),
                kinds=tuple(dict.fromkeys(field.kind for _, field in seen if field)),
                nulls=sum(field.nulls for _, field in seen if field),
                absent=sum(field.absent if field else shard.num_samples for shard, field in seen),
            )
        )
    return merged


def version_digest(paths: Sequence[Path]) -> str:
    """SHA-256 (64 hex digits) over the sample ids of all shards in order, so that it does not see how they are cut."""
    digest = hashlib.sha256(DIGEST_SCHEME)
    for path in paths:
        with pq.ParquetFile(_CACHE.open(path).columns_path) as columns:
            for batch in columns.iter_batches(columns=["sample_id"]):
                ids = batch.column(0)
                width = ids.type.byte_width
                digest.update(memoryview(ids.buffers()[1])[ids.offset * width :][: len(ids) * width])
    return digest.hexdigest()
