"""The query behind a selection: criteria run over every shard's columns, in stored order, in bounded memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.engine.query.duck import Connection, Relation, batches
from themisdb_datasets.engine.selections.checks import Checker
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import CorruptError

BATCH = 65_536


class KeptSamples(NamedTuple):
    """Samples that the criteria keep: positions in the version, weights in units, factors [n, number of factors]."""

    positions: npt.NDArray[np.int64]
    weights: npt.NDArray[np.uint16]
    factors: npt.NDArray[np.float64]


class Scan:
    """One run of `criteria` over `version`; `counts` says afterwards how many samples it left out, and why."""

    def __init__(self, connection: Connection, version: OpenVersion, criteria: Criteria) -> None:
        self.connection = connection
        self.version = version
        self.criteria = criteria
        self.checkers = [Checker(check, version) for check in criteria.checks]
        self.counts: dict[str, int] = {"invalid": 0} if criteria.checks else {}

    def __iter__(self) -> Iterator[KeptSamples]:
        """What is kept, ascending, at most 65,536 samples at a time."""
        last = -1
        for batch in self._all() if self.criteria.unique is None else self._unique():
            if not len(batch.positions):
                continue
            # Whoever reads a selection searches in ascending positions. DuckDB keeps the order of Parquet's
            # rows as its default, SQL does not promise it; so it is checked.
            if batch.positions[0] <= last or (np.diff(batch.positions) <= 0).any():
                raise CorruptError("The query returned samples out of order.")
            last = int(batch.positions[-1])
            yield self._checked(batch)

    def _checked(self, batch: KeptSamples) -> KeptSamples:
        for checker in self.checkers:
            passes = checker.passes(batch.positions)
            self.counts["invalid"] += len(passes) - int(np.count_nonzero(passes))
            if checker.check.rejects:
                batch = KeptSamples(batch.positions[passes], batch.weights[passes], batch.factors[passes])
        return batch

    def _all(self) -> Iterator[KeptSamples]:
        for number in range(len(self.version.parts)):
            statement, values = self._statement(number)
            yield from self._batches(self.connection.sql(statement, params=values))

    def _unique(self) -> Iterator[KeptSamples]:
        """Of samples with equal values the first; what memory does not hold, DuckDB spills to its folder."""
        for number in range(len(self.version.parts)):
            statement, values = self._statement(number)
            target = "INSERT INTO kept" if number else "CREATE TEMP TABLE kept AS"
            self.connection.execute(f"{target} {statement}", values)
        if not self.version.parts:
            return
        row = self.connection.execute("SELECT count(*), count(DISTINCT same) FROM kept").fetchone()
        assert row is not None  # an aggregate without GROUP BY always has its one row
        self.counts["duplicates"] = row[0] - row[1]
        first = "SELECT min(place) FROM kept GROUP BY same"
        rows = f"SELECT * EXCLUDE (same) FROM kept WHERE place IN ({first}) ORDER BY place"
        yield from self._batches(self.connection.sql(rows))

    def _statement(self, number: int) -> tuple[str, dict[str, Any]]:
        """The query over one part: `place` is the row in the version, and `same` is equal for duplicates."""
        query, criteria = self.version.query(number), self.criteria
        start = self.version.row_starts[number]
        columns = [f"file_row_number + {start} AS place", f"{criteria.weighting.to_sql(query)} AS weight"]
        if criteria.explain:
            factors = criteria.weighting.factors.values()
            columns += [
                f"CAST({factor.to_sql(query)} AS DOUBLE) AS factor{i}" for i, factor in enumerate(factors)
            ]
        if criteria.unique is not None:
            values = [f"COALESCE({value.to_sql(query)}, '')" for value in criteria.unique]
            # Whole samples: those with one id are equal byte for byte.
            values = values or ["hex(sample_id)"]
            # With its length before it, no value runs into the next.
            joined = ", ".join(f"length({value}), ':', {value}" for value in values)
            # 128 bits of the digest as a UUID: 16 bytes a sample to group by, however long the values are.
            columns.append(f"CAST(left(sha256(concat({joined})), 32) AS UUID) AS same")
        source = query.source()
        where = " AND ".join(condition.to_sql(query) for condition in criteria.conditions) or "TRUE"
        # A file that a rule reads is looked up by a join, which keeps no order; everything else does.
        order = " ORDER BY place" if criteria.weighting.files else ""
        statement = f"SELECT {', '.join(columns)} FROM {source} WHERE {where}{order}"
        return statement, query.arguments(statement)

    def _batches(self, found: Relation) -> Iterator[KeptSamples]:
        for batch in batches(found, rows=BATCH):
            rows, weights, *factors = (_numpy(column) for column in batch.columns)
            table = np.stack(factors, axis=1) if factors else np.empty((len(rows), 0))
            positions = self.version.positions_of(rows.astype(np.int64))
            yield KeptSamples(positions, weights.astype(np.uint16), table)


def _numpy(array: pa.Array) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return found
