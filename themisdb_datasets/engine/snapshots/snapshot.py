"""A snapshot: version x theme x weighting frozen, as Parquet and as one DuckDB file, with a manifest of both."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from themisdb_datasets.engine.query.duck import Connection, DuckLimits, read_database, write_database
from themisdb_datasets.engine.query.sql import identifier
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import Selection
from themisdb_datasets.engine.shards.shard import describe_file
from themisdb_datasets.engine.snapshots.samples import (
    POSITION,
    WEIGHT,
    SampleTables,
    Written,
    columns_of,
    unique_names,
    write_samples,
)
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.engine.weights.weighting import UNIT
from themisdb_datasets.errors import CorruptError
from themisdb_datasets.progress import ReportDone

FORMAT_VERSION = 1
SAMPLES, DATABASE, MANIFEST = "samples.parquet", "snapshot.duckdb", "manifest.json"
# Each with its media type.
FILES = {
    DATABASE: "application/vnd.duckdb",
    SAMPLES: "application/vnd.apache.parquet",
    MANIFEST: "application/json",
}
# As it is, whatever its folders are called: DuckDB would take `year=2026` in a path as a further column.
PARQUET = "read_parquet($source, hive_partitioning = false)"
BATCH = 65_536
STEP = (
    1 << 16
)  # samples that are put into the database at a time; with more than a row group its file gets gaps
BINS = 20
LARGEST = 2 * UNIT
# What ThemisDataset and DuckDB put beside a file that they read.
OF_READERS = re.compile(r"\.?(samples|snapshot)\.(arrow(\..*)?|duckdb\.tmp)")


class NotedFile(msgspec.Struct, frozen=True):
    """What was noted of a file when it was published."""

    sha256: str
    num_bytes: int


class SnapshotManifest(msgspec.Struct, frozen=True):
    """What a manifest has at least, to be read."""

    files: dict[str, NotedFile]


@dataclass(frozen=True)
class Frozen:
    """What a snapshot is made of; `about` is told in its manifest as it is: the dataset, the theme, the rules' text."""

    version: OpenVersion
    version_digest: str
    criteria: Criteria
    selection: Selection
    about: Mapping[str, Any]

    @property
    def samples(self) -> SampleTables:
        return SampleTables(self.version, self.selection, columns_of(self.version))

    @property
    def factors(self) -> list[str]:
        """The names that the weighting's factors have as columns."""
        return unique_names(self.criteria.weighting.factors, taken=(POSITION, WEIGHT))


def build(
    frozen: Frozen, folder: Path, *, report: ReportDone = lambda done: None, limits: DuckLimits | None = None
) -> dict[str, Any]:
    """Write the snapshot's files into the empty `folder`; answers its manifest.

    `report` is called with the samples done, of twice as many as there are, and may raise to stop.
    """
    samples = frozen.samples
    written = write_samples(folder / SAMPLES, samples, report=report)
    manifest = {
        "format_version": FORMAT_VERSION,
        **frozen.about,
        "version_digest": frozen.version_digest,
        "criteria": frozen.criteria.to_document(),
        "num_samples": written.num_samples,
        "columns": [column.to_document() for column in samples.columns],
        "weights": summary(frozen.selection.weights),
    }
    _write_database(frozen, folder, written, manifest, report=report, limits=limits)
    manifest["files"] = {name: describe_file(folder / name) for name in (DATABASE, SAMPLES)}
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest in a snapshot's folder; CorruptError where there is none that can be read."""
    try:
        content = (folder / MANIFEST).read_bytes()
        msgspec.json.decode(content, type=SnapshotManifest)
        manifest: dict[str, Any] = msgspec.json.decode(content)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise CorruptError("The snapshot's manifest is missing or cannot be read.") from error
    return manifest


def _write_database(
    frozen: Frozen,
    folder: Path,
    written: Written,
    manifest: Mapping[str, Any],
    *,
    report: ReportDone,
    limits: DuckLimits | None,
) -> None:
    weights = folder / ".weights.parquet"
    _write_weights(weights, frozen)
    with write_database(folder / DATABASE, [folder], limits=limits) as connection:
        sources = {"samples": folder / SAMPLES, "weights": weights}
        for table, source in sources.items():
            _create(connection, table, pq.read_schema(source), written)
        # One transaction, for each of several would rewrite parts of the file.
        connection.execute("BEGIN")
        for start in range(0, written.num_samples, STEP):
            # In steps, so that it can be stopped; the file's statistics find each without reading the others.
            stop = min(start + STEP, written.num_samples)
            first, last = frozen.selection.positions[[start, stop - 1]].tolist()
            for table, source in sources.items():
                left = " EXCLUDE (weight)" if table == "samples" else ""
                connection.execute(
                    f"INSERT INTO {table} SELECT *{left} FROM {PARQUET}"
                    f" WHERE {POSITION} BETWEEN $first AND $last",
                    {"source": str(source), "first": first, "last": last},
                )
            report(written.num_samples + stop)
        connection.execute("COMMIT")
        connection.execute("CREATE TABLE manifest (name VARCHAR, value VARCHAR)")
        for name, value in manifest.items():
            connection.execute(
                "INSERT INTO manifest VALUES ($name, $value)", {"name": name, "value": _told(value)}
            )
    weights.unlink()


def _create(connection: Connection, table: str, schema: pa.Schema, written: Written) -> None:
    columns = []
    for each in schema:
        if table == "samples" and each.name == WEIGHT:
            continue
        kind = {"int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN"}.get(str(each.type), "VARCHAR")
        packed = " USING COMPRESSION zstd" if written.is_long(each.name) else ""
        columns.append(f"{identifier(each.name)} {kind}{packed}")
    connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")


def _write_weights(path: Path, frozen: Frozen) -> None:
    """Position, weight, and the factors it is the clamped product of."""
    names = frozen.factors
    selection = frozen.selection
    schema = pa.schema([(POSITION, pa.int64()), *((name, pa.float64()) for name in (WEIGHT, *names))])
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for start in range(0, selection.num_samples, BATCH):
            some = slice(start, start + BATCH)
            arrays = [
                pa.array(selection.positions[some].astype(np.int64)),
                pa.array(selection.weights[some] / UNIT),
            ]
            if selection.factors is not None:
                arrays += [pa.array(np.ascontiguousarray(column)) for column in selection.factors[some].T]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _told(value: Any) -> str:
    """A manifest's value as a text: JSON, but for what is a text already."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def summary(weights: npt.NDArray[np.uint16]) -> dict[str, Any]:
    """Count, sum, least, mean, most, and how many lie in each tenth from 0 to 2."""
    counts = np.zeros(LARGEST + 1, np.int64)
    for start in range(0, len(weights), BATCH):
        counts += np.bincount(weights[start : start + BATCH], minlength=LARGEST + 1)
    there, num = np.flatnonzero(counts), int(counts.sum())
    if not num:
        return {"count": 0}
    total = int(counts @ np.arange(LARGEST + 1))
    tenths = np.minimum(np.arange(LARGEST + 1) * BINS // LARGEST, BINS - 1)
    return {
        "count": num,
        "sum": total / UNIT,
        "min": int(there[0]) / UNIT,
        "mean": round(total / UNIT / num, 4),
        "max": int(there[-1]) / UNIT,
        "histogram": {
            "from": 0.0,
            "to": 2.0,
            "counts": np.bincount(tenths, counts, minlength=BINS).astype(int).tolist(),
        },
    }


def verify(
    frozen: Frozen,
    folder: Path,
    *,
    files: Mapping[str, NotedFile] | None = None,
    report: ReportDone = lambda done: None,
    limits: DuckLimits | None = None,
) -> list[str]:
    """What is wrong with a snapshot, each a sentence; nothing where it is what its version, theme and rules give.

    `files` are what was noted elsewhere of all of its files, the manifest among them; without that the manifest is
    believed. Files that have changed are not looked into. `report` as for `build`.
    """
    if files is None:
        files = msgspec.convert(read_manifest(folder), SnapshotManifest).files
    wrong = [*_wrong_files(folder, files), *_foreign_files(folder, files)]
    if not wrong:
        manifest = read_manifest(folder)
        wrong += _wrong_samples(frozen.samples, folder / SAMPLES, report)
        wrong += _wrong_database(folder, manifest, limits)
        report(2 * frozen.selection.num_samples)
    return wrong


def _wrong_files(folder: Path, files: Mapping[str, NotedFile]) -> Iterator[str]:
    for name, known in files.items():
        if (wrong := wrong_file(folder / name, known)) is not None:
            yield f"{name} {wrong}"


def wrong_file(file: Path, known: NotedFile) -> str | None:
    """What a sentence about the file goes on with where it is not the known one."""
    if not file.is_file():
        return "is missing."
    if (size := file.stat().st_size) != known.num_bytes:
        return f"has {size:,} bytes; it should have {known.num_bytes:,}."
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    return None if found == known.sha256 else f"has changed: its SHA-256 is {found}, it was {known.sha256}."


def _foreign_files(folder: Path, files: Mapping[str, NotedFile]) -> Iterator[str]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in {MANIFEST, *files} and not OF_READERS.fullmatch(path.name):
            yield f"{path.name} does not belong to the snapshot."


def _wrong_samples(samples: SampleTables, path: Path, report: ReportDone) -> Iterator[str]:
    """Compare the file's row groups with what the version gives now."""
    with pq.ParquetFile(path) as file:
        num = file.metadata.num_rows
        if num != samples.selection.num_samples:
            yield f"{path.name} has {num:,} samples; the theme keeps {samples.selection.num_samples:,} of the version."
            return
        if not file.schema_arrow.equals(samples.schema):
            yield f"The columns of {path.name} are not those of the version."
            return
        tables, done = (
            _in_cuts(samples, [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]),
            0,
        )
        for group, table in enumerate(tables):
            if not file.read_row_group(group).equals(table):
                yield f"Of the samples {done:,} to {done + len(table) - 1:,} of {path.name} some are not the version's."
                return
            done += len(table)
            report(done)


def _in_cuts(tables: Iterable[pa.Table], sizes: Sequence[int]) -> Iterator[pa.Table]:
    """The same rows in tables of these sizes."""
    source = iter(tables)
    waiting: list[pa.Table] = []
    for size in sizes:
        while (have := sum(each.num_rows for each in waiting)) < size:
            waiting.append(next(source))
        whole = pa.concat_tables(waiting)
        yield whole.slice(0, size)
        waiting = [whole.slice(size)] if have > size else []


def _wrong_database(folder: Path, manifest: Mapping[str, Any], limits: DuckLimits | None) -> Iterator[str]:
    """Compare the DuckDB file with the Parquet file beside it, by the hashes of their rows."""
    with read_database(folder / DATABASE, [folder], limits=limits) as connection:
        told = dict(connection.execute("SELECT name, value FROM manifest").fetchall())
        if told != {name: _told(value) for name, value in manifest.items() if name != "files"}:
            yield f"The table manifest in {DATABASE} is not the manifest."
        values = {"source": str(folder / SAMPLES)}
        for table, here, there in (
            ("samples", "*", "* EXCLUDE (weight)"),
            ("weights", f"{POSITION}, {WEIGHT}", f"{POSITION}, {WEIGHT}"),
        ):
            found = _hashed(connection, f"SELECT {here} FROM {table}", {})
            if found != _hashed(connection, f"SELECT {there} FROM {PARQUET}", values):
                yield f"The table {table} in {DATABASE} is not what {SAMPLES} holds."


def _hashed(connection: Connection, select: str, values: Mapping[str, str]) -> Sequence[Any] | None:
    # The sum of the rows' hashes: the same in whichever order threads read the rows, and in no more memory
    # than one number.
    statement = f"SELECT count(*), sum(hash(each)) FROM ({select}) AS each"
    found: Sequence[Any] | None = connection.execute(statement, dict(values)).fetchone()
    return found
