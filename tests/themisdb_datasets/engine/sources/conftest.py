"""What the tests of sources share."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import IngestResult, ingest
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.engine.sources.source import open_source

BOMB = b'{"a":0}\n' * (1 << 16)  # 512 KiB
NASTY = ["", '"', "\\", '\\"', "],[", "{", "a\nb", "\u2028", "ä", "😀", ",", "\\\\\\"]
TEXTS = st.sampled_from(NASTY) | st.text(max_size=8)


def ingested(root: Path, data: bytes, name: str) -> tuple[list[Any], IngestResult]:
    (root / "work").mkdir(parents=True)
    (root / "upload").write_bytes(data)
    store = ArtifactStore(root / "store")
    source = open_source(root / "upload", name)
    result = ingest(source, store=store, workdir=root / "work")
    assert source.done == source.total
    shards = [Shard.open(store.shard_path(each.digest)) for each in result.shards]
    return [json.loads(shard.line(row)) for shard in shards for row in range(shard.num_samples)], result


def rejects(result: IngestResult) -> list[tuple[int, str]]:
    lines = result.rejects_path.read_text().splitlines()
    return [(reject["line"], reject["reason"]) for reject in map(json.loads, lines)]


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))
