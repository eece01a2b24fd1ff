"""Files as streams of bytes: every packing read whole, every damage named."""

import gzip
import os
from pathlib import Path

import pytest

from tests.themisdb_datasets.engine.sources.conftest import BOMB, zstd
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.engine.sources.unpacking import UnpackingLimits
from themisdb_datasets.errors import ImpossibleError, MalformedError

CONTENT = b'{"a":1}\n' * 400_000 + os.urandom(5000)


def read(path: Path, data: bytes, name: str) -> bytes:
    (path / "upload").write_bytes(data)
    source = open_source(path / "upload", name)
    chunks = []
    for chunk in source.chunks():
        assert 0 < len(chunk) <= 4 << 20
        chunks.append(chunk)
        assert source.done <= source.total
    assert source.done == source.total == len(data)
    return b"".join(chunks)


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("a.jsonl", CONTENT),
        ("A.NDJSON", CONTENT),
        ("a.jsonl.gz", gzip.compress(CONTENT, 1)),
        ("a.jsonl.gz", gzip.compress(CONTENT[:1_000_000], 1) + gzip.compress(CONTENT[1_000_000:], 1)),
        ("a.ndjson.zst", zstd(CONTENT)),
        ("a.jsonl.zst", zstd(CONTENT[:1_000_000]) + zstd(CONTENT[1_000_000:])),
    ],
    ids=["plain", "capitals", "gzip", "gzip of two members", "zstd", "zstd of two frames"],
)
def test_the_content_comes_out_whole(tmp_path: Path, name: str, packed: bytes) -> None:
    assert read(tmp_path, packed, name) == CONTENT


@pytest.mark.parametrize("cut", [1, 9, 1000])
@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_cut_off_archive_is_no_short_file(tmp_path: Path, name: str, cut: int) -> None:
    packed = gzip.compress(CONTENT, 1) if name.endswith("gz") else zstd(CONTENT)
    with pytest.raises(MalformedError, match=r"was cut off\. Upload it again") as error:
        read(tmp_path, packed[:-cut], name)
    assert error.value.code == "truncated_archive"


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("a.jsonl.gz", CONTENT),
        ("a.jsonl.zst", gzip.compress(CONTENT, 1)),
        ("a.jsonl.gz", gzip.compress(CONTENT, 1) + b"something else"),
        ("a.jsonl.gz", gzip.compress(CONTENT, 1)[:-8] + b"12345678"),
        ("a.jsonl.gz", b""),
    ],
    ids=["not gzip", "not zstd", "garbage behind", "wrong checksum", "empty"],
)
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str, packed: bytes) -> None:
    with pytest.raises(MalformedError, match=r"a\.jsonl"):
        read(tmp_path, packed, name)


@pytest.mark.parametrize("name", ["a.txt", "a.xlsx", "a.jsonl.bz2", "a.gz", "jsonl", ""])
def test_an_unknown_suffix_says_which_are_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImpossibleError, match=r"\.csv or \.parquet, plain or compressed as \.gz or \.zst"):
        read(tmp_path, b"", name)


def test_small_and_plain_files_are_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(zstd(BOMB))
    tight = UnpackingLimits(max_ratio=2)
    assert sum(map(len, open_source(tmp_path / "upload", "a.jsonl.zst", limits=tight).lines())) == len(BOMB)
    (tmp_path / "upload").write_bytes(BOMB)
    tight = UnpackingLimits(max_bytes=100)
    assert sum(map(len, open_source(tmp_path / "upload", "a.jsonl", limits=tight).lines())) == len(BOMB)
