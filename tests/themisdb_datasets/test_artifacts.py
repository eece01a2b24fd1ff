"""The store: all of an artifact or nothing, under names that are digests."""

from pathlib import Path

import pytest

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.errors import NotFoundError

DIGEST = "ab" * 32


def folder(path: Path, content: str) -> Path:
    (path / "index").mkdir(parents=True)
    (path / "index" / "file").write_text(content)
    return path


def test_a_published_folder_is_whole_and_the_work_folder_gone(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    assert not store.has("shards", DIGEST)
    published = store.publish_folder(folder(tmp_path / "work", "x"), kind="shards", digest=DIGEST)
    assert published == store.shard_path(DIGEST) == tmp_path / "store" / "shards" / "ab" / DIGEST
    assert (published / "index" / "file").read_text() == "x"
    assert store.has("shards", DIGEST)
    assert not (tmp_path / "work").exists()


def test_what_is_published_never_changes(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    for content in ("first", "second"):
        published = store.publish_folder(folder(tmp_path / "work", content), kind="shards", digest=DIGEST)
        assert (published / "index" / "file").read_text() == "first"
        assert not (tmp_path / "work").exists()
    for content in ("first", "second"):
        (tmp_path / "file").write_text(content)
        assert store.publish_file(tmp_path / "file", kind="blobs", digest=DIGEST).read_text() == "first"
        assert not (tmp_path / "file").exists()


def test_publishing_from_another_disk_is_all_or_nothing_too(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    store = ArtifactStore(tmp_path / "store")
    work = memory / f"themis-{tmp_path.name}"
    published = store.publish_folder(folder(work, "x"), kind="shards", digest=DIGEST)
    assert (published / "index" / "file").read_text() == "x"
    (memory / f"{work.name}-file").write_text("y")
    store.publish_file(memory / f"{work.name}-file", kind="blobs", digest=DIGEST)
    assert sorted(path.name for path in published.parent.iterdir()) == [DIGEST]
    assert not work.exists()


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        ("shards", "../" * 3 + "etc"),
        ("shards", "AB" * 32),
        ("shards", DIGEST + "\n"),
        ("../shards", DIGEST),
        ("", DIGEST),
    ],
)
def test_only_kinds_and_digests_are_names(tmp_path: Path, kind: str, digest: str) -> None:
    with pytest.raises(NotFoundError):
        ArtifactStore(tmp_path).path(kind, digest)
