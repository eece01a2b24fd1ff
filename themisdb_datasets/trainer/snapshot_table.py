"""A snapshot's samples by number: its Parquet or DuckDB file written once as an Arrow file, which is memory-mapped."""

import os
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from themisdb_datasets.errors import CorruptError, ImpossibleError, NotFoundError
from themisdb_datasets.extras import import_ours
from themisdb_datasets.names import nearest
from themisdb_datasets.trainer.numbered import SNAPSHOTS
from themisdb_datasets.trainer.sample import Sample

ROWS = 256  # of a batch of the Arrow file
READ = 64 * ROWS
ABOUT = b"themis"


class SnapshotTable:
    """The samples of a snapshot by number, each an object with its position and its weight.

    JSON columns are parsed; null and absent are both left out. The Arrow file is written beside the snapshot, or into
    `cache_dir`, when it is opened for the first time, and again where the snapshot's file has changed.
    """

    def __init__(self, path: Path, *, cache_dir: Path | None = None) -> None:
        self.path, self.cache_dir = path, cache_dir
        source = find(path)
        cached = (cache_dir or source.parent) / f"{source.stem}.arrow"
        about = _about(source)
        opened = _opened(cached, about)
        if opened is None:
            _convert(source, cached, about)
            opened = _opened(cached, about)
        if opened is None:
            raise CorruptError(
                f"{cached} was changed by somebody else while it was opened; open it once more."
            )
        self._schema = opened.schema
        self._json = set(msgspec.json.decode(self._schema.metadata[ABOUT])["json"])
        self._batches = [opened.get_batch(number) for number in range(opened.num_record_batches)]
        self._starts: list[int] = list(accumulate((len(batch) for batch in self._batches), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitems__(self, numbers: list[int]) -> list[Sample]:
        """The samples of these numbers, in their order."""
        table = pa.Table.from_batches(map(self._row, numbers), self._schema).combine_chunks()
        columns = [self._values(name, table[name]) for name in table.column_names]
        return [
            Sample(
                (name, value)
                for name, value in zip(table.column_names, row, strict=True)
                if value is not None
            )
            for row in zip(*columns, strict=True)
        ]

    def _row(self, number: int) -> pa.RecordBatch:
        place = bisect_right(self._starts, number) - 1
        return self._batches[place].slice(number - self._starts[place], 1)

    def _values(self, name: str, column: pa.ChunkedArray) -> list[Any]:
        values: list[Any] = column.to_pylist()
        if name not in self._json:
            return values
        return [None if value is None else msgspec.json.decode(value) for value in values]

    def __reduce__(self) -> tuple[object, ...]:
        return _reopened, (self.path, self.cache_dir)


def _reopened(path: Path, cache_dir: Path | None) -> SnapshotTable:
    return SnapshotTable(path, cache_dir=cache_dir)


def find(path: Path) -> Path:
    """The file with a snapshot's samples: `path` itself, or the one in that folder."""
    if path.is_file() and path.suffix in SNAPSHOTS:
        return path
    names = sorted(each.name for each in path.iterdir()) if path.is_dir() else []
    for suffix in SNAPSHOTS:
        found = [name for name in names if name.endswith(suffix)]
        if len(found) > 1:
            raise NotFoundError(f"{path} has several {suffix} files ({', '.join(found)}); name one of them.")
        if found:
            return path / found[0]
    raise NotFoundError(f"There is no snapshot at {path}{nearest(path.name, names)}.")


def _about(source: Path) -> dict[str, Any]:
    """What the Arrow file has to be made of, so that it is believed: which file, and which columns hold JSON."""
    known = source.stat()
    return {"format": 1, "name": source.name, "num_bytes": known.st_size, "changed": known.st_mtime_ns}


def _opened(cached: Path, about: Mapping[str, Any]) -> Any:
    """The Arrow file, memory-mapped; None where there is none, or one of another file."""
    try:
        file = pa.ipc.open_file(pa.memory_map(str(cached)))
    except (FileNotFoundError, NotADirectoryError, pa.ArrowInvalid):
        return None
    told = msgspec.json.decode((file.schema.metadata or {}).get(ABOUT, b"{}"))
    return file if {name: told.get(name) for name in about} == about else None


def _convert(source: Path, cached: Path, about: Mapping[str, Any]) -> None:
    """Write the Arrow file beside its place and then put it there, so that none is ever seen half-written."""
    with _batches(source) as (schema, json_columns, batches):
        told = msgspec.json.encode({**about, "json": json_columns})
        schema = schema.with_metadata({ABOUT: told})
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=cached.parent, prefix=f".{cached.name}.")
        except OSError as error:
            raise ImpossibleError.at(
                "cache_dir",
                "{folder} cannot be written to ({reason}); name a folder that can: cache_dir.",
                code="no_cache_dir",
                folder=cached.parent,
                reason=error.strerror,
            ) from error
        try:
            with os.fdopen(handle, "wb") as out, pa.ipc.new_file(out, schema) as writer:
                for batch in batches:
                    for start in range(0, batch.num_rows, ROWS):
                        writer.write_batch(batch.slice(start, ROWS).cast(schema))
            Path(name).replace(cached)
        finally:
            Path(name).unlink(missing_ok=True)


@contextmanager
def _batches(source: Path) -> Iterator[tuple[pa.Schema, list[str], Iterator[pa.RecordBatch]]]:
    """The schema, the columns that hold JSON, and the samples in their order."""
    if source.suffix == ".parquet":
        with pq.ParquetFile(source) as file:
            manifest = source.parent / "manifest.json"
            columns = (
                msgspec.json.decode(manifest.read_bytes()).get("columns") if manifest.is_file() else None
            )
            yield file.schema_arrow, _json_columns(columns), file.iter_batches(READ)
        return
    # A Parquet file needs no DuckDB.
    duck = import_ours("engine.query.duck")
    with duck.read_database(source) as connection:
        (columns,) = connection.execute("SELECT value FROM manifest WHERE name = 'columns'").fetchone() or (
            "[]",
        )
        # Both tables have the samples in one order.
        found = connection.execute("SELECT samples.*, weight FROM samples POSITIONAL JOIN weights")
        reader = duck.batches(found, rows=READ)
        yield reader.schema, _json_columns(msgspec.json.decode(columns)), iter(reader)


def _json_columns(columns: list[dict[str, Any]] | None) -> list[str]:
    return [column["name"] for column in columns or () if column["kind"] == "json"]
