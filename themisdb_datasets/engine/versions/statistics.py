"""Statistics of a version, or of some of its samples: counts, sizes, histograms, values and gaps of its fields.

All comes from the columns, a few at a time, so memory does not grow with the texts.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from themisdb_datasets.engine.query.duck import Connection, DuckLimits, connect
from themisdb_datasets.engine.query.filters import Filter
from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.engine.shards.fields import is_number
from themisdb_datasets.engine.versions.version import OpenVersion, VersionField
from themisdb_datasets.progress import Report
from themisdb_datasets.vectors import Ints

SCHEME = "themis statistics 1"
BYTES_A_TOKEN = 4  # about what common tokenizers make of European languages
MAX_BINS = 40
MAX_TIMES = 160
# The units of a histogram over time, in seconds and as SQL; the finest that needs no more bins than that is taken.
UNITS = {
    "hour": (3_600, "INTERVAL 1 HOUR"),
    "day": (86_400, "INTERVAL 1 DAY"),
    "month": (2_629_746, "INTERVAL 1 MONTH"),
    "quarter": (7_889_238, "INTERVAL 3 MONTH"),
    "year": (31_556_952, "INTERVAL 1 YEAR"),
    "decade": (315_569_520, "INTERVAL 10 YEAR"),
    "century": (3_155_695_200, "INTERVAL 100 YEAR"),
}
FARTHEST = 253_402_300_800  # seconds from 1970: the year 10000, where the calendars of JSON and Python end
MAX_FIELDS = 256
FIELDS_AT_ONCE = 16
MAX_COUNTED = 1 << 18  # samples whose different values are counted; those of more are estimated
# The values of a field are counted where it has at most so many different ones, and shown where they are most frequent.
MAX_DISTINCT = 10_000
TOP_VALUES = 20
MAX_VALUE = 100  # characters
MAX_AVERAGE = 200  # bytes of a text whose values are worth counting


class Lengths(msgspec.Struct, frozen=True):
    """How long something is; `bins` are (from, below, number of samples), ever wider where lengths differ much."""

    num_samples: int
    least: int
    mean: float
    median: int
    p95: int
    most: int
    bins: list[tuple[int, int, int]]


class Times(msgspec.Struct, frozen=True):
    """Samples over time; `bins` are (start in seconds since 1970, number of samples), one a `unit` without gaps."""

    field: str
    num_samples: int
    num_missing: int
    earliest: float | None
    latest: float | None
    unit: str
    bins: list[tuple[int, int]]


class Values(msgspec.Struct, frozen=True):
    """The most frequent values of a field, shortened, with their numbers, and in how many samples it has others."""

    top: list[tuple[str, int]]
    num_others: int


class FieldStatistics(msgspec.Struct, frozen=True):
    """One field: `num_distinct` is estimated where there are very many samples; numbers have a least, mean and most."""

    name: str
    types: list[str]
    nulls: int
    absent: int
    num_bytes: int
    num_distinct: int
    least: float | None
    mean: float | None
    most: float | None
    values: Values | None


class Statistics(msgspec.Struct, frozen=True):
    """What is said of some samples; `num_duplicates` are those whose line is equal to an earlier one's."""

    num_samples: int
    num_bytes: int
    num_tokens: int
    num_duplicates: int
    line_bytes: Lengths
    text_field: str
    text_chars: Lengths | None
    times: Times | None
    fields: list[FieldStatistics]
    num_fields: int


def statistics_key(version_digest: str, where: Filter | None, *, text_field: str, time_field: str) -> str:
    """What they are kept under (64 hex digits): versions never change."""
    kept = None if where is None else where.to_document()
    return hashlib.sha256(
        msgspec.json.encode([SCHEME, version_digest, kept, text_field, time_field])
    ).hexdigest()


def narrowed(version: OpenVersion, positions: Ints) -> OpenVersion:
    """The version of these samples alone; `positions` ascend."""
    rows = version.rows_of(positions)
    parts, deleted = [], []
    for part, start, end in zip(
        version.parts, version.row_starts[:-1].tolist(), version.row_starts[1:].tolist(), strict=True
    ):
        first, last = np.searchsorted(rows, [start, end]).tolist()
        if first == last:
            continue
        # All others as deletions: every statistic is then that of a version, and none needs to know of
        # filters.
        gone = np.ones(part.num_samples, np.bool_)
        gone[rows[first:last].astype(np.int64) - start] = False
        parts.append(part)
        deleted.append(np.flatnonzero(gone) if last - first < part.num_samples else None)
    return OpenVersion(tuple(parts), tuple(deleted))


def compute(
    version: OpenVersion,
    *,
    text_field: str = "",
    time_field: str = "",
    limits: DuckLimits | None = None,
    report: Report = lambda done, total: None,
) -> Statistics:
    """The statistics of all samples of `version`; lengths of `text_field` and times of `time_field` where given."""
    fields = version.fields
    steps = len(fields[:MAX_FIELDS]) + 3
    with _tables(version, limits) as tables:
        duplicates = _duplicates(tables)
        report(1, steps)
        chars = _lengths(*tables.lengths(text_field)) if text_field and version.num_samples else None
        report(2, steps)
        times = _times(tables, time_field) if time_field and version.num_samples else None
        report(3, steps)
        told: list[FieldStatistics] = []
        for first in range(0, min(len(fields), MAX_FIELDS), FIELDS_AT_ONCE):
            told += _fields(tables, fields[first : min(first + FIELDS_AT_ONCE, MAX_FIELDS)])
            report(3 + len(told), steps)
    texts = next((field.num_bytes for field in told if field.name == text_field), 0)
    return Statistics(
        num_samples=version.num_samples,
        num_bytes=version.num_bytes,
        num_tokens=(texts or version.num_bytes) // BYTES_A_TOKEN,
        num_duplicates=duplicates,
        line_bytes=_lengths(*_line_bytes(version)),
        text_field=text_field if chars is not None else "",
        text_chars=chars,
        times=times,
        fields=told,
        num_fields=len(fields),
    )


@dataclass(frozen=True)
class _Tables:
    """The columns of all parts, as tables to select from."""

    connection: Connection
    version: OpenVersion

    def select(self, columns: Callable[[ShardQuery], Sequence[str]]) -> tuple[str, dict[str, Any]]:
        """A table of these columns over all parts, in parentheses, and the values it names."""
        selects, values = [], {}
        for number in range(len(self.version.parts)):
            query = self.version.query(number, prefix=f"s{number}_")
            select = f"SELECT {', '.join(columns(query))} FROM {query.source()}"
            selects.append(select)
            values.update(query.arguments(select))
        return f"({' UNION ALL '.join(selects)})", values

    def row(self, statement: str, values: dict[str, Any]) -> tuple[Any, ...]:
        """The only row of an aggregate."""
        found: tuple[Any, ...] | None = self.connection.execute(statement, values).fetchone()
        assert found is not None  # an aggregate without GROUP BY always has its one row
        return found

    def lengths(self, name: str) -> tuple[Ints, Ints]:
        """The different lengths of a text in characters, ascending, and how many samples have each."""
        table, values = self.select(lambda query: [f"length({query.text(name)}) AS n"])
        statement = f"SELECT n, count(*) FROM {table} WHERE n IS NOT NULL GROUP BY n ORDER BY n"
        found = self.connection.execute(statement, values).fetchnumpy()
        lengths, counts = (np.asarray(column).astype(np.int64) for column in found.values())
        return lengths, counts


@contextmanager
def _tables(version: OpenVersion, limits: DuckLimits | None) -> Iterator[_Tables]:
    with connect(version.folders, limits=limits) as connection:
        yield _Tables(connection, version)


def _duplicates(tables: _Tables) -> int:
    if not tables.version.parts:
        return 0
    table, values = tables.select(lambda query: ["sample_id"])
    # Grouped rather than counted distinct: what memory does not hold of the groups is spilled.
    (distinct,) = tables.row(
        f"SELECT count(*) FROM (SELECT sample_id FROM {table} GROUP BY sample_id)", values
    )
    return tables.version.num_samples - int(distinct)


def _line_bytes(version: OpenVersion) -> tuple[Ints, Ints]:
    """The different sizes of the samples' lines, each with its LF, ascending, and how many have each."""
    lengths, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    for part, deleted in zip(version.parts, version.deleted, strict=True):
        sizes = part.locations[:, 2].astype(np.int64)
        some, numbers = np.unique(sizes if deleted is None else np.delete(sizes, deleted), return_counts=True)
        lengths, places = np.unique(np.concatenate([lengths, some]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([counts, numbers]), len(lengths)).astype(np.int64)
    return lengths, counts


def _lengths(lengths: Ints, counts: Ints) -> Lengths:
    if not len(lengths):
        return Lengths(0, 0, 0.0, 0, 0, 0, [])
    total = int(counts.sum())
    reached = np.cumsum(counts)
    # Out of the counts of each length, so nothing is sorted that is as long as the version.
    median, p95 = (int(lengths[np.searchsorted(reached, share * total)]) for share in (0.5, 0.95))
    least, most = int(lengths[0]), int(lengths[-1])
    if most - least < MAX_BINS:
        edges = np.arange(least, most + 2)
    else:
        edges = np.unique(np.round(np.geomspace(max(least, 1), most + 1, MAX_BINS + 1)).astype(np.int64))
        edges[0] = least
    sums, _ = np.histogram(lengths, edges, weights=counts)
    # The last edge of numpy's is inside its bin; here no length is as long as that.
    bins = list(zip(edges[:-1].tolist(), edges[1:].tolist(), sums.astype(np.int64).tolist(), strict=True))
    mean = float((lengths * counts).sum() / total)
    return Lengths(total, least, mean, median, p95, most, bins)


def _times(tables: _Tables, name: str) -> Times:
    table, values = tables.select(lambda query: [f"{query.instant(name)} AS t"])
    within = f"FROM {table} WHERE abs(t) < {FARTHEST}"
    first, last, number = tables.row(f"SELECT min(t), max(t), count(*) {within}", values)
    missing = tables.version.num_samples - number
    if not number:
        return Times(name, 0, missing, None, None, "year", [])
    bins_of = {unit: (last - first) / seconds for unit, (seconds, _) in UNITS.items()}
    unit = next((unit for unit, number_of in bins_of.items() if number_of < MAX_TIMES - 1), "century")
    _, step = UNITS[unit]
    start = f"date_trunc('{unit}', make_timestamp(CAST(t * 1e6 AS BIGINT)))"
    bins = tables.connection.execute(
        f"WITH counted AS (SELECT {start} AS start, count(*) AS n {within} GROUP BY start),"
        f" every AS (SELECT unnest(generate_series(min(start), max(start), {step})) AS start FROM counted)"
        " SELECT CAST(epoch(start) AS BIGINT), COALESCE(n, 0) FROM every LEFT JOIN counted USING (start)"
        " ORDER BY start",
        values,
    ).fetchall()
    return Times(name, number, missing, float(first), float(last), unit, bins)


def _fields(tables: _Tables, fields: Sequence[VersionField]) -> list[FieldStatistics]:
    """What is said of some fields, from one pass over their columns and one more for each whose values are counted."""
    if not tables.version.parts:
        return []

    def columns(query: ShardQuery) -> list[str]:
        texts = [f"{query.spelled(field.name)} AS t{n}" for n, field in enumerate(fields)]
        numbers = (
            query.number(field.name) if is_number(field.types) else "CAST(NULL AS DOUBLE)" for field in fields
        )
        return texts + [f"{number} AS n{n}" for n, number in enumerate(numbers)]

    table, values = tables.select(columns)
    is_counted = tables.version.num_samples <= MAX_COUNTED
    # Of hashes, 8 bytes each, and not of texts, which DuckDB would have to hold.
    distinct = "count(DISTINCT hash(t{n}))" if is_counted else "approx_count_distinct(t{n})"
    aggregates = [
        f"count(t{n}), {distinct.format(n=n)}, sum(strlen(t{n})), min(n{n}), avg(n{n}), max(n{n})"
        for n in range(len(fields))
    ]
    row = tables.row(f"SELECT {', '.join(aggregates)} FROM {table}", values)
    return [_field(tables, field, row[6 * n : 6 * n + 6]) for n, field in enumerate(fields)]


def _field(tables: _Tables, field: VersionField, found: Sequence[Any]) -> FieldStatistics:
    present, distinct, size, *numbers = found
    counted = None
    repeats = distinct <= TOP_VALUES or (distinct <= MAX_DISTINCT and 2 * distinct <= present)
    if present and repeats and size <= MAX_AVERAGE * present and "object" not in field.types:
        counted, distinct = _values(tables, field.name, present)
    # The mean of very large numbers may be beyond what JSON and databases have.
    least, mean, most = (n if n is not None and math.isfinite(n) else None for n in numbers)
    return FieldStatistics(
        name=field.name,
        types=list(field.types),
        nulls=field.nulls,
        absent=field.absent,
        num_bytes=int(size or 0),
        num_distinct=min(distinct, present),
        least=least,
        mean=mean,
        most=most,
        values=counted,
    )


def _values(tables: _Tables, name: str, present: int) -> tuple[Values, int]:
    """The most frequent values of a field, and how many different ones it has."""
    table, values = tables.select(lambda query: [f"{query.spelled(name)} AS t"])
    rows = tables.connection.execute(
        f"SELECT left(t, {MAX_VALUE}), count(*) AS n, count(*) OVER () FROM {table} WHERE t IS NOT NULL"
        f" GROUP BY t ORDER BY n DESC, t LIMIT {TOP_VALUES}",
        values,
    ).fetchall()
    # U+0000 is shown as what stands for it: databases cannot keep it.
    top = [(value.replace("\0", "\N{REPLACEMENT CHARACTER}"), number) for value, number, _ in rows]
    return Values(top, present - sum(number for _, number in top)), rows[0][2]
