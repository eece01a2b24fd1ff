"""Samples by number, through an index that data-forager or this engine wrote."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from data_forager.index_stores.fs_based import IndexStore

from tests.themisdb_datasets.ingesting import ingest_bytes
from themisdb_datasets.engine.shards.shard import MappedFile
from themisdb_datasets.errors import CorruptError, NotFoundError
from themisdb_datasets.offsets import OffsetIndex

LINES = [b'{"n":%d}\n' % n for n in range(20)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return ingest_bytes(tmp_path, b"".join(LINES)).shard.path


@pytest.fixture
def index(folder: Path) -> OffsetIndex:
    return OffsetIndex.open(folder)


def test_it_is_read_like_a_list(index: OffsetIndex) -> None:
    assert len(index) == 20
    assert list(index) == LINES
    assert index[-1] == LINES[-1]
    assert index[np.int64(3)] == index[np.uint8(3)] == LINES[3]
    assert index[2:9:3] == LINES[2:9:3]
    assert index[::-1] == LINES[::-1]
    for outside in (20, -21):
        with pytest.raises(IndexError):
            index[outside]
    with pytest.raises(TypeError):
        index["3"]  # type: ignore[call-overload]


def test_it_goes_to_another_process(index: OffsetIndex) -> None:
    assert list(pickle.loads(pickle.dumps(index))) == LINES


def test_it_reads_an_index_over_several_files_that_data_forager_wrote(tmp_path: Path) -> None:
    store = IndexStore(str(tmp_path))
    store.init_store()
    for name, lines in (("a.jsonl", LINES[:5]), ("b.jsonl", LINES[5:])):
        (tmp_path / name).write_bytes(b"".join(lines))
        offset = 0
        for line in lines:
            store.add_sample(str(tmp_path / name), offset, len(line))
            offset += len(line)
    store.close()
    assert list(OffsetIndex.open(tmp_path)) == LINES


def test_a_stale_or_broken_index_is_refused(folder: Path) -> None:
    for changed in (b"".join(LINES)[:-1], b"".join(LINES) + b"{}\n"):
        (folder / "samples.jsonl").write_bytes(changed)
        with pytest.raises(CorruptError, match="index is stale"):
            OffsetIndex.open(folder)
    (folder / "samples.jsonl").write_bytes(b"".join(LINES)[:-1])
    (folder / "manifest.json").write_text('{"files": ["of somebody else"]}')
    shorter = OffsetIndex.open(folder)
    assert shorter[0] == LINES[0]
    with pytest.raises(CorruptError, match="Sample 19"):
        shorter[19]
    locations = folder / "index" / "sample_locations.bin"
    whole = locations.read_bytes()
    for cut in (1, 8):
        locations.write_bytes(whole[:-cut])
        with pytest.raises(CorruptError, match="cut off"):
            OffsetIndex.open(folder)
    with pytest.raises(NotFoundError):
        OffsetIndex.open(folder / "index")


def test_there_may_be_more_files_than_a_process_has_descriptors(tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.jsonl" for n in range(50)]
    places = np.zeros((50, 3), np.uint64)
    for n, file in enumerate(files):
        file.write_bytes(b"%d\n" % n)
        places[n] = n, 0, file.stat().st_size
    (tmp_path / "locations.bin").write_bytes(places.tobytes())
    before = len(list(Path("/dev/fd").iterdir()))
    index = OffsetIndex(tmp_path / "locations.bin", files, open_file=MappedFile)
    again = pickle.loads(pickle.dumps(index))
    assert len(list(Path("/dev/fd").iterdir())) <= before + 2, "one each for the locations"
    assert list(index) == list(again) == [b"%d\n" % n for n in range(50)]
