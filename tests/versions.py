"""Small versions for the tests, built by the real ingest."""

import json
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import ingest
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.engine.versions import browse
from themisdb_datasets.engine.versions.version import OpenVersion


def make_shards(
    root: Path, samples: Iterable[dict[str, Any] | bytes], *, shard_bytes: int = 1 << 28
) -> list[Path]:
    """Ingest samples (objects, or lines as bytes) and return the folders of the shards they became."""
    work = root / uuid.uuid4().hex
    work.mkdir(parents=True)
    lines = [s if isinstance(s, bytes) else json.dumps(s, ensure_ascii=False).encode() for s in samples]
    (work / "corpus.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    store = ArtifactStore(root / "store")
    result = ingest(
        open_source(work / "corpus.jsonl", "corpus.jsonl"), store=store, workdir=work, shard_bytes=shard_bytes
    )
    assert result.num_rejects == 0
    return [store.shard_path(shard.digest) for shard in result.shards]


def make_version(
    root: Path, *parts: Iterable[dict[str, Any] | bytes], shard_bytes: int = 1 << 28
) -> OpenVersion:
    """A version of one ingest a part, in this order."""
    return OpenVersion.open(
        [path for part in parts for path in make_shards(root, part, shard_bytes=shard_bytes)]
    )


def found(version: OpenVersion, question: browse.Question) -> list[int]:
    """The positions that a question finds, in its order."""
    with tempfile.TemporaryDirectory() as folder:
        browse.fill(Path(folder), version, question)
        return [int(position) for position in browse.open_positions(Path(folder))]
