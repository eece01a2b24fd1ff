"""Rewriting: the samples that are left, byte for byte and in order, in shards that hold nothing else."""

from pathlib import Path

from tests.versions import make_version
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.versions.edits import delete
from themisdb_datasets.engine.versions.rewriting import CHUNK_BYTES, VersionLines, rewrite
from themisdb_datasets.engine.versions.version import OpenVersion, version_digest


def lines(version: OpenVersion) -> list[bytes]:
    return [version.line(position) for position in range(version.num_samples)]


def test_what_is_left_comes_out_as_it_is_and_the_version_keeps_its_digest(tmp_path: Path) -> None:
    odd = [b'{"n" : 1.10,  "t":"\\u00e4"}', '{"n":2,"t":"ä"}'.encode()]
    whole = make_version(tmp_path, [*odd, *({"n": n, "t": "x" * n} for n in range(3, 40))], [{"n": 99}])
    left = OpenVersion(whole.parts, delete(whole, parse_filter({"field": "n", "op": "eq", "value": 7})))
    store = ArtifactStore(tmp_path / "rewritten")
    shards = rewrite(left, store=store, workdir=tmp_path / "work", shard_bytes=500)
    assert len(shards) > 1
    new = OpenVersion.open([store.shard_path(shard.digest) for shard in shards])
    assert lines(new) == lines(left)
    assert version_digest(new) == version_digest(left) != version_digest(whole)
    assert all(deleted is None for deleted in new.deleted)


def test_chunks_are_whole_lines_of_about_a_mebibyte(tmp_path: Path) -> None:
    long = {"t": "x" * (CHUNK_BYTES // 3)}
    version = make_version(tmp_path, [long] * 7 + [{"t": "y" * (3 * CHUNK_BYTES)}] + [{"t": "z"}] * 5_000)
    source = VersionLines(version)
    chunks = list(source.lines(max_line_bytes=1 << 30))
    assert b"".join(chunks) == b"".join(line + b"\n" for line in lines(version))
    assert all(chunk.endswith(b"\n") for chunk in chunks)
    longest = [max(len(line) for line in chunk.split(b"\n")) for chunk in chunks]
    assert all(len(chunk) - line <= CHUNK_BYTES for chunk, line in zip(chunks, longest, strict=True))
    assert source.done == source.total == version.num_bytes
