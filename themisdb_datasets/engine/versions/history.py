"""Where one sample is in several versions: by its key, or without one by its content."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from themisdb_datasets.engine.query.duck import Connection, DuckLimits, connect
from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.vectors import Ints

AT_ONCE = 32  # shards that one statement looks into
MAX_ROWS = 1_000  # of one shard: what is found so often is no key
SAMPLE_ID_BYTES = 16


@dataclass(frozen=True)
class Identity:
    """What makes it the same sample: the text of its key, or its `sample_id` (16 bytes) where it has none."""

    key_field: str
    key: str | None
    sample_id: bytes

    def to_sql(self, query: ShardQuery) -> str:
        if self.key is None:
            return f"sample_id = {query.bind(self.sample_id)}"
        return f"{query.spelled(self.key_field)} = {query.bind(self.key)}"


@dataclass(frozen=True)
class Occurrence:
    """A sample of a version that has the identity."""

    position: int
    sample_id: bytes


def identify(
    version: OpenVersion, position: int, *, key_field: str, limits: DuckLimits | None = None
) -> Identity:
    """The identity of the sample at `position`. IndexError outside the version."""
    number, row = version.locate(position)
    query = ShardQuery(version.parts[number])
    key = query.spelled(key_field) if key_field else "CAST(NULL AS VARCHAR)"
    statement = f"SELECT {key}, sample_id FROM {query.source()} WHERE file_row_number = {query.bind(row)}"
    with connect([version.parts[number].path], limits=limits) as connection:
        found = connection.execute(statement, query.arguments(statement)).fetchone()
    assert found is not None  # the row is there: it was located
    return Identity(key_field, found[0], found[1])


def occurrences(
    versions: Sequence[OpenVersion], identity: Identity, *, limits: DuckLimits | None = None
) -> list[list[Occurrence]]:
    """In each of the versions the samples with this identity, in stored order; a shard is looked into once."""
    shards = {part.path: part for version in versions for part in version.parts}
    found: dict[Path, tuple[Ints, list[bytes]]] = {}
    with connect(list(shards), limits=limits) as connection:
        parts = list(shards.values())
        for first in range(0, len(parts), AT_ONCE):
            found.update(_rows(connection, parts[first : first + AT_ONCE], identity))
    return [_in_version(version, found) for version in versions]


def _rows(
    connection: Connection, shards: Sequence[Shard], identity: Identity
) -> dict[Path, tuple[Ints, list[bytes]]]:
    """The rows of these shards that have the identity, ascending, and their ids."""
    selects, values = [], {}
    for number, shard in enumerate(shards):
        query = ShardQuery(shard, prefix=f"s{number}_")
        select = f"SELECT {number} AS shard, file_row_number AS place, sample_id FROM {query.source()}"
        select = f"({select} WHERE {identity.to_sql(query)} LIMIT {MAX_ROWS})"
        selects.append(select)
        values.update(query.arguments(select))
    rows = connection.execute(f"{' UNION ALL '.join(selects)} ORDER BY shard, place", values).fetchall()
    found = {}
    for number, shard in enumerate(shards):
        mine = [(place, sample_id) for found_in, place, sample_id in rows if found_in == number]
        places = np.array([place for place, _ in mine], np.int64)
        found[shard.path] = (places, [sample_id for _, sample_id in mine])
    return found


def _in_version(version: OpenVersion, found: dict[Path, tuple[Ints, list[bytes]]]) -> list[Occurrence]:
    there: list[Occurrence] = []
    for part, deleted, start in zip(
        version.parts, version.deleted, version.row_starts[:-1].tolist(), strict=True
    ):
        places, ids = found[part.path]
        alive = np.ones(len(places), np.bool_) if deleted is None else ~np.isin(places, deleted)
        positions = version.positions_of(places[alive] + start).tolist()
        kept = [sample_id for sample_id, is_alive in zip(ids, alive.tolist(), strict=True) if is_alive]
        there += [
            Occurrence(position, sample_id) for position, sample_id in zip(positions, kept, strict=True)
        ]
    return there
