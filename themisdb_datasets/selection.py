"""Selections: which samples of a version are kept, and with what weight, as an immutable file found by its key.

A selection never changes: its key is a digest of the version's digest and of the criteria written canonically. It may
be evicted at any time, for it can be built again.
"""

import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.criteria import Criteria
from themisdb_datasets.duck import DuckLimits, connect
from themisdb_datasets.errors import CorruptError
from themisdb_datasets.filters import Filter
from themisdb_datasets.sql import ShardQuery
from themisdb_datasets.version import OpenVersion

BATCH = 65_536


@dataclass(frozen=True)
class Selection:
    """Positions in the version, ascending, and a weight for each in units of 1/10,000; memory-mapped."""

    positions: npt.NDArray[np.uint32] | npt.NDArray[np.uint64]
    weights: npt.NDArray[np.uint16]

    @property
    def num_samples(self) -> int:
        return len(self.positions)

    @classmethod
    def open(cls, path: Path) -> "Selection":
        """Open the selection that `build` published at `path`."""
        positions = np.load(path / "positions.npy", mmap_mode="r")
        weights = np.load(path / "weights.npy", mmap_mode="r")
        if positions.shape != weights.shape:
            raise CorruptError(
                "The selection's files do not fit together; remove it, it will be built again."
            )
        os.utime(path)  # the time of last use, for eviction
        return cls(positions, weights)


class SelectionCache:
    """The folder of selections; what was used longest ago goes when the folder outgrows its limit."""

    def __init__(self, root: Path, *, max_bytes: int = 4 << 30, limits: DuckLimits | None = None) -> None:
        self.root = root
        self.max_bytes = max_bytes
        self.limits = limits
        # Streams that ask for the same selection at once wait for one build of it; others go on side by side.
        self._building = [threading.Lock() for _ in range(16)]

    def get(self, version: OpenVersion, version_digest: str, criteria: Criteria) -> Selection:
        """The selection of `version` by `criteria`, built if it is not there."""
        key = criteria.key(version_digest)
        path = self.path(key)
        try:
            return Selection.open(path)
        except FileNotFoundError:
            with self._building[int(key[-1], 16)]:
                if not path.exists():
                    build(version, criteria, path, limits=self.limits)
                    self.evict(keep=path)
                return Selection.open(path)

    def path(self, key: str) -> Path:
        return self.root / key[:2] / key

    def evict(self, *, keep: Path) -> None:
        """Remove the selections used longest ago until the rest fits; open ones stay readable, as files do."""
        sizes: list[tuple[float, int, Path]] = []
        for path in self.root.glob("??/" + "[0-9a-f]" * 64):
            try:
                size = sum(entry.stat().st_size for entry in path.iterdir())
                sizes.append((path.stat().st_mtime, size, path))
            except FileNotFoundError:
                continue  # another process evicted it
        total = sum(size for _, size, _ in sizes)
        for _, size, path in sorted(sizes):
            if total <= self.max_bytes:
                return
            if path != keep:
                shutil.rmtree(path, ignore_errors=True)
                total -= size


def build(version: OpenVersion, criteria: Criteria, path: Path, *, limits: DuckLimits | None = None) -> None:
    """Run the criteria over every shard and publish the selection at `path`, whole or not at all."""
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}"
    temporary.mkdir(parents=True)
    try:
        with (
            (temporary / "positions.raw").open("w+b") as positions,
            (temporary / "weights.raw").open("w+b") as weights,
        ):
            dtype = np.dtype(np.uint32 if version.num_samples < 1 << 32 else np.uint64)
            for kept, units in _scan(version, criteria, limits):
                positions.write(kept.astype(dtype).tobytes())
                weights.write(units.tobytes())
        _to_npy(temporary / "positions.raw", dtype)
        _to_npy(temporary / "weights.raw", np.dtype(np.uint16))
        try:
            temporary.rename(path)
        except OSError:
            if not path.is_dir():  # otherwise somebody else built the same one meanwhile
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _scan(
    version: OpenVersion, criteria: Criteria, limits: DuckLimits | None
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]]]:
    with connect(version.folders, limits=limits) as connection:
        for start, shard in zip(version.starts.tolist(), version.parts, strict=False):
            query = ShardQuery(shard)
            weight = criteria.weighting.to_sql(query)
            source = query.source()
            where = " AND ".join(condition.to_sql(query) for condition in criteria.conditions) or "TRUE"
            statement = f"SELECT file_row_number, {weight} FROM {source} WHERE {where}"
            for rows, units in _batches(connection, statement, query.arguments(statement)):
                yield rows + start, units


def _batches(
    connection: duckdb.DuckDBPyConnection, statement: str, values: dict[str, Any]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]]]:
    reader = connection.sql(statement, params=values).to_arrow_reader(BATCH)
    last = -1
    for batch in reader:
        rows, units = _numpy(batch.column(0), np.int64), _numpy(batch.column(1), np.uint16)
        if not len(rows):
            continue
        if rows[0] <= last or (np.diff(rows) <= 0).any():
            raise CorruptError("The query returned samples out of order.")
        last = int(rows[-1])
        yield rows, units


def _numpy(array: pa.Array, dtype: type[Any]) -> npt.NDArray[Any]:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype)


def _to_npy(raw: Path, dtype: np.dtype[Any]) -> None:
    """Turn a file of bare numbers into a .npy beside it, in bounded memory."""
    count = raw.stat().st_size // dtype.itemsize
    with raw.with_suffix(".npy").open("wb") as out, raw.open("rb") as source:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (count,)}
        np.lib.format.write_array_header_1_0(out, header)
        shutil.copyfileobj(source, out, 1 << 20)
    raw.unlink()


def count(version: OpenVersion, filters: Sequence[Filter], *, limits: DuckLimits | None = None) -> list[int]:
    """How many samples of the version each filter keeps."""
    totals = [0] * len(filters)
    if not filters:
        return totals
    with connect(version.folders, limits=limits) as connection:
        for shard in version.parts:
            query = ShardQuery(shard)
            counts = ", ".join(f"count(*) FILTER (WHERE {item.to_sql(query)})" for item in filters)
            statement = f"SELECT {counts} FROM {query.source()}"
            row = connection.execute(statement, query.arguments(statement)).fetchone()
            assert row is not None  # an aggregate without GROUP BY always has its one row
            totals = [total + found for total, found in zip(totals, row, strict=True)]
    return totals
