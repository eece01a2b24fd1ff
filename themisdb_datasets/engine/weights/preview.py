"""Looking at weights before they are used: how a rule's factors are spread over a version, and one sample's weight."""

from dataclasses import dataclass
from typing import Any

import msgspec

from themisdb_datasets.engine.query.duck import Connection, DuckLimits, connect
from themisdb_datasets.engine.query.filters import Filter
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.engine.weights.rules import LARGEST, Curve, Rule, WeightingRule
from themisdb_datasets.engine.weights.weighting import UNIT, Weighting

BINS = 40
ABSENT = -2 * LARGEST  # no factor is ever that small


@dataclass(frozen=True)
class Spread:
    """The factors of a rule over the samples of a version; `bins` are (from, to, number of samples)."""

    num_samples: int
    num_missing: int
    least: float
    mean: float
    most: float
    bins: list[tuple[float, float, int]]
    curve: Curve | None


def spread(
    version: OpenVersion,
    rule: WeightingRule,
    where: Filter | None = None,
    *,
    limits: DuckLimits | None = None,
) -> Spread:
    """How the rule's factors are spread over the samples that `where` keeps; those that are missing count too."""
    # Missing ones get a factor that no rule can give, so that they can be counted apart from those that have
    # the same.
    told = msgspec.structs.replace(rule, missing=ABSENT)
    missing = rule.missing
    with connect(version.readable(Weighting(rules=(("", rule),))), limits=limits) as connection:
        tables = [_factors(connection, version, told, where, number) for number in range(len(version.parts))]
        if not tables:
            return Spread(0, 0, 0.0, 0.0, 0.0, [], rule.curve())
        connection.execute(f"CREATE TEMP TABLE factors AS {' UNION ALL '.join(tables)}")
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE factor = $absent), min(f), avg(f), max(f)"
            " FROM (SELECT factor, CASE WHEN factor = $absent THEN $missing ELSE factor END AS f FROM factors)",
            {"absent": ABSENT, "missing": missing},
        ).fetchone()
        assert row is not None  # an aggregate without GROUP BY always has its one row
        num_samples, num_missing, least, mean, most = row
        if not num_samples:
            return Spread(0, 0, 0.0, 0.0, 0.0, [], rule.curve())
        width = (most - least) / BINS
        counts = dict(
            connection.execute(
                "SELECT CASE WHEN $width > 0 THEN least(CAST(floor((f - $least) / $width) AS INTEGER), $last) ELSE 0 END"
                " AS bin, count(*) FROM (SELECT CASE WHEN factor = $absent THEN $missing ELSE factor END AS f"
                " FROM factors) GROUP BY bin",
                {"absent": ABSENT, "missing": missing, "least": least, "width": width, "last": BINS - 1},
            ).fetchall()
        )
    number = BINS if width > 0 else 1
    bins = [(least + width * n, least + width * (n + 1), counts.get(n, 0)) for n in range(number)]
    return Spread(num_samples, num_missing, least, mean, most, bins, rule.curve())


def _factors(
    connection: Connection,
    version: OpenVersion,
    rule: Rule,
    where: Filter | None,
    number: int,
) -> str:
    """A temporary table of one shard's factors; its values are bound where it is made."""
    query = version.query(number)
    factor = rule.to_sql(query)
    source = query.source()
    kept = where.to_sql(query) if where is not None else "TRUE"
    statement = f"SELECT CAST({factor} AS DOUBLE) AS factor FROM {source} WHERE {kept}"
    connection.execute(f"CREATE TEMP TABLE shard{number} AS {statement}", query.arguments(statement))
    return f"SELECT factor FROM shard{number}"


@dataclass(frozen=True)
class Explanation:
    """One sample's weight, and the factors whose clamped product it is."""

    weight: float
    factors: dict[str, float]


def explain(
    version: OpenVersion, weighting: Weighting, position: int, *, limits: DuckLimits | None = None
) -> Explanation:
    """The weight of the sample at `position`. IndexError outside the version."""
    number, row = version.locate(position)
    query = version.query(number)
    names = list(weighting.factors)
    columns = [weighting.to_sql(query), *(factor.to_sql(query) for factor in weighting.factors.values())]
    source = query.source()
    row_number = query.bind(row)
    statement = f"SELECT {', '.join(columns)} FROM {source} WHERE file_row_number = {row_number}"
    with connect(version.readable(weighting), limits=limits) as connection:
        found: Any = connection.execute(statement, query.arguments(statement)).fetchone()
    return Explanation(found[0] / UNIT, dict(zip(names, map(float, found[1:]), strict=True)))
