"""Selections: which samples of a version are kept, and with what weight, as an immutable file found by its key.

A selection never changes: its key is a digest of the version's digest and of the criteria written canonically. It may
be evicted at any time, for it can be built again.
"""

import hashlib
import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.duck import DuckLimits, connect
from themisdb_datasets.errors import CorruptError
from themisdb_datasets.filters import Filter, parse_filter
from themisdb_datasets.mapping import MappedValue, parse_value
from themisdb_datasets.sql import ShardQuery
from themisdb_datasets.version import OpenVersion
from themisdb_datasets.weights import Weighting

BATCH = 65_536
SCHEME = "themis selection 1"


@dataclass(frozen=True)
class Period:
    """Samples whose timestamp field lies in a range, in seconds since 1970 UTC; none without a timestamp."""

    field: str
    start: float | None = None  # included
    stop: float | None = None
    stop_included: bool = True

    def to_document(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "start": self.start,
            "stop": self.stop,
            "stop_included": self.stop_included,
        }

    def to_sql(self, query: ShardQuery) -> str:
        instant = query.instant(self.field)
        tests = [f"{instant} IS NOT NULL"]
        if self.start is not None:
            tests.append(f"{instant} >= {query.bind(self.start)}")
        if self.stop is not None:
            tests.append(f"{instant} {'<=' if self.stop_included else '<'} {query.bind(self.stop)}")
        return f"({' AND '.join(tests)})"


@dataclass(frozen=True)
class Output:
    """Quality filters on the output of a format: not empty, and within so many characters."""

    of: MappedValue
    skip_empty: bool = True
    min_length: int | None = None
    max_length: int | None = None

    def to_document(self) -> dict[str, Any]:
        return {
            "of": self.of.source,
            "skip_empty": self.skip_empty,
            "min_length": self.min_length,
            "max_length": self.max_length,
        }

    def to_sql(self, query: ShardQuery) -> str:
        text = f"COALESCE({self.of.to_sql(query)}, '')"
        tests = [f"{text} <> ''"] if self.skip_empty else []
        if self.min_length is not None:
            tests.append(f"length({text}) >= {query.bind(self.min_length)}")
        if self.max_length is not None:
            tests.append(f"length({text}) <= {query.bind(self.max_length)}")
        return f"({' AND '.join(tests)})" if tests else "TRUE"


Condition = Filter | Period | Output


@dataclass(frozen=True)
class Criteria:
    """What a selection keeps (all conditions together) and how it weights it."""

    conditions: tuple[Condition, ...] = ()
    weighting: Weighting = field(default_factory=Weighting)

    def to_document(self) -> dict[str, Any]:
        return {
            "conditions": [{_kind(condition): condition.to_document()} for condition in self.conditions],
            "weights": self.weighting.to_document(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Criteria":
        """The criteria that `to_document` wrote."""
        return cls(
            tuple(
                _condition(kind, content) for item in document["conditions"] for kind, content in item.items()
            ),
            Weighting.from_document(document["weights"]),
        )

    def key(self, version_digest: str) -> str:
        """64 hex digits that name the selection of this version by these criteria."""
        document = [SCHEME, version_digest, self.to_document()]
        return hashlib.sha256(msgspec.json.encode(document, order="deterministic")).hexdigest()


def _kind(condition: Condition) -> str:
    return {Period: "period", Output: "output"}.get(type(condition), "where")


def _condition(kind: str, document: dict[str, Any]) -> Condition:
    if kind == "period":
        return Period(**document)
    if kind == "output":
        return Output(**{**document, "of": parse_value(document["of"])})
    return parse_filter(document)


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
