"""SQL over one shard's columns.parquet: fields by name, values bound in the order in which they are written."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.errors import GoneError

Files = Callable[[str], Path]  # where the published file of a digest is
Value = str | int | float | bool


@dataclass(frozen=True)
class Column:
    """A field as an SQL expression over a shard; `kind` is bool, int64, double, text or json."""

    sql: str
    kind: str


@dataclass
class ShardQuery:
    """Builds one statement over one shard; `bind` keeps the values in the order of their placeholders."""

    shard: Shard
    prefix: str = "v"  # of the placeholders, where statements over several shards are put together
    deleted: bytes | None = None  # one bit a row, as `deletions.as_bits` makes them
    files: Files | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """A placeholder for `value`."""
        name = f"{self.prefix}{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def arguments(self, statement: str) -> dict[str, Any]:
        """The values that `statement` names; DuckDB refuses others, and a test that can only fail may leave some over."""
        named = set(re.findall(r"\$(\w+)", statement))
        return {name: value for name, value in self.values.items() if name in named}

    def source(self) -> str:
        """The columns of all samples that are not deleted, with the row number in the shard as `file_row_number`."""
        columns = f"read_parquet({self.bind(str(self.shard.columns_path))}, file_row_number = true)"
        if self.deleted is None:
            return columns
        bits = f"CAST({self.bind(self.deleted)} AS BIT)"
        return f"(SELECT * FROM {columns} WHERE get_bit({bits}, CAST(file_row_number AS INTEGER)) = 0)"

    def stored(self, digest: str) -> str:
        """The path of a published file that a rule reads; GoneError where there is none."""
        return str(stored(self.files, digest))

    def column(self, name: str) -> Column | None:
        """The field `name`, in dotted form to any depth; None where no sample of the shard has it."""
        known = self.shard.field(name)
        if known is not None and known.column is not None:
            return Column(identifier(known.column), known.kind)
        # The longest known name in front wins: with a field "a.b" the member c of "a.b.c" is looked for in
        # that, not in "a".
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            parent = self.shard.field(".".join(parts[:cut]))
            if parent is not None and parent.column is not None:
                if "object" not in parent.types:
                    return None
                return self._member(identifier(parent.column), parts[cut:])
        rest = self.shard.manifest["rest_column"]
        return None if rest is None else self._member(identifier(rest), parts)

    def _member(self, column: str, parts: list[str]) -> Column:
        # A JSON Pointer, whose two marks are escaped (RFC 6901, section 3).
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
        return Column(f"json_extract_string({column}, {self.bind(pointer)})", "text")

    def text(self, name: str) -> str:
        """The field as text; NULL where it is absent or null."""
        column = self.column(name)
        if column is None:
            return "CAST(NULL AS VARCHAR)"
        return column.sql if column.kind in ("text", "json") else f"CAST({column.sql} AS VARCHAR)"

    def spelled(self, name: str) -> str:
        """The field as text in one spelling for equal numbers, however the shard holds them; NULL where it is absent."""
        column = self.column(name)
        if column is None or column.kind != "double":
            return self.text(name)
        # One shard may hold 3 as an integer and another as 3.0.
        whole = f"CAST(CAST({column.sql} AS BIGINT) AS VARCHAR)"
        exact = f"{column.sql} = trunc({column.sql}) AND abs({column.sql}) < {2**53}"
        return f"CASE WHEN {exact} THEN {whole} ELSE CAST({column.sql} AS VARCHAR) END"

    def number(self, name: str) -> str:
        """The field as DOUBLE; NULL where it is no number."""
        column = self.column(name)
        if column is None or column.kind in ("bool", "json"):
            return "CAST(NULL AS DOUBLE)"
        if column.kind == "text":
            return f"TRY_CAST({column.sql} AS DOUBLE)"
        return f"CAST({column.sql} AS DOUBLE)"

    def instant(self, name: str) -> str:
        """The field as seconds since 1970 UTC, DOUBLE; NULL where it is no point in time.

        Text is read as an ISO 8601 date or datetime (naive is UTC); numbers, and text of nine or more digits, as an
        epoch in seconds, milliseconds, microseconds or nanoseconds by their size.
        """
        column = self.column(name)
        if column is None or column.kind in ("bool", "json"):
            return "CAST(NULL AS DOUBLE)"
        if column.kind in ("int64", "double"):
            return _epoch(f"CAST({column.sql} AS DOUBLE)")
        # Only what starts with a date is cast: DuckDB would also read words such as 'infinity' and 'epoch'.
        iso = f"CASE WHEN regexp_matches({column.sql}, '^\\d{{4}}-\\d\\d?-\\d\\d?') THEN epoch(TRY_CAST({column.sql} AS TIMESTAMPTZ)) END"
        digits = f"CASE WHEN regexp_full_match({column.sql}, '-?\\d{{9,19}}(\\.\\d+)?') THEN {_epoch(f'TRY_CAST({column.sql} AS DOUBLE)')} END"
        return f"COALESCE({iso}, {digits})"


def stored(files: Files | None, digest: str) -> Path:
    """Where the published file of a digest is; GoneError where it is not."""
    path = files(digest) if files is not None else None
    if path is None or not path.is_file():
        raise GoneError(
            f"The file {digest[:12]} that a weighting rule reads is not there.", code="factors_gone"
        )
    return path


def _epoch(number: str) -> str:
    return (
        f"CASE WHEN abs({number}) < 1e11 THEN {number} WHEN abs({number}) < 1e14 THEN {number} / 1e3"
        f" WHEN abs({number}) < 1e17 THEN {number} / 1e6 ELSE {number} / 1e9 END"
    )


def identifier(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
