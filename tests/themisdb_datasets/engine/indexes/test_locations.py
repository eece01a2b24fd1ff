"""Byte-offset indexes are byte for byte those of data-forager, and of a version they need no second look at its lines."""

import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from data_forager.datasets.jsonl import JsonlDataset
from data_forager.indexers.jsonl_indexer import create_default_jsonl_indexer
from hypothesis import given
from hypothesis import strategies as st

from tests.versions import make_version
from themisdb_datasets.engine.indexes.locations import index_version
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.offsets import CHUNK_BYTES, LOCATIONS, OffsetIndex, index_files, line_ends

CONTENTS = {
    "lines": b'{"a": 1}\n{"a": 22}\n',
    "no LF at the end": b'{"a": 1}\n{"a": 2}',
    "empty lines": b'\n\n\n{"a": 1}\n\n\n',
    "one byte": b"\n",
    "over several chunks": (b"x" * 70_001 + b"\n") * 400 + b"\n" * 9 + b"end",
    "ends with a chunk": b"x" * (CHUNK_BYTES - 1) + b"\n",
    "goes on after a chunk": b"x" * CHUNK_BYTES + b"\n",
    "no line ends": b"x" * (CHUNK_BYTES + 3),
    "nothing": b"",
}


@pytest.mark.parametrize("name", CONTENTS)
def test_the_index_of_files_is_byte_for_byte_that_of_data_forager(tmp_path: Path, name: str) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        (folder / "sub").mkdir(parents=True)
        (folder / "a1.jsonl").write_bytes(b'{"first": true}\n')
        (folder / "a2.jsonl").write_bytes(CONTENTS[name])
        (folder / "sub" / "a10.jsonl").write_bytes(b'{"last": true}')
    create_default_jsonl_indexer(str(theirs))()
    files = [ours / name for name in ("a1.jsonl", "a2.jsonl", "sub/a10.jsonl")]
    index_files(ours, files)
    for written in ("file_location.txt", "sample_locations.bin"):
        assert (ours / "index" / written).read_bytes() == (theirs / "index" / written).read_bytes()


@given(st.lists(st.binary(max_size=40), max_size=30), st.booleans())
def test_line_ends_are_those_of_readline(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], ended: bool
) -> None:
    data = b"\n".join(pieces) + b"\n" * ended
    path = tmp_path_factory.getbasetemp() / "lines"
    path.write_bytes(data)
    ends = [end for batch in line_ends(path) for end in batch.tolist()]
    assert ends == np.cumsum([len(line) for line in BytesIO(data)]).tolist()


def indexed(
    version: OpenVersion, folder: Path, positions: list[int] | None, **options: object
) -> OffsetIndex:
    path = folder / "locations.bin"
    some = None if positions is None else np.array(positions, np.int64)
    index_version(version, some, path, **options)  # type: ignore[arg-type]
    return OffsetIndex(path, [part.path / "samples.jsonl" for part in version.parts])


def test_the_index_of_a_version_has_its_samples_less_what_is_deleted(tmp_path: Path) -> None:
    whole = make_version(tmp_path, *([{"n": n} for n in range(start, start + 7)] for start in (0, 7, 14)))
    left = OpenVersion(whole.parts, (np.array([0, 6]), None, np.arange(6)))
    for version in (whole, left):
        lines = [version.line(n) + b"\n" for n in range(version.num_samples)]
        assert list(indexed(version, tmp_path, None)) == lines
        some = [n for n in range(version.num_samples) if n % 3]
        assert list(indexed(version, tmp_path, some)) == [lines[n] for n in some]


def test_the_index_of_an_appended_version_goes_on_from_the_one_before(tmp_path: Path) -> None:
    before = make_version(tmp_path, [{"n": n} for n in range(5)])
    after = OpenVersion((*before.parts, *make_version(tmp_path, [{"n": 7}, {"n": 8}]).parts), (None, None))
    indexed(before, tmp_path, [0, 2, 4])
    kept = (tmp_path / "locations.bin").rename(tmp_path / "before.bin")
    found = indexed(after, tmp_path, [6], base=(kept, 3))
    assert [after.line(n) + b"\n" for n in (0, 2, 4, 6)] == list(found)


def test_eight_threads_read_what_they_ask_for(tmp_path: Path) -> None:
    lines = [b'{"n": %d, "text": "%s"}\n' % (n, b"x" * (n % 300)) for n in range(5_000)]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    index_files(tmp_path, [tmp_path / "a.jsonl"])
    index = OffsetIndex.open(tmp_path)
    wrong: list[int] = []

    def read(seed: int) -> None:
        asked = np.random.default_rng(seed).integers(-5_000, 5_000, 4_000)
        wrong.extend(n for n in asked.tolist() if index[n] != lines[n])
        wrong.extend(
            seed for batch in asked.reshape(-1, 32) if index.__getitems__(batch) != [lines[n] for n in batch]
        )

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_data_forager_opens_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"n": 1}\n{"n": 2}\n')
    index_files(tmp_path, [tmp_path / "a.jsonl"])
    opened = JsonlDataset.create_from_index_on_filesystem(str(tmp_path))
    assert [opened[n] for n in range(len(opened))] == [{"n": 1}, {"n": 2}]
    assert (tmp_path / "index" / LOCATIONS).stat().st_size == 48
