"""The archive of snapshots: whole folders, and a link that never leads astray."""

import os
import stat
from pathlib import Path

import pytest

from themisdb_datasets.engine.snapshots.archive import Archive
from themisdb_datasets.errors import NotFoundError

FIRST, SECOND = "1-0123456789ab", "2-ba9876543210"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    (tmp_path / "file").write_bytes(b"bytes")
    archive = Archive(tmp_path / "archive")
    for name in (FIRST, SECOND):
        archive.place(7, name, {"snapshot.duckdb": tmp_path / "file"})
    return archive


def age(path: Path, seconds: float) -> None:
    at = path.stat().st_mtime - seconds
    os.utime(path, (at, at))


def test_files_take_their_room_once_and_cannot_be_written_to(archive: Archive, tmp_path: Path) -> None:
    file = archive.folder(7, FIRST) / "snapshot.duckdb"
    assert file.samefile(tmp_path / "file")
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert {path.name for path in (archive.root / "7").iterdir()} == {FIRST, SECOND}


def test_the_link_leads_to_what_it_was_pointed_at_wherever_the_archive_is(
    archive: Archive, tmp_path: Path
) -> None:
    archive.point(7, "laerm", FIRST)
    archive.point(7, "laerm", SECOND)
    assert archive.pointed(7, "laerm") == SECOND
    assert archive.links() == [(7, "laerm")]
    archive.root.rename(tmp_path / "elsewhere")
    moved = Archive(tmp_path / "elsewhere")
    assert (moved.link(7, "laerm") / "snapshot.duckdb").read_bytes() == b"bytes"
    moved.point(7, "laerm", None)
    assert (moved.pointed(7, "laerm"), moved.links()) == (None, [])


def test_what_nobody_keeps_stays_for_its_readers_and_goes_then(archive: Archive) -> None:
    for name in (FIRST, SECOND):
        age(archive.folder(7, name), 100)
    assert archive.remove_unkept(lambda dataset, name: (dataset, name) == (7, SECOND), grace_seconds=200) == 0
    archive.touch(7, FIRST)
    assert archive.remove_unkept(lambda *_: False, grace_seconds=50) == 1  # the second, touched long ago
    assert archive.remove_unkept(lambda *_: True, grace_seconds=-1) == 0
    assert archive.folder(7, FIRST).is_dir()
    assert archive.remove_unkept(lambda *_: False, grace_seconds=-1) == 1
    assert list((archive.root / "7").iterdir()) == []


def test_what_a_killed_process_left_goes_too(archive: Archive) -> None:
    left = archive.root / "7" / f".{FIRST}.{'0' * 32}"
    left.mkdir()
    age(left, 100)
    assert archive.remove_unkept(lambda *_: True, grace_seconds=50) == 0
    assert not left.exists()


def test_a_folder_that_is_there_is_placed_again_as_it_is(archive: Archive, tmp_path: Path) -> None:
    age(archive.folder(7, FIRST), 100)
    before = archive.folder(7, FIRST).stat()
    archive.place(7, FIRST, {"snapshot.duckdb": tmp_path / "file"})
    after = archive.folder(7, FIRST).stat()
    assert (after.st_ino, after.st_mtime > before.st_mtime + 50) == (before.st_ino, True)


@pytest.mark.parametrize("name", ["", ".", "..", "1", "1-../../etc", "current", f"{FIRST}/x", f"{FIRST}\n"])
def test_names_that_are_none_never_reach_the_disk(archive: Archive, name: str) -> None:
    with pytest.raises(NotFoundError):
        archive.folder(7, name)
    if name != "current" and name != "1":
        with pytest.raises(NotFoundError):
            archive.link(7, name)
