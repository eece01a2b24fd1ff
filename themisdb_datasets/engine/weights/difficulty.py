"""What a run told about samples: losses by sample id, folded into one difficulty a sample, and factors made from that.

Feedback is kept as it comes, in files of fixed records that only grow. A fold reads them all and writes one row a
sample: Parquet with `id` (the first 16 bytes of the line's SHA-256), `difficulty` (the mean of its losses) and `num`.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from themisdb_datasets.engine.query.duck import DuckLimits, Relation, batches, connect
from themisdb_datasets.engine.shards.columns import ID_BYTES, SAMPLE_ID, line_ids
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.vectors import Ints

RECORD = np.dtype([("id", f"V{ID_BYTES}"), ("loss", "<f4")])
MAX_LOSS = 1e9
BATCH = 1 << 19
BINS = 40
FOLDED = pa.schema([("id", SAMPLE_ID), ("difficulty", pa.float64()), ("num", pa.int64())])
FACTORS = pa.schema([("id", SAMPLE_ID), ("factor", pa.float64())])

Records = npt.NDArray[np.void]


class RecordFile(NamedTuple):
    """A file of records, of which the first `num_records` count."""

    path: Path
    num_records: int


@dataclass(frozen=True)
class Adaption:
    """How difficulties become factors: `clamp((difficulty / mean difficulty) ^ strength, least, most)`.

    A positive strength favours what is hard, a negative one what is easy, 0 nothing. It is the exponent of
    prioritized sampling (Schaul et al. 2016, arxiv.org/abs/1511.05952).
    """

    strength: float = 1.0
    least: float = 0.5
    most: float = 2.0


def sample_ids(version: OpenVersion, positions: Ints) -> bytes:
    """The ids of the samples at these positions, in any order, end to end: 16 bytes each."""
    rows = version.rows_of(positions)
    parts = np.searchsorted(version.row_starts, rows, side="right") - 1
    rows = rows - version.row_starts[parts]
    ids = np.empty(len(positions), f"V{ID_BYTES}")
    for number in np.unique(parts).tolist():
        part, mine = version.parts[number], np.flatnonzero(parts == number)
        starts, sizes = part.locations[rows[mine], 1:].T.astype(np.int64)
        ids[mine] = np.frombuffer(line_ids(part.buffer, starts, starts + sizes - 1), ids.dtype)
    return ids.tobytes()


def records(ids: bytes, losses: Sequence[float]) -> bytes:
    """The records of these samples and their losses, as they are appended to a file."""
    table: Records = np.empty(len(losses), RECORD)
    table["id"] = np.frombuffer(ids, f"V{ID_BYTES}")
    table["loss"] = losses
    return table.tobytes()


def is_loss(value: Any) -> bool:
    """Whether a value can be a loss: a number from 0 to a billion."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_LOSS


def fold(files: Iterable[RecordFile], folder: Path, *, limits: DuckLimits | None = None) -> Path:
    """Fold all records into `difficulty.parquet` in `folder`, ordered by id. ImpossibleError where there is none."""
    source, target = folder / "told.parquet", folder / "difficulty.parquet"
    schema = pa.schema([("id", SAMPLE_ID), ("loss", pa.float32())])
    with pq.ParquetWriter(source, schema, compression="zstd", compression_level=1) as writer:
        for some in _batches(files):
            ids = pa.Array.from_buffers(
                SAMPLE_ID, len(some), [None, pa.py_buffer(np.ascontiguousarray(some["id"]))]
            )
            losses = pa.array(np.ascontiguousarray(some["loss"]))
            writer.write_table(pa.Table.from_arrays([ids, losses], schema=schema))
    statement = (
        "SELECT id, avg(CAST(loss AS DOUBLE)) AS difficulty, count(*) AS num"
        " FROM read_parquet($source) GROUP BY id ORDER BY id"
    )
    with connect([folder], limits=limits) as connection:
        num = _write(target, FOLDED, connection.sql(statement, params={"source": str(source)}))
    source.unlink()
    if not num:
        raise ImpossibleError("The run has told nothing yet.", code="no_feedback")
    return target


def _batches(files: Iterable[RecordFile]) -> Iterator[Records]:
    for path, num_records in files:
        with path.open("rb") as file:
            left = num_records
            while left:
                some = np.fromfile(file, RECORD, min(left, BATCH))
                if not len(some):
                    raise ImpossibleError(f"{path.name} has lost {left:,} records.", code="feedback_lost")
                left -= len(some)
                yield some


def write_factors(
    difficulty: Path, target: Path, adaption: Adaption, *, limits: DuckLimits | None = None
) -> None:
    """Write the factors of a rule of kind `adaptive`, one a sample that the run has told of, ordered by id."""
    # Where every loss was 0 nothing is harder than anything else.
    share = "CASE WHEN mean > 0 THEN difficulty / mean ELSE 1 END"
    # 0 to a negative power has no value: what is learnt by heart is as easy as can be.
    power = f"CASE WHEN $strength < 0 AND {share} = 0 THEN $most ELSE pow({share}, $strength) END"
    statement = (
        f"SELECT id, greatest($least, least($most, {power})) AS factor"
        " FROM (SELECT id, difficulty, avg(difficulty) OVER () AS mean FROM read_parquet($source)) ORDER BY id"
    )
    values = {
        "source": str(difficulty),
        "strength": float(adaption.strength),
        "least": float(adaption.least),
        "most": float(adaption.most),
    }
    with connect([difficulty], limits=limits) as connection:
        _write(target, FACTORS, connection.sql(statement, params=values))


def _write(target: Path, schema: pa.Schema, found: Relation) -> int:
    num = 0
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer:
        for batch in batches(found, rows=BATCH):
            columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
            num += batch.num_rows
    return num


def describe(difficulty: Path, *, limits: DuckLimits | None = None) -> dict[str, Any]:
    """Counts, mean, quartiles and a histogram (`bins`: from, to, number of samples) of a folded file."""
    with connect([difficulty], limits=limits) as connection:
        source = {"source": str(difficulty)}
        row = connection.execute(
            "SELECT count(*), sum(num), min(difficulty), avg(difficulty), max(difficulty),"
            " quantile_cont(difficulty, [0.25, 0.5, 0.75, 0.99]) FROM read_parquet($source)",
            source,
        ).fetchone()
        assert row is not None  # an aggregate without GROUP BY always has its one row
        num_samples, num_records, least, mean, most, quantiles = row
        # A few outliers would press all others into one bin.
        end = min(most, 2 * quantiles[3] - least) if most > least else most
        width = (end - least) / BINS
        counts = dict(
            connection.execute(
                "SELECT CASE WHEN $width > 0 THEN least(CAST(floor((difficulty - $least) / $width) AS BIGINT), $last)"
                " ELSE 0 END AS bin, count(*) FROM read_parquet($source) GROUP BY bin",
                {**source, "width": width, "least": least, "last": BINS - 1},
            ).fetchall()
        )
    number = BINS if width > 0 else 1
    stops = [*(least + width * (n + 1) for n in range(number - 1)), most]
    return {
        "num_samples": num_samples,
        "num_records": int(num_records),
        "least": least,
        "mean": mean,
        "most": most,
        "quartiles": quantiles[:3],
        "bins": [
            {"from": least + width * n, "to": stops[n], "num_samples": counts.get(n, 0)}
            for n in range(number)
        ],
    }


class Judged(NamedTuple):
    """A sample of a version, and what a run found of it."""

    position: int
    difficulty: float
    num: int


def extremes(
    difficulty: Path,
    version: OpenVersion,
    *,
    hardest: bool = True,
    length: int = 20,
    limits: DuckLimits | None = None,
) -> list[Judged]:
    """The samples of `version` that were hardest, or easiest; those with equal difficulty by position."""
    order = "DESC" if hardest else "ASC"
    with connect([*version.folders, difficulty], limits=limits) as connection:
        tables, values = [], {"difficulty": str(difficulty), "length": length}
        for number in range(len(version.parts)):
            query = version.query(number, prefix=f"p{number}_")
            tables.append(
                f"SELECT file_row_number + {int(version.row_starts[number])} AS place, sample_id FROM {query.source()}"
            )
            values |= query.values
        if not tables:
            return []
        found = connection.execute(
            f"SELECT place, difficulty, num FROM ({' UNION ALL '.join(tables)})"
            f" JOIN read_parquet($difficulty) ON id = sample_id ORDER BY difficulty {order}, place LIMIT $length",
            values,
        ).fetchall()
    positions = version.positions_of(np.array([row[0] for row in found], np.int64))
    return [
        Judged(position, value, num)
        for position, (_, value, num) in zip(positions.tolist(), found, strict=True)
    ]


def check_adaption(adaption: Adaption) -> None:
    """ValueError for numbers that make no sense, with the place before a colon."""
    for place in ("strength", "least", "most"):
        if not math.isfinite(getattr(adaption, place)):
            raise ValueError(f"{place}: a number has to be finite")
    if abs(adaption.strength) > 10:
        raise ValueError("strength: it is from -10 to 10")
    if not 0 <= adaption.least <= adaption.most <= 1e6:
        raise ValueError("least: it is from 0 to most, and most is a million at most")
