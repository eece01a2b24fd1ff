"""Manifests of what was downloaded: every damage is a sentence."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from themisdb_datasets.client.manifests import check_folder, files_of, read_manifest
from themisdb_datasets.errors import CorruptError, NotFoundError


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "part").mkdir()
    for name in ("a.jsonl", "part/b.jsonl"):
        (tmp_path / name).write_text(name)
    write(tmp_path, {name: sha256(name.encode()) for name in ("a.jsonl", "part/b.jsonl")})
    return tmp_path


def write(folder: Path, files: Any) -> None:
    (folder / "manifest.json").write_text(json.dumps({"files": files}))


def test_files_are_named_in_three_ways() -> None:
    for files in ({"a": "0"}, {"a": {"sha256": "0", "bytes": 3}}, [{"name": "a", "sha256": "0"}]):
        assert files_of({"files": files}) == {"a": "0"}
    for nonsense in ({}, {"files": 3}, {"files": None}):
        with pytest.raises(CorruptError, match="names no files"):
            files_of(nonsense)


def test_what_is_whole_has_nothing_wrong(folder: Path) -> None:
    seen: list[str] = []
    assert list(check_folder(folder, seen=seen.append)) == []
    assert seen == ["a.jsonl", "part/b.jsonl"]


def test_each_damage_is_said(folder: Path) -> None:
    (folder / "a.jsonl").write_text("a.jsonI")
    (folder / "part" / "b.jsonl").unlink()
    damaged, missing = check_folder(folder)
    assert damaged.startswith("a.jsonl is damaged")
    assert missing == "part/b.jsonl is missing."


def test_a_manifest_does_not_lead_out_of_its_folder(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_text("x")
    write(folder, {"../outside": sha256(b"x"), str(outside): sha256(b"x")})
    assert [told.endswith("lies outside the folder.") for told in check_folder(folder)] == [True, True]


def test_without_a_manifest_nobody_knows(folder: Path) -> None:
    with pytest.raises(NotFoundError):
        read_manifest(folder / "part")
    with pytest.raises(NotFoundError):
        read_manifest(folder / "a.jsonl")
    (folder / "manifest.json").write_text("[1]")
    with pytest.raises(CorruptError):
        read_manifest(folder)
