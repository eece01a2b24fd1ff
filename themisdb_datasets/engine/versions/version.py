"""An opened version: an ordered list of shards, less what is deleted, seen as one sequence of samples, and its digest.

A *position* counts the samples of the version from 0. A *row* counts the samples of its shards as if none was deleted:
it is what a shard's files and its columns know. Where nothing is deleted the two are the same.
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow.parquet as pq

from themisdb_datasets.engine.query.sql import Files, ShardQuery, stored
from themisdb_datasets.engine.shards.fields import NULL, NUM_CODES, Field, classify, types_of
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.engine.versions import deletions
from themisdb_datasets.vectors import Bytes, Ints

DIGEST_SCHEME = b"themis version digest 1\n"
COUNTED = 65_536  # samples at a time


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
        # Outside of the lock, for opening reads files; two that open the same shard at once leave one of them
        # behind.
        shard = shard or Shard.open(path)
        with self._lock:
            self._shards[path] = shard  # the last in the dict is the one used last
            while len(self._shards) > self.max_shards:
                del self._shards[next(iter(self._shards))]
        return shard


_CACHE = ShardCache()


@dataclass(frozen=True)
class VersionField:
    """A field as all samples of a version have it: its JSON types, and in how many samples it is null or absent."""

    name: str
    types: tuple[str, ...]
    nulls: int
    absent: int


class Reads(Protocol):
    """What may read published files beside a version's shards."""

    @property
    def files(self) -> tuple[str, ...]:
        """Their digests."""
        ...


@dataclass(frozen=True)
class OpenVersion:
    """A version's shards in order, and of each the rows that are deleted, ascending, or None where none is."""

    parts: tuple[Shard, ...]
    deleted: tuple[Ints | None, ...]
    files: Files | None = field(default=None, compare=False)  # the published files that rules may read

    @classmethod
    def open(
        cls, paths: Sequence[Path], deleted: Sequence[Path | None] = (), *, files: Files | None = None
    ) -> "OpenVersion":
        """Open the shards at `paths`, in this order, less the deletions in the file for each, if any."""
        parts = tuple(_CACHE.open(path) for path in paths)
        gone = deleted or [None] * len(parts)
        rows = (
            None if file is None else deletions.read(file, num_rows=part.num_samples)
            for part, file in zip(parts, gone, strict=True)
        )
        return cls(parts, tuple(rows), files)

    @cached_property
    def starts(self) -> Ints:
        """[len(parts) + 1]: the position that each part begins at, and at last num_samples."""
        gone = (0 if rows is None else len(rows) for rows in self.deleted)
        sizes = (part.num_samples - count for part, count in zip(self.parts, gone, strict=True))
        return np.cumsum([0, *sizes]).astype(np.int64)

    @cached_property
    def row_starts(self) -> Ints:
        """[len(parts) + 1]: the row that each part begins at."""
        return np.cumsum([0, *(part.num_samples for part in self.parts)]).astype(np.int64)

    @cached_property
    def has_deletions(self) -> bool:
        return any(rows is not None for rows in self.deleted)

    @property
    def num_samples(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def num_bytes(self) -> int:
        """Of the samples, each with its LF."""
        size = sum(part.num_bytes for part in self.parts)
        for part, rows in zip(self.parts, self.deleted, strict=True):
            if rows is not None:
                size -= int(part.locations[rows, 2].sum())
        return size

    @property
    def folders(self) -> list[Path]:
        """The shards' folders: all that a query over this version may read."""
        return [part.path for part in self.parts]

    def readable(self, weighting: "Reads") -> list[Path]:
        """The shards' folders, and the files that the rules of a weighting read; GoneError where one is not there."""
        return [*self.folders, *(stored(self.files, digest) for digest in weighting.files)]

    @cached_property
    def part_names(self) -> list[str]:
        """What each part is known by: its shard's digest, and where rows are deleted, which."""
        return [
            part.path.name
            if rows is None
            else f"{part.path.name} {hashlib.sha256(rows.tobytes()).hexdigest()}"
            for part, rows in zip(self.parts, self.deleted, strict=True)
        ]

    @cached_property
    def fields(self) -> list[VersionField]:
        """Every field of any sample, in order of first appearance."""
        return merge_fields(self)

    @property
    def field_names(self) -> list[str]:
        """The fields of its shards, also those that only deleted samples have."""
        return list(dict.fromkeys(field.name for part in self.parts for field in part.fields))

    def rows_of(self, positions: Ints) -> Ints:
        """The rows of the samples at these positions, which are within the version, in any order."""
        if not self.has_deletions:
            return positions
        number = np.searchsorted(self.starts, positions, side="right") - 1
        rows = positions - self.starts[number]
        for part in np.unique(number).tolist():
            deleted = self.deleted[part]
            if deleted is not None:
                mine = np.flatnonzero(number == part)
                # How many samples are left before each deleted row: the k-th that is left lies behind all
                # deleted ones with at most k before them.
                kept_before = deleted - np.arange(len(deleted))
                rows[mine] += np.searchsorted(kept_before, rows[mine], side="right")
        rows += self.row_starts[number]
        return rows

    def positions_of(self, rows: Ints) -> Ints:
        """The positions of the samples in these rows, none of which is deleted, in any order."""
        if not self.has_deletions:
            return rows
        number = np.searchsorted(self.row_starts, rows, side="right") - 1
        positions = rows - self.row_starts[number]
        for part in np.unique(number).tolist():
            deleted = self.deleted[part]
            if deleted is not None:
                mine = np.flatnonzero(number == part)
                positions[mine] -= np.searchsorted(deleted, positions[mine])
        positions += self.starts[number]
        return positions

    def locate(self, position: int) -> tuple[int, int]:
        """The part that holds the sample at `position`, and its row in that. IndexError outside the version."""
        if not 0 <= position < self.num_samples:
            raise IndexError(position)
        row = int(self.rows_of(np.array([position]))[0])
        number = int(np.searchsorted(self.row_starts, row, side="right")) - 1
        return number, row - int(self.row_starts[number])

    def line(self, position: int) -> bytes:
        """The sample at `position` (0-based), without its LF. IndexError outside the version."""
        number, row = self.locate(position)
        return self.parts[number].line(row)

    def query(self, number: int, *, prefix: str = "v") -> ShardQuery:
        """The beginning of an SQL statement over part `number`, which does not see what is deleted."""
        rows, shard = self.deleted[number], self.parts[number]
        bits = None if rows is None else deletions.as_bits(rows, num_rows=shard.num_samples)
        return ShardQuery(shard, prefix=prefix, deleted=bits, files=self.files)


def merge_fields(version: OpenVersion) -> list[VersionField]:
    """The fields of a version's shards by name; a shard that lacks a field counts all its samples as absent."""
    tables = [
        {field.name: field for field in (shard.fields if rows is None else _fields_left(shard, rows))}
        for shard, rows in zip(version.parts, version.deleted, strict=True)
    ]
    sizes = np.diff(version.starts).tolist()
    merged = []
    for name in dict.fromkeys(name for table in tables for name in table):
        seen = [table.get(name) for table in tables]
        merged.append(
            VersionField(
                name=name,
                types=tuple(dict.fromkeys(kind for field in seen if field for kind in field.types)),
                nulls=sum(field.nulls for field in seen if field),
                absent=sum(field.absent if field else size for field, size in zip(seen, sizes, strict=True)),
            )
        )
    return merged


def _fields_left(shard: Shard, deleted: Ints) -> list[Field]:
    """The shard's fields as the samples that are not deleted have them."""
    data = np.frombuffer(shard.buffer, np.uint8)
    counts = np.zeros((len(shard.fields), NUM_CODES), np.int64)
    left = np.ones(shard.num_samples, np.bool_)
    left[deleted] = False
    rows = np.flatnonzero(left)
    for first in range(0, len(rows), COUNTED):
        some = rows[first : first + COUNTED]
        for number, each in enumerate(shard.fields):
            counts[number] += _codes(data, shard, some, each)
    fields = []
    for each, mine in zip(shard.fields, counts, strict=True):
        if total := int(mine.sum()):
            fields.append(
                replace(each, types=types_of(mine), nulls=int(mine[NULL]), absent=len(rows) - total)
            )
    return fields


def _codes(data: Bytes, shard: Shard, rows: Ints, field: Field) -> Ints:
    """How many of these samples have which code of value in a field [NUM_CODES]."""
    spans = shard.spans[rows, field.span].astype(np.int64)
    has = np.flatnonzero(spans[:, 1])
    offsets = shard.locations[rows[has], 1].astype(np.int64) + spans[has, 0]
    return np.bincount(classify(data, offsets, spans[has, 1]), minlength=NUM_CODES)


def version_digest(version: OpenVersion) -> str:
    """SHA-256 (64 hex digits) over the ids of all samples in order, so that it does not see how the shards are cut."""
    digest = hashlib.sha256(DIGEST_SCHEME)
    for part, deleted in zip(version.parts, version.deleted, strict=True):
        left = np.ones(part.num_samples, np.bool_)
        if deleted is not None:
            left[deleted] = False
        start = 0
        with pq.ParquetFile(part.columns_path) as columns:
            for batch in columns.iter_batches(columns=["sample_id"]):
                column = batch.column(0)
                width = column.type.byte_width
                ids = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * width :]
                ids = ids[: len(column) * width].reshape(-1, width)
                digest.update(ids[left[start : start + len(column)]].data)
                start += len(column)
    return digest.hexdigest()
