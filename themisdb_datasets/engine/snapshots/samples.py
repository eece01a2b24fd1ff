"""The samples of a snapshot as Parquet: their fields under their own names, typed as all shards together allow."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from themisdb_datasets.engine.selections.selection import Selection
from themisdb_datasets.engine.shards.columns import DECODE_OBJECT, GROUP_BYTES, GROUP_SAMPLES, TYPES
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.engine.weights.weighting import UNIT
from themisdb_datasets.progress import ReportDone

POSITION, WEIGHT = "position", "weight"
OTHERS = "other_fields"
UNNAMED = "unnamed"
EXACT = 1 << 53  # integers up to here are the same as a double
LONG_BYTES = 100


@dataclass(frozen=True)
class TableColumn:
    """A field of the version, the name it has here, and its kind (bool, int64, double, text, json).

    Without a field it is what shards have beyond their 256 fields, as one JSON object a sample.
    """

    name: str
    field: str | None
    kind: str

    def to_document(self) -> dict[str, Any]:
        return {"name": self.name, "field": self.field, "kind": self.kind}


def columns_of(version: OpenVersion) -> list[TableColumn]:
    """The version's fields as columns; where no other than text holds all values of a field, it is text."""
    fields = version.field_names
    names = unique_names([*fields, OTHERS], taken=(POSITION, WEIGHT))
    columns = [
        TableColumn(name, known, _kind(version, known)) for name, known in zip(names, fields, strict=False)
    ]
    if any(part.rest_column for part in version.parts):
        columns.append(TableColumn(names[-1], None, "json"))
    return columns


def unique_names(names: Iterable[str], *, taken: Iterable[str] = ()) -> list[str]:
    """Names that SQL tells apart, which knows no case: one that is there already gets a number."""
    used, unique = {name.casefold() for name in taken}, []
    for name in names:
        known = start = name.replace("\0", "") or UNNAMED
        number = 1
        while known.casefold() in used:
            number += 1
            known = f"{start}_{number}"
        used.add(known.casefold())
        unique.append(known)
    return unique


def _kind(version: OpenVersion, name: str) -> str:
    kinds: set[str] = set()
    for part in version.parts:
        known = part.field(name)
        if known is None:
            # What lies among a shard's other fields is read as text.
            kinds |= {"text"} if part.rest_column else set()
        elif set(known.types) - {"null"}:
            kinds.add(known.kind)
    if len(kinds) == 1:
        return kinds.pop()
    return "double" if kinds == {"int64", "double"} and _exact(version, name) else "text"


def _exact(version: OpenVersion, name: str) -> bool:
    """Whether all integers of a field are the same as a double, as far as the columns' statistics tell."""
    for part in version.parts:
        known = part.field(name)
        if known is None or known.kind != "int64":
            continue
        with pq.ParquetFile(part.columns_path) as columns:
            place = columns.schema_arrow.get_field_index(known.column)
            groups = range(columns.num_row_groups)
            found = [columns.metadata.row_group(group).column(place).statistics for group in groups]
        for seen in found:
            if seen is None or not (seen.has_min_max or seen.null_count == seen.num_values + seen.null_count):
                return False
            if seen.has_min_max and max(abs(seen.min), abs(seen.max)) > EXACT:
                return False
    return True


@dataclass(frozen=True)
class SampleTables:
    """The selected samples of a version as tables, in stored order."""

    version: OpenVersion
    selection: Selection
    columns: list[TableColumn]

    @property
    def schema(self) -> pa.Schema:
        """position, the fields, weight."""
        own = [(column.name, TYPES[column.kind]) for column in self.columns]
        return pa.schema([(POSITION, pa.int64()), *own, (WEIGHT, pa.float64())])

    def __iter__(self) -> Iterator[pa.Table]:
        """Tables of 16,384 samples or 16 MiB, the last one of what is left."""
        waiting: list[pa.Table] = []
        for table in self._groups():
            waiting.append(table)
            size, num = sum(each.nbytes for each in waiting), sum(map(len, waiting))
            if num >= GROUP_SAMPLES or size >= GROUP_BYTES:
                whole = pa.concat_tables(waiting)
                stop = num if size >= GROUP_BYTES and num < GROUP_SAMPLES else GROUP_SAMPLES
                yield whole.slice(0, stop).combine_chunks()
                waiting = [whole.slice(stop)] if stop < num else []
        if waiting:
            yield pa.concat_tables(waiting).combine_chunks()

    def _groups(self) -> Iterator[pa.Table]:
        """What each row group of each part holds of the selection, where that is something."""
        chosen = self.selection.positions
        for number, part in enumerate(self.version.parts):
            cuts = self.version.starts[number : number + 2].astype(chosen.dtype)
            first, last = np.searchsorted(chosen, cuts).tolist()
            if first == last:
                continue
            with closing(pq.ParquetFile(part.columns_path)) as columns:
                start = int(self.version.row_starts[number])
                for group in range(columns.num_row_groups):
                    stop = start + columns.metadata.row_group(group).num_rows
                    end = first + self._before(slice(first, last), stop)
                    if end > first:
                        yield self._table(part, columns, group, slice(first, end), start)
                    first, start = end, stop

    def _before(self, some: slice, row: int) -> int:
        """How many of these selected samples lie before a row of the version; they ascend, so it is searched for."""
        low, high = some.start, some.stop
        while low < high:
            middle = (low + high) // 2
            at = self.version.rows_of(self.selection.positions[middle : middle + 1].astype(np.int64))
            low, high = (middle + 1, high) if at[0] < row else (low, middle)
        return int(low - some.start)

    def _table(self, part: Shard, columns: pq.ParquetFile, group: int, some: slice, start: int) -> pa.Table:
        positions = self.selection.positions[some].astype(np.int64)
        rows = self.version.rows_of(positions) - start
        known = [part.field(column.field) if column.field is not None else None for column in self.columns]
        wanted = [own.column for own in known if own is not None]
        if part.rest_column:
            wanted.append(part.rest_column)
        table = columns.read_row_group(group, columns=wanted).take(pa.array(rows))
        others = Others(table[part.rest_column]) if part.rest_column else None
        arrays = [pa.array(positions)]
        for column, own in zip(self.columns, known, strict=True):
            if own is not None:
                arrays.append(_as(table[own.column], column.kind))
            elif others is not None:
                arrays.append(others.column if column.field is None else others.take(column.field))
            else:
                arrays.append(pa.nulls(len(rows), TYPES[column.kind]))
        arrays.append(pa.array(self.selection.weights[some] / UNIT))
        return pa.Table.from_arrays(arrays, schema=self.schema)


class Others:
    """The fields of some samples that have no column of their own."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self.column = column  # one JSON object a sample
        self.objects = [DECODE_OBJECT(text) if text is not None else {} for text in column.to_pylist()]

    def take(self, name: str) -> pa.Array:
        """One field, or a member of one by its dotted name, as text: a string's characters, else the JSON."""
        outer, _, inner = name.partition(".")
        return pa.array(
            [_text(each.get(name) or _member(each.get(outer), inner)) for each in self.objects], pa.string()
        )


def _member(raw: msgspec.Raw | None, name: str) -> msgspec.Raw | None:
    return DECODE_OBJECT(raw).get(name) if raw is not None and name and bytes(raw[:1]) == b"{" else None


def _text(raw: msgspec.Raw | None) -> str | None:
    if raw is None:
        return None
    value = bytes(raw)
    if value[:1] == b'"':
        return msgspec.json.decode(value, type=str)
    return None if value == b"null" else value.decode()


def _as(values: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    """A shard's column as the kind that all shards have."""
    if pa.types.is_floating(values.type) and kind == "text":
        # Whole numbers are spelled as another shard, which has whole numbers only, spells them.
        whole = pc.and_(pc.equal(values, pc.trunc(values)), pc.less_equal(pc.abs(values), float(EXACT)))
        zeros = pc.if_else(whole, values, pa.scalar(0.0))
        spelled = pc.cast(pc.cast(zeros, pa.int64()), pa.string())
        return pc.if_else(whole, spelled, values.cast(pa.string()))
    return values if values.type == TYPES[kind] else values.cast(TYPES[kind])


@dataclass
class Written:
    """What was written: how many samples, and how many bytes the texts of each column have."""

    num_samples: int = 0
    num_bytes: dict[str, int] = field(default_factory=dict)

    def is_long(self, name: str) -> bool:
        """Whether a column's values are long texts on average."""
        return self.num_bytes.get(name, 0) > LONG_BYTES * self.num_samples > 0


def write_samples(path: Path, samples: SampleTables, *, report: ReportDone) -> Written:
    """Write the samples with zstd, a row group a table; `report` is called with the samples done, and may raise."""
    written = Written()
    schema = samples.schema
    texts = [column.name for column in samples.columns if column.kind in ("text", "json")]
    # The smallest and the largest of long texts help no query, and the file's end would be full of them.
    measured = [name for name in schema.names if name not in texts]
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=measured) as file:
        for table in samples:
            file.write_table(table, row_group_size=len(table))
            written.num_samples += len(table)
            for name in texts:
                written.num_bytes[name] = written.num_bytes.get(name, 0) + table[name].nbytes
            report(written.num_samples)
    return written
