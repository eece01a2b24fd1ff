"""CSV and Parquet as JSON lines: a row becomes an object, spelled the same way every time."""

import base64
import codecs
import csv
import io
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from themisdb_datasets.engine.sources import parquet_rows
from themisdb_datasets.errors import MalformedError

BATCH_ROWS = 64  # larger ones are no faster, and a batch is held several times over
BATCH_BYTES = 8 << 20
BUFFER_BYTES = 1 << 20
FLUSH_BYTES = 1 << 20
# What JSON takes for a number; 007 and 1,5 are none, and stay texts.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?")


def csv_lines(chunks: Iterator[bytes], *, name: str, max_chars: int) -> Iterator[bytes]:
    """The rows of a CSV file with a header, as chunks of JSON lines.

    Cells that are spelled as JSON numbers are numbers, empty ones are left out, all others are texts. A row of another
    length than the header comes as a list, which is no sample. MalformedError for one of more than `max_chars`, which
    most often is one whose quotes are not closed.
    """
    # Python's limit is of a cell, 131,072 characters unless somebody sets it, and of the whole process; ours
    # is of a row, below.
    csv.field_size_limit(sys.maxsize)
    texts = _TextLines(chunks, name=name, max_chars=max_chars)
    rows = csv.reader(texts, strict=True)
    out = io.BytesIO()
    try:
        header = next(filter(None, rows), None)
        if header is None:
            return
        keys = _keys(header, name)
        texts.row_ended(rows.line_num)
        for row in rows:
            texts.row_ended(rows.line_num)
            if row:
                out.write(_line(row, keys))
            if out.tell() > FLUSH_BYTES:
                yield out.getvalue()
                out = io.BytesIO()
    except csv.Error as error:
        raise MalformedError(
            f"{name} is no CSV from row {rows.line_num} on: {error}. Quote cells with commas, quotes or line breaks.",
            code="bad_csv",
        ) from None
    yield out.getvalue()


class _TextLines:
    """Lines with their ends; bytes that are no UTF-8 stay in them as halves of surrogates.

    No more of them are given out for one row than `max_chars`, so that a file without line breaks, or with a quote that
    is never closed, is not read into memory whole.
    """

    def __init__(self, chunks: Iterator[bytes], *, name: str, max_chars: int) -> None:
        self._chunks = chunks
        self._name = name
        self._max = max_chars
        self._row = 0  # characters, or a few less, of the row that has not ended
        self._ended = 0  # lines of the rows that have

    def row_ended(self, number: int) -> None:
        """The first so many lines made whole rows."""
        self._row, self._ended = 0, number

    def __iter__(self) -> Iterator[str]:
        decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        begun: list[str] = []  # the pieces of a line that has not ended
        for chunk in self._chunks:
            text = decode(chunk)
            self._row += len(text)  # none of it counts once a row has ended in it
            lines = text.split("\n")
            begun.append(lines[0])
            if len(lines) > 1:
                lines[0] = "".join(begun)
                begun = [lines.pop()]
                for line in lines:
                    yield line + "\n"
            if self._row > self._max:
                raise self._too_long()
        if any(begun):
            yield "".join(begun)

    def _too_long(self) -> MalformedError:
        return MalformedError(
            f"{self._name} has a row of more than {self._max:,} characters, from line {self._ended + 1:,} on. Close its"
            " quotes, or send such rows as JSON lines (.jsonl), where a line that is too long alone is rejected.",
            code="bad_csv",
        )


def _keys(header: list[str], name: str) -> list[bytes]:
    doubled = sorted({key for key in header if header.count(key) > 1})
    if doubled or "" in header:
        which = f"the column {doubled[0]!r} twice" if doubled and doubled[0] else "a column without a name"
        raise MalformedError(f"The header of {name} has {which}; give every column its name.", code="bad_csv")
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise MalformedError(
                f"The cells of {name} are separated by {called}; use commas.", code="bad_csv"
            )
    try:
        return [msgspec.json.encode(key) + b":" for key in header]
    except UnicodeEncodeError:
        raise MalformedError(
            f"The header of {name} is not UTF-8; save the file as UTF-8.", code="bad_csv"
        ) from None


def _line(row: list[str], keys: list[bytes]) -> bytes:
    try:
        if len(row) != len(keys):
            return msgspec.json.encode(row) + b"\n"
        cells = (key + _cell(cell) for key, cell in zip(keys, row, strict=True) if cell)
        return b"{" + b",".join(cells) + b"}\n"
    except UnicodeEncodeError:
        # As it is, so that it is rejected for what it is.
        return ",".join(row).replace("\n", " ").encode(errors="surrogateescape") + b"\n"


def _cell(cell: str) -> bytes:
    return cell.encode() if _NUMBER.fullmatch(cell) else msgspec.json.encode(cell)


def parquet_lines(path: Path, *, name: str, report: Callable[[float], None]) -> Iterator[bytes]:
    """The rows of a Parquet file as chunks of JSON lines; `report` is told the share that is done.

    Points in time become ISO 8601, decimals numbers, bytes base64. NaN and infinity have no JSON, so such a row is
    rejected by that name, and so is one with a text that is not UTF-8.
    """
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
            parquet_rows.check_names(file.schema_arrow, name=name)
            total, done = max(file.metadata.num_rows, 1), 0
            for batch in _batches(file):
                yield b"".join(map(_object, parquet_rows.rows(batch)))
                done += len(batch)
                report(done / total)
    except (pa.ArrowException, OSError) as error:
        raise MalformedError(
            f"{name} is not readable as Parquet ({str(error).splitlines()[0][:300]}). Upload it again.",
            code="corrupt_parquet",
        ) from None


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """The rows in order, a few MB at a time as far as can be told; fewer rows where they are long."""
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        mean = max(group.total_byte_size // max(group.num_rows, 1), 1)
        rows = max(1, min(BATCH_ROWS, BATCH_BYTES // mean))
        # What a file says of its size may be far less than what comes out of it, where a dictionary repeats
        # long values: so what was read is cut once more, by what it holds.
        for batch in file.iter_batches(rows, row_groups=[number]):
            size = max(1, len(batch) * BATCH_BYTES // max(batch.nbytes, BATCH_BYTES))
            yield from (batch.slice(start, size) for start in range(0, len(batch), size))


def _object(row: dict[str, Any]) -> bytes:
    try:
        if _is_finite(row):
            return _encode(row) + b"\n"
    except UnicodeEncodeError:
        pass
    # Python's json writes NaN and Infinity, which msgspec would turn into null: the line is then refused for
    # what it is.
    return json.dumps(row, default=_plain, ensure_ascii=False).encode(errors="surrogateescape") + b"\n"


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_finite, value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


_encode = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number").encode
