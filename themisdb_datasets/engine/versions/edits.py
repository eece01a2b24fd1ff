"""Changes of a version that are not additions: which rows an upsert by key, or a delete by filter, takes out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from themisdb_datasets.engine.query.duck import Connection, DuckLimits, Relation, batches, connect
from themisdb_datasets.engine.query.filters import Filter
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.vectors import Ints

BATCH = 65_536
Deleted = tuple[Ints | None, ...]


@dataclass(frozen=True)
class Upsert:
    """What becomes of samples that are put into a version by their key.

    `base` and `new` are the deletions of either side's parts, those included that it had before. Keys are counted: added
    ones, changed ones, and those whose sample is there as it is. `num_superseded` samples came before another one with
    their key.
    """

    base: Deleted
    new: Deleted
    num_added: int
    num_changed: int
    num_unchanged: int
    num_superseded: int


def upsert(
    base: OpenVersion, new: OpenVersion, *, key_field: str, limits: DuckLimits | None = None
) -> Upsert:
    """Put the samples of `new` into `base`: of one key the last stays, and replaces all that `base` has of it.

    A sample that `base` has already, once, under its key and byte for byte, is left where it is.
    """
    with connect([*base.folders, *new.folders], limits=limits) as connection:
        load_keys(connection, "base", base, key_field)
        load_keys(connection, "new", new, key_field)
        connection.execute("CREATE TABLE last AS SELECT key, max(place) AS place FROM new GROUP BY key")
        connection.execute(
            "CREATE TABLE incoming AS SELECT last.key, last.place, new.sample_id FROM last JOIN new USING (place)"
        )
        connection.execute(
            "CREATE TABLE met AS SELECT key, count(*) = 1 AND first(base.sample_id) = first(incoming.sample_id) AS same,"
            " first(incoming.place) AS place FROM base JOIN incoming USING (key) GROUP BY key"
        )
        replaced = "SELECT place FROM base WHERE key IN (SELECT key FROM met WHERE NOT same) ORDER BY place"
        dropped = (
            "SELECT place FROM new WHERE place NOT IN (SELECT place FROM last)"
            " OR place IN (SELECT place FROM met WHERE same) ORDER BY place"
        )
        found = connection.execute(
            "SELECT (SELECT count(*) FROM last), (SELECT count(*) FROM new),"
            " (SELECT count(*) FROM met), (SELECT count(*) FROM met WHERE same)"
        ).fetchone()
        assert found is not None  # a query without FROM always has its one row
        keys, samples, met, same = found
        return Upsert(
            base=_with(base, _places(connection, replaced)),
            new=_with(new, _places(connection, dropped)),
            num_added=keys - met,
            num_changed=met - same,
            num_unchanged=same,
            num_superseded=samples - keys,
        )


def delete(version: OpenVersion, where: Filter, *, limits: DuckLimits | None = None) -> Deleted:
    """The deletions of the version's parts once the samples that `where` keeps are gone, too."""
    with connect(version.folders, limits=limits) as connection:
        return _with(version, _matching(connection, version, where))


def load_keys(connection: Connection, name: str, version: OpenVersion, key_field: str) -> None:
    """A table of a version's samples: `place` is the row in the version; numbers that are equal are one key."""
    connection.execute(f"CREATE TABLE {name} (place BIGINT, sample_id BLOB, key VARCHAR)")
    for number in range(len(version.parts)):
        query = version.query(number)
        key = query.spelled(key_field) if key_field else "NULL"
        start = version.row_starts[number]
        select = f"SELECT file_row_number + {start}, sample_id, {key} FROM {query.source()}"
        connection.execute(f"INSERT INTO {name} {select}", query.arguments(select))


def _matching(connection: Connection, version: OpenVersion, where: Filter) -> Iterator[Ints]:
    for number in range(len(version.parts)):
        query = version.query(number)
        start = version.row_starts[number]
        select = (
            f"SELECT file_row_number + {start} AS place FROM {query.source()} WHERE {where.to_sql(query)}"
        )
        found = connection.sql(f"{select} ORDER BY place", params=query.arguments(select))
        yield from _batches(found)


def _places(connection: Connection, select: str) -> Iterator[Ints]:
    yield from _batches(connection.sql(select))


def _batches(found: Relation) -> Iterator[Ints]:
    for batch in batches(found, rows=BATCH):
        yield batch.column(0).to_numpy()


def _with(version: OpenVersion, places: Iterator[Ints]) -> Deleted:
    """The version's deletions and further rows, given ascending in batches, by part."""
    deleted = list(version.deleted)
    for batch in places:
        number = np.searchsorted(version.row_starts, batch, side="right") - 1
        for part in np.unique(number).tolist():
            rows = batch[number == part] - version.row_starts[part]
            known = deleted[part]
            deleted[part] = rows if known is None else np.union1d(known, rows)
    return tuple(deleted)
