"""A shard's columns: every field as one typed Parquet column, made from the samples' bytes and their spans."""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from themisdb_datasets.engine.kernels.gather import MAX_BUFFER, stale
from themisdb_datasets.engine.kernels.unescape import unescaped
from themisdb_datasets.engine.shards.fields import Field
from themisdb_datasets.vectors import Bytes, Ints

GROUP_SAMPLES = 16_384
GROUP_BYTES = 16 << 20
FIRST_BYTES = 4 << 20  # of the first row group, so that writing begins soon after decoding has
PEEK_SAMPLES = 4_096  # of the first row group, that show how a column is best written
SHORT_BYTES = 64
ID_BYTES = 16
SAMPLE_ID = pa.binary(ID_BYTES)
TYPES = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "json": pa.string(),
    "text": pa.string(),
}

DECODE_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True)
class SampleRows:
    """Samples in a row: their bytes, where each starts and ends (without its LF), and their fields' spans."""

    buffer: pa.Buffer
    starts: Ints
    ends: Ints
    spans: npt.NDArray[np.uint32]  # [samples, fields, 2]


@dataclass(frozen=True)
class ColumnLayout:
    """The columns of a file: the fields in order, and the name of the one with all other fields, if any are left."""

    fields: tuple[Field, ...]
    rest_column: str | None

    @property
    def shape(self) -> tuple[object, ...]:
        """What a file depends on: two layouts of one shape are written alike."""
        return (self.rest_column, *((field.path, field.kind) for field in self.fields))

    @property
    def schema(self) -> pa.Schema:
        """`sample_id`, one column a field, and the rest."""
        columns = [("sample_id", SAMPLE_ID)] + [(field.column, TYPES[field.kind]) for field in self.fields]
        return pa.schema(columns + ([(self.rest_column, pa.string())] if self.rest_column else []))


class RowGroups:
    """Cuts samples into row groups as they come: at most 16,384 samples and, unless a single one, 16 MiB each.

    The first one has less.
    """

    def __init__(self) -> None:
        self.ends: list[int] = []  # of the groups that are complete
        self._num_samples = 0
        self._num_bytes = 0  # of the group that is not

    def add(self, sizes: Ints) -> None:
        """Further samples have these sizes in bytes."""
        start = 0
        while start < len(sizes):
            begun = self._num_samples - (self.ends[-1] if self.ends else 0)
            some = np.cumsum(sizes[start : start + GROUP_SAMPLES - begun])
            most = GROUP_BYTES if self.ends else FIRST_BYTES
            fit = int(np.searchsorted(some, most - self._num_bytes, side="right"))
            # A sample that is larger than a group is a group by itself.
            if fit == 0 and begun == 0:
                fit = 1
            self._num_samples += fit
            self._num_bytes += int(some[fit - 1]) if fit else 0
            start += fit
            if start < len(sizes) or begun + fit == GROUP_SAMPLES:
                self.finish()

    def finish(self) -> None:
        """What has come so far is a group, however small."""
        if self._num_samples > (self.ends[-1] if self.ends else 0):
            self.ends.append(self._num_samples)
            self._num_bytes = 0


class ColumnsWriter:
    """Writes columns.parquet a row group at a time; one is compressed in a thread while the next one is made."""

    def __init__(self, path: Path, layout: ColumnLayout) -> None:
        self.layout = layout
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="columns")
        self._written: Future[None] | None = None

    def write(self, samples: SampleRows) -> None:
        """Append one row group; what went wrong with the one before is raised."""
        num = len(samples.starts)
        ids = line_ids(samples.buffer, samples.starts, samples.ends)
        arrays = [pa.Array.from_buffers(SAMPLE_ID, num, [None, pa.py_buffer(ids)])]
        arrays += [column(samples, field) for field in self.layout.fields]
        if self.layout.rest_column:
            arrays.append(rest(samples, self.layout.fields))
        table = pa.Table.from_arrays(arrays, schema=self.layout.schema)
        if self._writer is None:
            self._writer = self._open(table)
        # One group at a time is compressed, so at most two are in memory.
        self._settle()
        self._written = self._pool.submit(self._writer.write_table, table, row_group_size=num)

    def close(self) -> None:
        """Finish the file."""
        self._settle()
        self._pool.shutdown()
        if self._writer is None:
            self._writer = self._open(self.layout.schema.empty_table())
        self._writer.close()

    def abandon(self) -> None:
        """Write no more, so that the file can be begun anew."""
        self._pool.shutdown(cancel_futures=True)
        if self._writer is not None:
            self._writer.close()

    def _settle(self) -> None:
        if self._written is not None:
            self._written.result()

    def _open(self, table: pa.Table) -> pq.ParquetWriter:
        # A dictionary pays where values come twice on the average; whether they do is known of no column
        # beforehand.
        head, names = table.slice(0, PEEK_SAMPLES), table.column_names[1:]
        num = head.num_rows
        return pq.ParquetWriter(
            self._path,
            table.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in names if 2 * pc.count_distinct(head[name]).as_py() < num],
            # The smallest and the largest of long texts help no query and cost a comparison each.
            write_statistics=[name for name in names if head[name].nbytes <= SHORT_BYTES * num],
        )


def line_ids(data: bytes | pa.Buffer, starts: Ints, ends: Ints) -> bytes:
    """The ids, end to end, of the samples data[starts[i]:ends[i]]: the first 16 bytes of their SHA-256."""
    view, sha256 = memoryview(data), hashlib.sha256
    lines = zip(starts.tolist(), ends.tolist(), strict=True)
    digests = b"".join([sha256(view[start:end]).digest() for start, end in lines])
    return np.frombuffer(digests, np.uint8).reshape(-1, 32)[:, :ID_BYTES].tobytes()


def column(samples: SampleRows, field: Field) -> pa.Array:
    """The values of one field as its kind has them; NULL where a sample lacks it or says null."""
    places = _places(samples.buffer, samples.starts, samples.spans[:, field.span])
    offsets, lengths, valid, first = places
    if field.kind == "bool":
        return pa.array(first == ord("t"), pa.bool_(), mask=~valid)
    if field.kind in ("int64", "double"):
        return _strings(samples.buffer, offsets, lengths, valid).cast(TYPES[field.kind])
    return _text(samples.buffer, *places)


def spelled(buffer: pa.Buffer, starts: Ints, spans: npt.NDArray[np.uint32]) -> pa.Array:
    """The values at `spans` [n, 2] of the samples at `starts` [n] as texts: strings without their quotes and escapes,
    others as the sample spells them; NULL for what is absent or null.
    """
    return _text(buffer, *_places(buffer, starts, spans))


def _places(
    buffer: pa.Buffer, starts: Ints, spans: npt.NDArray[np.uint32]
) -> tuple[Ints, Ints, npt.NDArray[np.bool_], Bytes]:
    """Offset, length, whether there is a value, and the first byte there; length 0 for what is absent or null."""
    lengths = spans[:, 1].astype(np.int64)
    offsets = starts + spans[:, 0]
    # Raw JSON tells its type by its first byte: of all values only null begins with n, only true with t.
    first = np.frombuffer(buffer, np.uint8)[offsets]
    valid = (lengths > 0) & (first != ord("n"))
    lengths[~valid] = 0
    return offsets, lengths, valid, first


def _text(
    buffer: pa.Buffer, offsets: Ints, lengths: Ints, valid: npt.NDArray[np.bool_], first: Bytes
) -> pa.Array:
    """Strings without their quotes and escapes, all other values as they are spelled but for \\u escapes."""
    quoted = valid & (first == ord('"'))
    offsets, lengths = offsets + quoted, lengths - 2 * quoted
    plain = _strings(buffer, offsets, lengths, valid)
    if (quoted | ~valid).all():
        return unescaped(plain)
    # Both kinds in one column: what was a string loses its escapes, what was not stays JSON and so keeps
    # those it needs.
    texts = unescaped(plain.filter(pa.array(quoted)))
    spelled = pc.replace_with_mask(plain, pa.array(quoted), texts)
    others = unescaped(plain.filter(pa.array(~quoted)), within_json=True)
    return pc.replace_with_mask(spelled, pa.array(~quoted), others)


def _strings(buffer: pa.Buffer, offsets: Ints, lengths: Ints, valid: npt.NDArray[np.bool_]) -> pa.Array:
    """The bytes of `buffer` at these places as a string array, copied end to end; CorruptError for places outside it."""
    num, total = len(offsets), int(lengths.sum())
    if num and min(offsets.min(), lengths.min()) < 0:
        raise stale()
    # Every other string of an array that shares the buffer: each value, and whatever lies before the next one.
    bounds = np.zeros(2 * num + 1, np.int64)
    bounds[:-1:2], bounds[1::2] = offsets, offsets + lengths
    if bounds.max() > min(buffer.size, MAX_BUFFER):
        raise stale()
    # Arrow reserves memory by the mean length, so let half of the whole be what is taken.
    bounds[-1] = min(bounds[0] + 2 * total, buffer.size)
    shared = pa.Array.from_buffers(
        pa.string(), 2 * num, [None, pa.py_buffer(bounds.astype(np.int32)), buffer]
    )
    return shared.take(pa.array(np.arange(0, 2 * num, 2), mask=None if valid.all() else ~valid))


def rest(samples: SampleRows, fields: tuple[Field, ...]) -> pa.Array:
    """The top-level fields that have no column, as one JSON object a sample; NULL where there are none."""
    known = {field.path[0] for field in fields if len(field.path) == 1}
    view = memoryview(samples.buffer)
    texts: list[bytes | None] = []
    for start, end in zip(samples.starts.tolist(), samples.ends.tolist(), strict=True):
        # The only column that needs the samples decoded once more; shards of at most 256 fields have none.
        members = DECODE_OBJECT(view[start:end])
        left = [
            b"%b:%b" % (msgspec.json.encode(name), raw) for name, raw in members.items() if name not in known
        ]
        texts.append(b"{%b}" % b",".join(left) if left else None)
    return unescaped(pa.array(texts, pa.binary()).cast(pa.string()), within_json=True)
