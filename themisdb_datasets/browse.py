"""Looking into a version: pages of positions by filter, search and order, for people rather than for training."""

from collections.abc import Sequence

import numpy as np

from themisdb_datasets.duck import DuckLimits, connect
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.filters import Filter
from themisdb_datasets.names import nearest
from themisdb_datasets.sql import ShardQuery
from themisdb_datasets.version import OpenVersion

NUMERIC = {"int64", "double"}


def page(
    version: OpenVersion,
    where: Filter | None = None,
    *,
    search: str | None = None,
    order_by: str | None = None,
    descending: bool = False,
    offset: int = 0,
    length: int = 100,
    limits: DuckLimits | None = None,
) -> tuple[list[int], int]:
    """The positions on one page, and how many samples there are in all.

    `search` is a text that any text field holds, in any case; `order_by` is a field, with samples that lack it last
    and ties in stored order. MalformedError for a field that the version does not have.
    """
    if where is None and not search and order_by is None:
        stop = min(offset + length, version.num_samples)
        return list(range(offset, stop)), version.num_samples
    key_kind = _key_kind(version, order_by) if order_by is not None else None
    selects, values = [], {}
    for number, start in enumerate(version.row_starts[:-1].tolist()):
        query = version.query(number, prefix=f"s{number}_")
        tests = [where.to_sql(query)] if where is not None else []
        if search:
            tests.append(_search(query, search))
        key = (
            "NULL"
            if order_by is None
            else query.number(order_by)
            if key_kind == "number"
            else query.text(order_by)
        )
        select = f"SELECT file_row_number + {start} AS place, {key} AS key FROM {query.source()}"
        select += f" WHERE {' AND '.join(tests)}" if tests else ""
        selects.append(select)
        values.update(query.arguments(select))
    if not selects:
        return [], 0
    union = " UNION ALL ".join(selects)
    order = f"key {'DESC' if descending else 'ASC'} NULLS LAST, place" if order_by is not None else "place"
    with connect(version.folders, limits=limits) as connection:
        # The count is a window over the same scan, so that text is read once.
        rows = connection.execute(
            f"SELECT place, count(*) OVER () FROM ({union}) ORDER BY {order} LIMIT $length OFFSET $offset",
            {**values, "length": length, "offset": offset},
        ).fetchall()
        if rows:
            places = np.array([row[0] for row in rows])
            return version.positions_of(places).tolist(), rows[0][1]
        counted = connection.execute(f"SELECT count(*) FROM ({union})", values).fetchone()
    assert counted is not None  # an aggregate without GROUP BY always has its one row
    return [], counted[0]


def _key_kind(version: OpenVersion, name: str) -> str:
    kinds = {field.kind for part in version.parts if (field := part.field(name)) is not None}
    if not kinds and version.num_samples:
        known = [field.name for field in version.fields]
        message = f"There is no field {name!r} to order by{nearest(name, known)}."
        raise MalformedError(message, fields={"order_by": message})
    return "number" if kinds and kinds <= NUMERIC else "text"


def _search(query: ShardQuery, search: str) -> str:
    wanted = query.bind(search)
    columns = searched_columns(query)
    return "(" + " OR ".join(f"COALESCE(contains(lower({c}), lower({wanted})), FALSE)" for c in columns) + ")"


def searched_columns(query: ShardQuery) -> Sequence[str]:
    """The columns that a search looks into: all text, and lists as JSON text; objects' members have their own."""
    names = [
        field.name
        for field in query.shard.fields
        if field.kind == "text" or (field.kind == "json" and "array" in field.types)
    ]
    return [query.text(name) for name in names] or ["''"]
