"""A file goes in, shards come out: counts, cuts, stops, and nothing half-done under a final name."""

import gzip
import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from data_forager.datasets.jsonl import JsonlDataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.themisdb_datasets.ingesting import ingest_bytes
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import ingest
from themisdb_datasets.engine.sources import jsonl
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.errors import CancelledError

LINES = [
    b'{"id":1,"text":"a\\u00e4"}',
    b'  {"id":2}\t',
    b"",
    b"   \t ",
    b'{"id":NaN}',
    b"[1]",
    b'{"id":"\xff"}',
    b'{"id":3,"id":4}',
    b'{"x":{"y":[1,2]}}\r',
    b"\xef\xbb\xbf{}",
    b"{",
    b"x" * 300,
]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from(LINES), max_size=30),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.sampled_from([64, 40, 7, 1 << 20]),
    st.sampled_from([1, 50, 1 << 20]),
)
def test_every_line_that_is_not_blank_is_a_sample_or_a_reject(
    tmp_path: Path, lines: list[bytes], end: bytes, ended: bool, block_bytes: int, shard_bytes: int
) -> None:
    data = end.join(lines) + (end if ended else b"")
    usual = jsonl.BLOCK_BYTES
    jsonl.BLOCK_BYTES = block_bytes
    try:
        got = ingest_bytes(tmp_path, data, shard_bytes=shard_bytes, max_line_bytes=200)
    finally:
        jsonl.BLOCK_BYTES = usual
    physical = data.split(b"\n")
    blank = sum(not line.strip() for line in physical) - (physical[-1] == b"")
    assert got.result.num_blank == blank
    assert got.result.num_samples + got.result.num_rejects == sum(bool(line.strip()) for line in physical)
    wanted = [line.strip().removeprefix(b"\xef\xbb\xbf") for line in physical]
    assert got.lines == [line for line in wanted if line and _is_object(line)]
    numbers = [i for i, line in enumerate(wanted, 1) if line and not _is_object(line)]
    assert [reject["line"] for reject in got.rejects] == numbers
    for reject in got.rejects:
        assert reject["offset"] == sum(len(line) + 1 for line in physical[: reject["line"] - 1])


def _is_object(line: bytes) -> bool:
    def refuse(text: str) -> None:
        raise ValueError(text)

    try:
        return len(line) <= 200 and isinstance(json.loads(line.decode(), parse_constant=refuse), dict)
    except ValueError:
        return False


def test_a_shard_is_its_lines_and_its_name_their_digest(tmp_path: Path) -> None:
    shard = ingest_bytes(tmp_path, b'\xef\xbb\xbf {"a":1}\r\n\r\n{"b":2}').shard
    content = (shard.path / "samples.jsonl").read_bytes()
    assert content == b'{"a":1}\n{"b":2}\n'
    assert shard.digest == shard.path.name == hashlib.sha256(content).hexdigest()
    assert (shard.num_samples, shard.num_bytes) == (2, 16)
    for name, known in shard.manifest["files"].items():
        assert hashlib.sha256((shard.path / name).read_bytes()).hexdigest() == known["sha256"]


def test_data_forager_reads_every_sample_equal_to_ours(tmp_path: Path) -> None:
    samples = [{"n": n, "text": "äöü€😀\n" * n, "deep": [{"x": [n]}]} for n in range(200)]
    data = b"\n".join(
        json.dumps(sample, ensure_ascii=n % 2 == 0).encode() for n, sample in enumerate(samples)
    )
    got = ingest_bytes(tmp_path, data, shard_bytes=20_000)
    assert len(got.shards) > 3
    position = 0
    for shard in got.shards:
        theirs = JsonlDataset.create_from_index_on_filesystem(str(shard.path))
        assert len(theirs) == shard.num_samples
        for i in range(len(theirs)):
            assert theirs[i] == json.loads(shard.line(i)) == samples[position]
            position += 1
    assert position == 200


def test_shards_are_cut_before_the_line_that_would_be_too_much(tmp_path: Path) -> None:
    lines = [b'{"a":"%s"}' % (b"x" * n) for n in (10, 10, 10, 100, 1, 1)]
    got = ingest_bytes(tmp_path, b"\n".join(lines), shard_bytes=45)
    assert [[shard.line(i) for i in range(shard.num_samples)] for shard in got.shards] == [
        lines[:2],
        lines[2:3],
        lines[3:4],
        lines[4:],
    ]


def test_the_same_content_is_the_same_shards_however_it_was_packed(tmp_path: Path) -> None:
    data = b"".join(b'{"n":%d,"x":"%s"}\n' % (n, b"y" * (n % 97)) for n in range(60_000))
    plain = ingest_bytes(tmp_path, data, shard_bytes=1 << 20)
    packed = ingest_bytes(tmp_path, gzip.compress(data, 1), name="corpus.ndjson.gz", shard_bytes=1 << 20)
    assert len(plain.shards) > 3
    assert [shard.digest for shard in plain.shards] == [shard.digest for shard in packed.shards]


def test_a_file_without_samples_makes_no_shard(tmp_path: Path) -> None:
    for data in (b"", b"\n\n  \n", b"[]\n"):
        got = ingest_bytes(tmp_path, data)
        assert got.shards == []
        assert not list((tmp_path / "store").rglob("*.jsonl"))


def test_progress_is_told_at_least_every_8_mb_and_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    data = b'{"a":"%s"}\n' % (b"x" * 1000) * 30_000
    ingest_bytes(tmp_path, data, report=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {len(data)}
    done = [0] + [done for done, _ in told]
    assert done[-1] == len(data)
    assert max(later - sooner for sooner, later in itertools.pairwise(done)) <= 8 << 20


def test_what_report_raises_stops_the_work_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise CancelledError("Told to stop.")

    data = b"".join(b'{"n":%d,"x":"%s"}\n' % (n, b"x" * 1000) for n in range(8_000))
    (tmp_path / "corpus.jsonl").write_bytes(data)
    store = ArtifactStore(tmp_path / "store")
    source = open_source(tmp_path / "corpus.jsonl", "corpus.jsonl")
    with pytest.raises(CancelledError):
        ingest(source, store=store, workdir=tmp_path, shard_bytes=1 << 20, report=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.jsonl", "rejects.jsonl", "store"]
    for folder in (tmp_path / "store" / "shards").glob("*/*"):
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
        for name, known in manifest["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == known["sha256"]
