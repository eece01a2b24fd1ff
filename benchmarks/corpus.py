"""What is measured on: a given corpus, or the demo corpus over and over, as plain JSONL and as an opened version."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from themis_admin.console.demo.corpus import write_corpus
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import ingest
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.engine.versions.version import OpenVersion

DEFAULT_BYTES = 100_000_000
DAY = date(2025, 1, 1)  # the demo corpus depends on the day; here it is always the same


@dataclass(frozen=True)
class Run:
    """What a part is measured on: the corpus as JSON lines, a folder to work in, rounds, its first port, and a Python with
    torch."""

    corpus: Path
    folder: Path
    rounds: int
    port: int
    trainer: Path


def unpacked(given: Path | None, folder: Path) -> Path:
    """The corpus as a file of JSON lines: the given one, its unpacked copy, or about 100 MB of the demo corpus."""
    if given is not None and given.suffix in (".jsonl", ".ndjson"):
        return given
    path = folder / "corpus.jsonl"
    with path.open("wb") as file:
        if given is not None:
            for chunk in open_source(given, given.name).chunks():
                file.write(chunk)
        else:
            once = folder / "demo.jsonl"
            write_corpus(once, today=DAY)
            text = once.read_bytes()
            for _ in range(-(-DEFAULT_BYTES // len(text))):
                file.write(text)
    return path


def ingested(path: Path, folder: Path) -> OpenVersion:
    """The corpus as a version, its shards in `folder`."""
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    store = ArtifactStore(folder)
    result = ingest(open_source(path, path.name), store=store, workdir=work)
    return OpenVersion.open([store.shard_path(shard.digest) for shard in result.shards])


def text_fields(version: OpenVersion) -> list[str]:
    """The two fields with most bytes among those that are a text in every sample: every exporter can write them."""
    sizes = {
        field.name: sum(_span_bytes(version, field.name))
        for field in version.fields
        if field.types == ("string",) and not field.nulls and not field.absent and "." not in field.name
    }
    names = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:2]
    if len(names) < 2:
        raise SystemExit("The corpus has no two fields that are a text in every sample; take another one.")
    return names[::-1]  # the shorter one is asked for, the longer one answers


def _span_bytes(version: OpenVersion, name: str) -> list[int]:
    found = [(part, part.field(name)) for part in version.parts]
    return [
        int(part.spans[:, field.span, 1].sum(dtype=np.int64))
        for part, field in found
        if field is not None and field.span is not None
    ]
