"""A folder as a tar file: any part of it is what the whole has there, and tar unpacks it."""

import io
import tarfile
from pathlib import Path

import pytest
from data_forager.datasets.jsonl import JsonlDataset
from hypothesis import given
from hypothesis import strategies as st

from themisdb_datasets.engine.indexes.locations import as_one_file
from themisdb_datasets.engine.indexes.tar import File, HeldBytes, IndexLines, Tar
from themisdb_datasets.offsets import OffsetIndex, index_files

LINES = [b'{"n": %d, "text": "%s"}\n' % (n, b"x" * (n % 50)) for n in range(1_500)]


def folder(root: Path) -> Tar:
    """The even lines of two files as a folder with an index."""
    (root / "a.jsonl").write_bytes(b"".join(LINES[:700]))
    (root / "b.jsonl").write_bytes(b"".join(LINES[700:]))
    index_files(root, [root / "a.jsonl", root / "b.jsonl"])
    whole = OffsetIndex.open(root)
    even = root / "even.bin"
    data = (root / "index" / "sample_locations.bin").read_bytes()
    even.write_bytes(b"".join(data[24 * n : 24 * n + 24] for n in range(0, len(LINES), 2)))
    as_one_file(even, root / "places.bin")
    lines = IndexLines(OffsetIndex(even, whole.files), root / "places.bin")
    names = HeldBytes(b"samples.jsonl\n")
    return Tar(
        [
            ("samples.jsonl", lines),
            ("index/file_location.txt", names),
            ("index/sample_locations.bin", File(root / "places.bin")),
        ]
    )


def test_tar_unpacks_it_and_data_forager_opens_what_comes_out(tmp_path: Path) -> None:
    tar = folder(tmp_path)
    data = b"".join(tar.read(0, tar.size))
    assert len(data) == tar.size
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        opened.extractall(tmp_path / "out", filter="data")
    assert (tmp_path / "out" / "samples.jsonl").read_bytes() == b"".join(LINES[::2])
    read = JsonlDataset.create_from_index_on_filesystem(str(tmp_path / "out"))
    assert [read[n]["n"] for n in (0, 1, 400, len(read) - 1)] == [0, 2, 800, 1498]
    assert list(OffsetIndex.open(tmp_path / "out")) == LINES[::2]


def test_any_part_is_what_the_whole_has_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    tar = folder(tmp_path_factory.mktemp("tar"))
    data = b"".join(tar.read(0, tar.size))

    @given(st.integers(0, len(data)), st.integers(0, len(data)))
    def check(start: int, stop: int) -> None:
        assert b"".join(tar.read(start, stop)) == data[start:stop]

    check()


def test_a_folder_without_samples_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.bin").write_bytes(b"")
    assert as_one_file(tmp_path / "empty.bin", tmp_path / "places.bin") == 0
    tar = Tar(
        [("samples.jsonl", IndexLines(OffsetIndex(tmp_path / "empty.bin", []), tmp_path / "places.bin"))]
    )
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar.read(0, tar.size)))) as opened:
        assert opened.getmember("samples.jsonl").size == 0
