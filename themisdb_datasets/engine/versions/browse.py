"""Looking into a version: its samples by filter, search and order, for people rather than for training.

The positions that a question finds are kept as a file, so that its next page, and the same question asked again, cost
no more than reading a page.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.kernels.npy import NpyWriter
from themisdb_datasets.engine.query.duck import Connection, DuckLimits, Relation, batches, connect
from themisdb_datasets.engine.query.filters import Filter
from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.engine.shards.fields import is_number
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.names import nearest
from themisdb_datasets.vectors import Ints

SCHEME = "themis browse 1"
# Longer texts are ordered by their beginning: whole ones would have to be held, and nobody sees the difference.
ORDERED_CHARS = 200
BATCH = 65_536
Positions = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Question:
    """Which samples, and in what order.

    `search` is a text that any text field holds, in any case; `order_by` is a field, with samples that lack it last
    and ties in stored order.
    """

    where: Filter | None = None
    search: str = ""
    order_by: str = ""
    descending: bool = False

    @property
    def asks_nothing(self) -> bool:
        """All samples in stored order."""
        return self.where is None and not self.search and not self.order_by

    def key(self, version_digest: str) -> str:
        """What its answer is kept under (64 hex digits): versions never change."""
        where = None if self.where is None else self.where.to_document()
        document = [SCHEME, version_digest, where, self.search, self.order_by, self.descending]
        return hashlib.sha256(msgspec.json.encode(document)).hexdigest()


def open_positions(folder: Path) -> Positions:
    """The positions that were filled into the folder; memory-mapped."""
    positions: Positions = np.load(folder / "positions.npy", mmap_mode="r")
    return positions


def fill(folder: Path, version: OpenVersion, question: Question, *, limits: DuckLimits | None = None) -> None:
    """Write the positions of the samples that the question finds, in its order, into `folder`.

    MalformedError for a field to order by that the version does not have.
    """
    small = np.uint32 if version.num_samples < 1 << 32 else np.uint64
    number = _is_number(version, question.order_by) if question.order_by else False
    with (
        NpyWriter(folder / "positions.npy", small) as file,
        connect(version.folders, limits=limits) as connection,
    ):
        find = _ordered if question.order_by else _stored
        for rows in find(connection, version, question, number):
            file.append(version.positions_of(rows))


def _stored(connection: Connection, version: OpenVersion, question: Question, _: bool) -> Iterator[Ints]:
    for part in range(len(version.parts)):
        statement, values = _statement(version, part, question, key="NULL")
        yield from _rows(connection.sql(f"SELECT place FROM ({statement})", params=values))


def _ordered(
    connection: Connection, version: OpenVersion, question: Question, number: bool
) -> Iterator[Ints]:
    kind = "DOUBLE" if number else "VARCHAR"
    connection.execute(f"CREATE TEMP TABLE found (place BIGINT, key {kind})")
    for part in range(len(version.parts)):
        statement, values = _statement(version, part, question, key=kind)
        connection.execute(f"INSERT INTO found {statement}", values)
    order = "DESC" if question.descending else "ASC"
    yield from _rows(connection.sql(f"SELECT place FROM found ORDER BY key {order} NULLS LAST, place"))


def _statement(
    version: OpenVersion, part: int, question: Question, *, key: str
) -> tuple[str, dict[str, Any]]:
    """The rows of one part, with what they are ordered by."""
    query = version.query(part)
    if key == "DOUBLE":
        key = query.number(question.order_by)
    elif key == "VARCHAR":
        key = f"left({query.text(question.order_by)}, {ORDERED_CHARS})"
    tests = [question.where.to_sql(query)] if question.where is not None else []
    if question.search:
        tests.append(_search(query, question.search))
    start = version.row_starts[part]
    where = " AND ".join(tests) or "TRUE"
    select = f"SELECT file_row_number + {start} AS place, {key} AS key FROM {query.source()} WHERE {where}"
    return select, query.arguments(select)


def _rows(found: Relation) -> Iterator[Ints]:
    for batch in batches(found, rows=BATCH):
        yield batch.column(0).to_numpy(zero_copy_only=False).astype(np.int64)


def _is_number(version: OpenVersion, name: str) -> bool:
    """Whether a field is ordered as a number: it is one wherever it is."""
    types = [
        kind for part in version.parts if (field := part.field(name)) is not None for kind in field.types
    ]
    if not types and version.num_samples:
        raise MalformedError.at(
            "order_by",
            "There is no field {name!r} to order by{hint}.",
            name=name,
            hint=nearest(name, version.field_names),
        )
    return is_number(types)


def _search(query: ShardQuery, search: str) -> str:
    # A pattern is twice as fast as comparing texts in lower case, for these would have to be made.
    pattern = query.bind("".join(c if c.isalnum() else f"\\x{{{ord(c):x}}}" for c in search))
    columns = searched_columns(query)
    return "(" + " OR ".join(f"COALESCE(regexp_matches({c}, {pattern}, 'i'), FALSE)" for c in columns) + ")"


def searched_columns(query: ShardQuery) -> Sequence[str]:
    """The columns that a search looks into: all text, and lists as JSON text; objects' members have their own."""
    names = [
        field.name
        for field in query.shard.fields
        if field.kind == "text" or (field.kind == "json" and "array" in field.types)
    ]
    return [query.text(name) for name in names] or ["''"]
