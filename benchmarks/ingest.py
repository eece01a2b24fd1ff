"""Ingest: a source becomes shards, beside what reads JSON into zstd Parquet; each in a process of its own."""

import importlib.util
import multiprocessing
import os
import resource
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import duckdb
import pyarrow.json
import pyarrow.parquet

from benchmarks.corpus import Run
from benchmarks.processes import cpu_seconds
from benchmarks.timing import MEGA, Candidate, measure, table
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import ingest
from themisdb_datasets.engine.sources.source import open_source


def run(bench: Run) -> None:
    """Measure and print; memory is the process's peak beyond what its imports take."""
    work = bench.folder / "ingest"
    tools = {
        "Themis: samples, index, spans, columns": with_themis,
        "DuckDB: read_json to zstd Parquet": with_duckdb,
        "pyarrow: read_json to zstd Parquet": with_pyarrow,
    }
    if importlib.util.find_spec("datasets"):
        tools["HuggingFace datasets: JSON to Parquet"] = with_huggingface
    # A process each, kept over the rounds: imports are not timed, and memory is measured apart.
    context = multiprocessing.get_context("spawn")
    pools = [ProcessPoolExecutor(1, mp_context=context) for _ in tools]
    try:
        before = [pool.submit(_usage).result() for pool in pools]
        candidates = [
            Candidate(name, partial(_in_process, pool, tool, bench.corpus, work), partial(_clear, work))
            for (name, tool), pool in zip(tools.items(), pools, strict=True)
        ]
        measure(candidates, rounds=bench.rounds)
        print(table("Ingest: MB/s of uncompressed source", candidates))
        for candidate, pool, (memory, seconds) in zip(candidates, pools, before, strict=True):
            peak, used = pool.submit(_usage).result()
            each = (used - seconds) / (bench.rounds + 1)
            print(
                f"  {candidate.name:<46} {(peak - memory) / MEGA:>7,.0f} MB more memory at its peak, {each:.2f} s of processor"
            )
        if len(tools) == 3:
            print("  not installed here, and so not measured: datasets")
    finally:
        for pool in pools:
            pool.shutdown()
        shutil.rmtree(work, ignore_errors=True)


def with_themis(corpus: Path, work: Path) -> None:
    """The engine's ingest, with the work and checks of a real one."""
    store = ArtifactStore(work / "storage")
    ingest(open_source(corpus, corpus.name), store=store, workdir=work)


def with_duckdb(corpus: Path, work: Path) -> None:
    """Typed columns of everything, in two threads."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.sql(
            "COPY (SELECT * FROM read_json($source, format = 'newline_delimited', maximum_object_size = 16777216))"
            f" TO '{work / 'out.parquet'}' (FORMAT parquet, COMPRESSION zstd)",
            params={"source": str(corpus)},
        )


def with_pyarrow(corpus: Path, work: Path) -> None:
    """The same by pyarrow's own reader."""
    options = pyarrow.json.ReadOptions(block_size=16 << 20)
    samples = pyarrow.json.read_json(corpus, read_options=options)
    pyarrow.parquet.write_table(samples, work / "out.parquet", compression="zstd")


def with_huggingface(corpus: Path, work: Path) -> None:
    """HuggingFace's own way: its cache of Arrow files first, then Parquet."""
    import datasets

    datasets.disable_progress_bars()
    loaded = datasets.load_dataset(
        "json", data_files=str(corpus), split="train", cache_dir=str(work / "cache")
    )
    loaded.to_parquet(work / "out.parquet")


def _in_process(
    pool: ProcessPoolExecutor, tool: Callable[[Path, Path], None], corpus: Path, work: Path
) -> int:
    pool.submit(tool, corpus, work).result()
    return corpus.stat().st_size


def _clear(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)


def _usage() -> tuple[int, float]:
    """Peak memory in bytes, and seconds of processor time, of this process and those it has started, so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    memory, seconds = usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            told = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            if int(told["PPid"]) == os.getpid():
                memory += int(told.get("VmHWM", "0 kB").split()[0]) * 1024
                seconds += cpu_seconds(int(status.parent.name))
    return memory, seconds
