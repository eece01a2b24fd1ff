"""JSON lines as Parquet: a column for each field of the lines, typed as all of its values allow."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from themisdb_datasets.errors import ImpossibleError

ROW_GROUP = 16_384
ROW_GROUP_BYTES = 64 << 20
MAX_COLUMNS = 1_000
EXACT = 1 << 53  # integers up to here are the same as a double
LARGEST = 1 << 63

_LINE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_BOOL = msgspec.json.Decoder(bool)
_TURNS = msgspec.json.Decoder(list[dict[str, str]])


class Columns:
    """The fields of the lines that were looked at, and the kinds of their values.

    Text becomes text, numbers int64 or double, true and false bool, a conversation (a list of objects with texts) a list
    of structs. Objects, other lists, and fields of mixed kinds become text: their JSON, and texts without their quotes.
    null and absent are NULL.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._kinds: dict[str, set[str]] = {}
        self._members: dict[str, dict[str, None]] = {}

    def look(self, lines: bytes) -> None:
        """Take whole lines into account."""
        for line in split(lines):
            values = _LINE.decode(line)
            if not values.keys() <= self._kinds.keys():
                self._place(list(values))
            for name, raw in values.items():
                self._note(name, bytes(raw))

    def _place(self, names: list[str]) -> None:
        """New fields beside their neighbours in the line, so that one the first line lacks does not come last."""
        for number, name in enumerate(names):
            if name not in self._kinds:
                self.names.insert(self.names.index(names[number - 1]) + 1 if number else 0, name)
                self._kinds[name] = set()
        if len(self.names) > MAX_COLUMNS:
            raise ImpossibleError(
                f"These lines have more than {MAX_COLUMNS:,} fields, too many for Parquet; choose jsonl.zst.",
                code="too_many_columns",
                fields={"file.type": "Choose jsonl.zst."},
            )

    def _note(self, name: str, raw: bytes) -> None:
        kind = _kind(raw)
        if kind == "list":
            kind = "json"
            if "json" not in self._kinds[name] and (members := _members(raw)) is not None:
                kind = "turns"
                self._members.setdefault(name, {}).update(members)
        if kind != "null":
            self._kinds[name].add(kind)

    def type(self, name: str) -> Any:
        """The Arrow type of a column."""
        kinds = self._kinds[name]
        if kinds == {"bool"}:
            return pa.bool_()
        if kinds and kinds <= {"int", "wide"}:
            return pa.int64()
        # Wide integers beside doubles become text: a double does not hold all of their digits.
        if kinds and kinds <= {"int", "double"}:
            return pa.float64()
        if kinds == {"turns"} and self._members[name]:
            return pa.list_(pa.struct([(member, pa.string()) for member in self._members[name]]))
        return pa.string()

    def schema(self) -> Any:
        return pa.schema([(name, self.type(name)) for name in self.names])

    def table(self, lines: list[bytes]) -> Any:
        """Lines as an Arrow table; they are among those that were looked at."""
        rows = [_LINE.decode(line) for line in lines]
        arrays = []
        for name in self.names:
            kind = self.type(name)
            read = _READERS.get(str(kind), _TURNS.decode if pa.types.is_list(kind) else _as_text)
            values = [
                None if (raw := row.get(name)) is None or bytes(raw) == b"null" else read(raw) for row in rows
            ]
            arrays.append(pa.array(values, kind))
        return pa.table(arrays, schema=self.schema()) if arrays else pa.table({})


class TableFile:
    """Lines being written as Parquet with zstd, in row groups of 16,384 samples or 64 MiB of lines."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._columns = columns
        self._writer = pq.ParquetWriter(path, columns.schema(), compression="zstd")
        self._lines: list[bytes] = []
        self._num_bytes = 0

    def write(self, lines: bytes) -> None:
        """Take whole lines."""
        self._lines += split(lines)
        self._num_bytes += len(lines)
        while len(self._lines) >= ROW_GROUP or self._num_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        if self._lines:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        group, self._lines = self._lines[:ROW_GROUP], self._lines[ROW_GROUP:]
        self._num_bytes = sum(map(len, self._lines))
        self._writer.write_table(self._columns.table(group))


def split(lines: bytes) -> list[bytes]:
    """Whole lines, each without its LF."""
    return lines.split(b"\n")[:-1]


def _kind(raw: bytes) -> str:
    first = raw[:1]
    if first == b'"':
        return "text"
    if first == b"[":
        return "list"
    if first == b"{":
        return "json"
    if first in b"tf":
        return "bool"
    if first == b"n":
        return "null"
    return _kind_of_number(raw)


def _kind_of_number(raw: bytes) -> str:
    """int where it is also exact as a double, wide where it fits 64 bits, big where nothing holds it."""
    # More digits than any double has before its point, and int() is slow with very many and refuses over
    # 4,300.
    if len(raw) > 400:
        return "big"
    if raw.lstrip(b"-").isdigit():
        value = int(raw)
        if abs(value) <= EXACT:
            return "int"
        return "wide" if -LARGEST <= value < LARGEST else "big"
    return "double" if math.isfinite(float(raw)) else "big"


def _members(raw: bytes) -> dict[str, None] | None:
    """The names in a list of objects that hold nothing but texts; None for any other list."""
    try:
        turns = _TURNS.decode(raw)
    except msgspec.ValidationError:
        return None
    return {name: None for turn in turns for name in turn}


def _as_text(raw: msgspec.Raw) -> str:
    text = bytes(raw)
    return _TEXT.decode(text) if text[:1] == b'"' else text.decode()


_READERS: dict[str, Any] = {
    "bool": _BOOL.decode,
    "int64": lambda raw: int(bytes(raw)),
    "double": lambda raw: float(bytes(raw)),
}
