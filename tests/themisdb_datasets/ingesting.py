"""The real ingest on bytes given by a test."""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import IngestResult, ingest
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.engine.sources.source import open_source


@dataclass(frozen=True)
class Ingested:
    """What became of the bytes."""

    result: IngestResult
    shards: list[Shard]
    rejects: list[dict[str, Any]]

    @property
    def shard(self) -> Shard:
        """The only shard."""
        (shard,) = self.shards
        return shard

    @property
    def lines(self) -> list[bytes]:
        """All samples."""
        return [shard.line(i) for shard in self.shards for i in range(shard.num_samples)]


def ingest_bytes(root: Path, data: bytes, *, name: str = "corpus.jsonl", **options: Any) -> Ingested:
    """Ingest a file of this content and name."""
    work = root / uuid.uuid4().hex
    work.mkdir(parents=True)
    (work / name).write_bytes(data)
    store = ArtifactStore(root / "store")
    result = ingest(open_source(work / name, name), store=store, workdir=work, **options)
    rejects = [json.loads(line) for line in result.rejects_path.read_bytes().splitlines()]
    shards = [Shard.open(store.shard_path(shard.digest)) for shard in result.shards]
    return Ingested(result, shards, rejects)


def columns_of(shard: Shard) -> dict[str, list[Any]]:
    """The values of every field, and of `rest`, as columns.parquet has them."""
    table = pq.read_table(shard.columns_path)
    columns = {field.name: table[field.column].to_pylist() for field in shard.fields}
    if shard.rest_column:
        columns["(rest)"] = table[shard.rest_column].to_pylist()
    return columns


def kinds_of(shard: Shard) -> dict[str, str]:
    """The kind of every field."""
    return {field.name: field.kind for field in shard.fields}
