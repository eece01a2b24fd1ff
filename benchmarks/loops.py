"""One way to get samples into a training loop, in a process of its own: `python -m benchmarks.loops`, by a Python with torch.

It imports nothing of the server's, for it runs where trainers do.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import requests
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from themisdb_datasets import ThemisDBStreamDataset

STREAM = "/api/export/jsonl_llm/stream"
BATCH = 32
CHUNK_BYTES = 64 << 20
OUTPUT = "output"  # the sample's longer text


class Source(NamedTuple):
    """Where samples are: the server and what it is asked for, a file with the same lines, and a folder for copies."""

    url: str
    token: str
    query: dict[str, Any]
    lines: Path
    folder: Path


class PageDataset(IterableDataset[dict[str, Any]]):
    """The client that ThemisDB's page shows, but that several workers part the samples instead of all taking all."""

    def __init__(self, source: Source, encoding: str | None) -> None:
        self.source, self.encoding = source, encoding

    def __iter__(self) -> Iterator[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.source.token}"}
        if self.encoding is not None:
            headers["Accept-Encoding"] = self.encoding
        body = dict(self.source.query)
        if (worker := get_worker_info()) is not None:
            body |= {"rank": worker.id, "world_size": worker.num_workers}
        response = requests.post(self.source.url + STREAM, headers=headers, json=body, stream=True)
        response.raise_for_status()
        for line in response.iter_lines():
            if line:
                yield json.loads(line)


def page(source: Source, num_workers: int, *, encoding: str | None = None) -> Any:
    """requests, `iter_lines` and json."""
    return DataLoader(PageDataset(source, encoding), batch_size=BATCH, num_workers=num_workers)


def themis(source: Source, num_workers: int, *, cached: bool = False, **query: Any) -> Any:
    """Ours, from the live stream or from the cache that `copy` filled."""
    dataset = ThemisDBStreamDataset(
        source.url,
        source.token,
        query_params={**source.query, **query},
        cache_dir=source.folder / "cache" if cached else None,
    )
    return DataLoader(dataset, batch_size=BATCH, num_workers=num_workers)


def huggingface(source: Source, num_workers: int) -> Any:
    """HuggingFace's streaming, of a local file of JSON lines for each worker, which are its shards."""
    from datasets import load_dataset

    files = sorted(map(str, (source.folder / "lines").glob("*.jsonl")))
    dataset = load_dataset(
        "json",
        data_files=files,
        streaming=True,
        split="train",
        cache_dir=str(source.folder / "huggingface"),
    )
    return DataLoader(dataset, batch_size=BATCH, num_workers=num_workers)


def mosaic(source: Source, num_workers: int) -> Any:
    """mosaicml-streaming, of a local copy in its own format."""
    from streaming import StreamingDataset

    dataset = StreamingDataset(local=str(source.folder / "mosaic"), batch_size=BATCH, shuffle=False)
    return DataLoader(dataset, batch_size=BATCH, num_workers=num_workers)


def litdata(source: Source, num_workers: int, *, shuffle: bool = False) -> Any:
    """litdata, of a local copy in its own format."""
    from litdata import StreamingDataLoader, StreamingDataset

    dataset = StreamingDataset(str(source.folder / "litdata"), shuffle=shuffle)
    return StreamingDataLoader(dataset, batch_size=BATCH, num_workers=num_workers)


# By the name of the package that each needs.
LOOPS: dict[str, tuple[str, Callable[[Source, int], Any]]] = {
    "Themis: live stream": ("torch", themis),
    "Themis: live stream, shuffled": ("torch", partial(themis, order="shuffled")),
    "Themis: disk cache, a later epoch": ("torch", partial(themis, cached=True)),
    "Themis: disk cache, shuffled": ("torch", partial(themis, cached=True, order="shuffled")),
    "the page's client": ("requests", page),
    "the page's client, uncompressed": ("requests", partial(page, encoding="identity")),
    "HuggingFace streaming, local JSONL": ("datasets", huggingface),
    "mosaicml-streaming, local copy": ("streaming", mosaic),
    "litdata, local copy": ("litdata", litdata),
    "litdata, local copy, shuffled": ("litdata", partial(litdata, shuffle=True)),
}


def names() -> list[str]:
    """The ways whose packages are installed here."""
    return [name for name, (package, _) in LOOPS.items() if importlib.util.find_spec(package)]


def copy(source: Source) -> None:
    """Write the lines as each local format has them, and fill our cache."""
    samples = [json.loads(line) for line in source.lines.read_bytes().splitlines()]
    shards = source.folder / "lines"
    shards.mkdir()
    for number in range(2):
        part = samples[number::2]
        (shards / f"{number}.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in part))
    if importlib.util.find_spec("streaming"):
        from streaming import MDSWriter

        columns = {name: "float64" if name == "weight" else "str" for name in samples[0]}
        with MDSWriter(out=str(source.folder / "mosaic"), columns=columns, size_limit=CHUNK_BYTES) as writer:
            for sample in samples:
                writer.write(sample)
    if importlib.util.find_spec("litdata"):
        from litdata.streaming import Cache

        cache = Cache(str(source.folder / "litdata"), chunk_bytes=CHUNK_BYTES)
        for number, sample in enumerate(samples):
            cache[number] = sample
        cache.done()
        cache.merge()
    for _ in themis(source, 0, cached=True):
        pass


def run(source: Source, name: str, num_workers: int) -> dict[str, Any]:
    """One epoch: how long it took from the loop's begin to its end, and of which samples it was."""
    loader = LOOPS[name][1](source, num_workers)
    begin = time.perf_counter()
    count = sum(len(batch[OUTPUT]) for batch in loader)
    return {"seconds": time.perf_counter() - begin, "num_samples": count}


def digest(source: Source, name: str, num_workers: int) -> dict[str, Any]:
    """How many samples there are, and what their texts come to in any order."""
    total = count = 0
    for batch in LOOPS[name][1](source, num_workers):
        for text in batch[OUTPUT]:
            total += int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
            count += 1
    return {"num_samples": count, "digest": total % 2**64}


def main() -> None:
    """Do what the arguments say and print its result, the last line of what is said."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("names", "copy", "run", "digest"))
    parser.add_argument("source", type=json.loads)
    parser.add_argument("--name", default="")
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    given = options.source
    source = Source(**{**given, "lines": Path(given["lines"]), "folder": Path(given["folder"])})
    done: Any = None
    if options.what == "names":
        done = names()
    elif options.what == "copy":
        copy(source)
    else:
        done = {"run": run, "digest": digest}[options.what](source, options.name, options.workers)
    sys.stdout.write(f"\n{json.dumps(done)}\n")
    sys.stdout.flush()
    os._exit(0)  # some of the formats' threads never end


if __name__ == "__main__":
    main()
