"""Offset indexes: how fast one is made of a file of lines, and how fast shuffled batches of samples are read by it."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.corpus import Run
from benchmarks.timing import Candidate, measure, table
from themisdb_datasets.offsets import FOLDER, OffsetIndex, index_files

LINE_BYTES = (2_000, 200)
FILE_BYTES = 128_000_000
BATCH = 32
BATCHES = 300


def run_index(bench: Run) -> None:
    """Measure and print: ours beside data-forager's indexer and `wc -l`, after the files were compared."""
    for size in LINE_BYTES:
        base = bench.folder / f"index-{size}"
        base.mkdir(parents=True)
        path = base / "lines.jsonl"
        line = b'{"text": "%s"}\n' % (b"x" * (size - 13))
        path.write_bytes(line * (FILE_BYTES // size))
        ours = Candidate(
            "Themis: offset index", partial(_ours, base, path), partial(shutil.rmtree, base / FOLDER, True)
        )
        candidates = [ours, Candidate("wc -l", partial(_wc, path))]
        if _has("data_forager"):
            theirs = partial(_with_data_forager, base, path)
            candidates.insert(1, Candidate("data-forager: JSONL indexer", theirs, ours.reset))
            _compare(base, path)
        measure(candidates, rounds=bench.rounds)
        print(table(f"Offset index of lines of {size:,} bytes", candidates))
        shutil.rmtree(base)
    _say_missing("data_forager")


def _compare(base: Path, path: Path) -> None:
    """Both indexes are the same, byte for byte."""
    found = []
    for build in (_ours, _with_data_forager):
        shutil.rmtree(base / FOLDER, ignore_errors=True)
        build(base, path)
        found.append([file.read_bytes() for file in sorted((base / FOLDER).iterdir())])
    if found[0] != found[1]:
        raise SystemExit("The offset index differs from data-forager's.")


def _ours(base: Path, path: Path) -> int:
    index_files(base, [path])
    return path.stat().st_size


def _with_data_forager(base: Path, path: Path) -> int:
    from data_forager.indexers.jsonl_indexer import create_default_jsonl_indexer

    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        create_default_jsonl_indexer(str(base))()
    return path.stat().st_size


def _wc(path: Path) -> int:
    subprocess.run(["wc", "-l", str(path)], stdout=subprocess.DEVNULL, check=True)
    return path.stat().st_size


def run_access(bench: Run) -> None:
    """Measure and print: batches of 32 samples at random, as their bytes and parsed."""
    base = bench.folder / "access"
    base.mkdir(parents=True)
    path = base / "samples.jsonl"
    os.link(bench.corpus, path) if bench.corpus.stat().st_dev == base.stat().st_dev else shutil.copyfile(
        bench.corpus, path
    )
    index_files(base, [path])
    index = OffsetIndex.open(base)
    order = np.random.default_rng(1).permutation(len(index))[: BATCH * BATCHES].reshape(-1, BATCH)
    size = sum(map(len, index.__getitems__(order.ravel())))
    decode = msgspec.json.Decoder().decode
    readers: dict[str, Callable[[list[int]], Any]] = {
        "Themis: parsed": lambda batch: [decode(line) for line in index.__getitems__(batch)],
        "Themis: bytes": index.__getitems__,
    }
    if _has("data_forager"):
        from data_forager.datasets.jsonl import JsonlDataset

        theirs = JsonlDataset.create_from_index_on_filesystem(str(base))
        readers["data-forager: parsed"] = lambda batch: [theirs[i] for i in batch]
    if _has("datasets"):
        readers["HuggingFace datasets: parsed"] = _huggingface(path, bench.folder)
    candidates = [Candidate(name, partial(_batches, read, order, size)) for name, read in readers.items()]
    measure(candidates, rounds=bench.rounds)
    print(table(f"Batches of {BATCH} samples at random", candidates, num_samples=order.size))
    if "data-forager: parsed" in readers:
        ours, theirs_ = candidates[1], candidates[2]
        print(
            f"  bytes of ours beside data-forager, which always parses: {theirs_.median / ours.median:.1f}x"
        )
    _say_missing("data_forager", "datasets")


def _huggingface(path: Path, folder: Path) -> Callable[[list[int]], Any]:
    import datasets

    datasets.disable_progress_bars()
    loaded = datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(folder / "huggingface")
    )
    return lambda batch: loaded[batch]


def _batches(read: Callable[[list[int]], Any], order: "np.ndarray[Any, Any]", size: int) -> int:
    for batch in order.tolist():
        read(batch)
    return size


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _say_missing(*modules: str) -> None:
    missing = [name for name in modules if not _has(name)]
    if missing:
        print(f"  not installed here, and so not measured: {', '.join(missing)}")
