"""Browsing: a page of 100 samples by search, by condition and by order, asked for the first time and again."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import duckdb

from benchmarks.corpus import Run, ingested, text_fields
from benchmarks.timing import Candidate, measure
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.versions.browse import ORDERED_CHARS, Positions, Question, fill, open_positions
from themisdb_datasets.engine.versions.statistics import compute
from themisdb_datasets.engine.versions.version import OpenVersion

PAGE, SECOND = 100, 100
SEARCHED = "verordnung"


def run(bench: Run) -> None:
    """Measure and print: ours beside DuckDB over a Parquet file that it made of the same lines, after a comparison."""
    version = ingested(bench.corpus, bench.folder / "browse")
    short, long = text_fields(version)
    parquet = bench.folder / "browse.parquet"
    _write_parquet(bench.corpus, parquet, [short, long])
    asked = {
        f"search for {SEARCHED!r} in every text": (Question(search=SEARCHED), None, "n"),
        f"{long} contains {SEARCHED!r}": (_contains(long), _contains_sql(long), "n"),
        f"{short} contains {SEARCHED!r}": (_contains(short), _contains_sql(short), "n"),
        f"all, ordered by {short}": (
            Question(order_by=short),
            "TRUE",
            f'left("{short}", {ORDERED_CHARS}), n',
        ),
    }
    print(
        f"Browsing {version.num_samples:,} samples: the second page of {PAGE} and how many there are  ({bench.rounds} rounds)"
    )
    for name, (question, where, order) in asked.items():
        cache = SelectionCache(bench.folder / "kept")
        cache.entry(question.key("kept"), partial(fill, version=version, question=question), open_positions)
        candidates = [
            Candidate(f"Themis: {name}, first", partial(_first, bench.folder, version, question)),
            Candidate("  asked again, or another page", partial(_again, cache, version, question)),
        ]
        if where is not None:
            with_duckdb = partial(_with_duckdb, parquet, where, order)
            if with_duckdb() != _first(bench.folder, version, question):
                raise SystemExit(f"DuckDB finds others: {name}")
            candidates.append(Candidate("  DuckDB, Parquet with all of the sample", with_duckdb))
        _report(candidates, bench.rounds)
    _report(
        [Candidate("Themis: statistics of all fields", partial(_statistics, version, long))], bench.rounds
    )


def _contains(name: str) -> Question:
    return Question(parse_filter({"field": name, "op": "contains", "value": SEARCHED}))


def _contains_sql(name: str) -> str:
    return f"contains(lower(\"{name}\"), '{SEARCHED}')"


def _first(folder: Path, version: OpenVersion, question: Question) -> int:
    with tempfile.TemporaryDirectory(dir=folder) as kept:
        fill(Path(kept), version, question)
        return _page(version, open_positions(Path(kept)))


def _again(cache: SelectionCache, version: OpenVersion, question: Question) -> int:
    def nothing(folder: Path) -> None:
        raise SystemExit("It was not kept.")

    return _page(version, cache.entry(question.key("kept"), nothing, open_positions))


def _page(version: OpenVersion, positions: Positions) -> int:
    """Read the samples of the page; their bytes and how many there are in all, added up to be compared."""
    lines = [version.line(int(position)) for position in positions[SECOND : SECOND + PAGE]]
    return sum(map(len, lines)) + len(positions)


def _write_parquet(corpus: Path, parquet: Path, names: Sequence[str]) -> None:
    """Every line as it is, its number, and these of its fields."""
    fields = "".join(f', json->>\'$."{name}"\' AS "{name}"' for name in names)
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.sql(
            f"COPY (SELECT row_number() OVER () AS n, CAST(json AS VARCHAR) AS line{fields} FROM read_json_objects"
            "($source, format = 'newline_delimited', maximum_object_size = 16777216))"
            f" TO '{parquet}' (FORMAT parquet, COMPRESSION zstd)",
            params={"source": str(corpus)},
        )


def _with_duckdb(parquet: Path, where: str, order: str) -> int:
    """The same page from the file: the count, and the lines, which DuckDB reads for the page alone."""
    source = {"file": str(parquet)}
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}) as connection:
        kept = f"FROM read_parquet($file) WHERE {where}"
        (total,) = connection.execute(f"SELECT count(*) {kept}", source).fetchall()[0]
        page = f"SELECT line {kept} ORDER BY {order} LIMIT {PAGE} OFFSET {SECOND}"
        lines = connection.execute(page, source).fetchall()
    return sum(len(line.encode()) for (line,) in lines) + int(total)


def _statistics(version: OpenVersion, text_field: str) -> int:
    return compute(version, text_field=text_field).num_bytes


def _report(candidates: list[Candidate], rounds: int) -> None:
    measure(candidates, rounds=rounds)
    for candidate in candidates:
        print(f"  {candidate.name:<56} {candidate.median * 1000:>9,.1f} ms")
