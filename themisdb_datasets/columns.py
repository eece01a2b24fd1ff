"""A shard's columns: every field as one typed Parquet column, made from the samples' bytes and their spans."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from themisdb_datasets.fields import Bytes, Field, Ints
from themisdb_datasets.gather import VIEW, gather

GROUP_SAMPLES = 16_384
GROUP_BYTES = 16 << 20
UNESCAPE_SAMPLES = 256  # decoded at a time, so that the strings stay in the processor's cache
SAMPLE_ID = pa.binary(16)
TYPES = {"bool": pa.bool_(), "int64": pa.int64(), "double": pa.float64(), "json": pa.string(), "text": pa.string()}

DECODE_TEXTS = msgspec.json.Decoder(list[str]).decode
DECODE_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
UNICODE_ESCAPE = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
MUST_STAY = re.compile(r'[\x00-\x1f"\\]')


@dataclass(frozen=True)
class Samples:
    """Samples in a row: their bytes, where each starts and ends (without its LF), and the spans of their fields."""

    buffer: pa.Buffer
    starts: Ints
    ends: Ints
    spans: npt.NDArray[np.uint32]  # [samples, fields, 2]

    def slice(self, first: int, last: int) -> "Samples":
        return Samples(self.buffer, self.starts[first:last], self.ends[first:last], self.spans[first:last])


@dataclass(frozen=True)
class Layout:
    """The columns of a file: the fields in order, and the name of the one with all other fields, if any are left."""

    fields: tuple[Field, ...]
    rest_column: str | None

    @property
    def schema(self) -> pa.Schema:
        """`sample_id`, one column a field, and the rest."""
        columns = [("sample_id", SAMPLE_ID)] + [(field.column, TYPES[field.kind]) for field in self.fields]
        return pa.schema(columns + ([(self.rest_column, pa.string())] if self.rest_column else []))


def row_groups(locations: npt.NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """The first and the last (excluded) sample of each row group: at most 16,384 samples and, unless one, 16 MiB."""
    first = 0
    while first < len(locations):
        window = locations[first : first + GROUP_SAMPLES]
        sizes = np.cumsum(window[:, 2].astype(np.int64))
        last = first + max(1, int(np.searchsorted(sizes, GROUP_BYTES, side="right")))
        yield first, last
        first = last


class ColumnsWriter:
    """Writes columns.parquet a row group at a time."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.layout = layout
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, samples: Samples, sample_ids: npt.NDArray[np.uint8]) -> None:
        """Append one row group; `sample_ids` is [samples, 16]."""
        num = len(samples.starts)
        arrays = [pa.Array.from_buffers(SAMPLE_ID, num, [None, pa.py_buffer(np.ascontiguousarray(sample_ids))])]
        arrays += [column(samples, field) for field in self.layout.fields]
        if self.layout.rest_column:
            arrays.append(rest(samples, self.layout.fields))
        table = pa.Table.from_arrays(arrays, schema=self.layout.schema)
        if self._writer is None:
            self._writer = self._open(table)
        self._writer.write_table(table, row_group_size=num)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is None:
            self._writer = self._open(self.layout.schema.empty_table())
        self._writer.close()

    def _open(self, table: pa.Table) -> pq.ParquetWriter:
        head = table.slice(0, 4096)
        repeating = [
            name
            for name in table.column_names[1:]
            if head.num_rows and 2 * pc.count_distinct(head[name]).as_py() < head.num_rows
        ]
        return pq.ParquetWriter(
            self._path,
            table.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=repeating,
            write_statistics=table.column_names[1:],
        )


def column(samples: Samples, field: Field) -> pa.Array:
    """The values of one field as its kind has them; NULL where a sample lacks it or says null."""
    lengths = samples.spans[:, field.span, 1].astype(np.int64)
    offsets = samples.starts + samples.spans[:, field.span, 0]
    data = np.frombuffer(samples.buffer, np.uint8)
    valid = lengths > 0
    first = np.zeros(len(lengths), np.uint8)
    first[valid] = data[offsets[valid]]
    valid &= first != ord("n")
    lengths[~valid] = 0
    if field.kind == "bool":
        return pa.array(first == ord("t"), pa.bool_(), mask=~valid)
    if field.kind in ("int64", "double"):
        return _strings(samples.buffer, offsets, lengths, valid).cast(TYPES[field.kind])
    return _text(samples.buffer, data, offsets, lengths, valid, first)


def _text(
    buffer: pa.Buffer, data: Bytes, offsets: Ints, lengths: Ints, valid: npt.NDArray[np.bool_], first: Bytes
) -> pa.Array:
    """Strings without their quotes and escapes, all other values as they are spelled but for \\u escapes."""
    quoted = valid & (first == ord('"'))
    offsets, lengths = offsets + quoted, lengths - 2 * quoted
    plain = _strings(buffer, offsets, lengths, valid)
    escaped = np.asarray(pc.fill_null(pc.match_substring(plain, "\\"), False))
    if not escaped.any():
        return plain
    view = memoryview(buffer)
    texts: list[pa.Array] = []
    rows = np.flatnonzero(escaped & quoted)
    for start in range(0, len(rows), UNESCAPE_SAMPLES):
        some = rows[start : start + UNESCAPE_SAMPLES]
        pieces = [view[a - 1 : a + n + 1] for a, n in zip(offsets[some].tolist(), lengths[some].tolist(), strict=True)]
        texts.append(pa.array(DECODE_TEXTS(b"[%b]" % b",".join(pieces)), pa.string()))
    others = np.flatnonzero(escaped & ~quoted)
    spelled = [_readable(bytes(view[offsets[i] : offsets[i] + lengths[i]])) for i in others.tolist()]
    texts.append(pa.array(spelled, pa.binary()).cast(pa.string()))
    return pc.replace_with_mask(plain, pa.array(escaped), _ordered(texts, rows, others))


def _ordered(texts: list[pa.Array], rows: Ints, others: Ints) -> pa.Array:
    joined = pa.concat_arrays(texts)
    if not len(others) or not len(rows):
        return joined
    return joined.take(pa.array(np.argsort(np.concatenate([rows, others]), kind="stable")))


def _strings(buffer: pa.Buffer, offsets: Ints, lengths: Ints, valid: npt.NDArray[np.bool_]) -> pa.Array:
    """The bytes of `buffer` at these places as a string array, copied end to end."""
    views = np.zeros(len(offsets), VIEW)
    views["length"] = lengths
    views["offset"] = np.where(lengths > 0, offsets, 0)
    joined = gather(views, [buffer])
    bounds = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=bounds[1:])
    bitmap = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), len(lengths), [bitmap, pa.py_buffer(bounds), pa.py_buffer(joined)])


def _readable(raw: bytes) -> bytes:
    """JSON with its \\u escapes written out as UTF-8, where JSON allows that; all else stays as it is spelled."""
    return UNICODE_ESCAPE.sub(_written_out, raw) if b"\\u" in raw else raw


def _written_out(match: re.Match[bytes]) -> bytes:
    if match[0][1:2] != b"u":
        return match[0]
    text = msgspec.json.decode(b'"%b"' % match[0], type=str)
    return MUST_STAY.sub(lambda character: f"\\u{ord(character[0]):04x}", text).encode()


def rest(samples: Samples, fields: tuple[Field, ...]) -> pa.Array:
    """The top-level fields that have no column, as one JSON object a sample; NULL where there are none."""
    known = {field.path[0] for field in fields if len(field.path) == 1}
    view = memoryview(samples.buffer)
    texts: list[bytes | None] = []
    for start, end in zip(samples.starts.tolist(), samples.ends.tolist(), strict=True):
        members = DECODE_OBJECT(view[start:end])
        left = [b"%b:%b" % (msgspec.json.encode(name), raw) for name, raw in members.items() if name not in known]
        texts.append(_readable(b"{%b}" % b",".join(left)) if left else None)
    return pa.array(texts, pa.binary()).cast(pa.string())
