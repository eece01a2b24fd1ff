"""Manifests of what was downloaded, and whether the files beside them are what they say."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from themisdb_datasets.client.download import sha256_of
from themisdb_datasets.errors import CorruptError, NotFoundError

MANIFEST = "manifest.json"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a snapshot, an index, an export, a shard or a cached plan; NotFoundError, CorruptError."""
    try:
        manifest: dict[str, Any] = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(
            f"There is no {MANIFEST} in {folder}, so nothing says what its files are."
        ) from None
    except msgspec.DecodeError as error:
        raise CorruptError(f"{folder / MANIFEST} cannot be read: {error}.") from error
    return manifest


def files_of(manifest: dict[str, Any]) -> dict[str, str]:
    """The SHA-256 of each file that a manifest names."""
    files = manifest.get("files")
    if isinstance(files, list):
        return {file["name"]: file["sha256"] for file in files}
    if not isinstance(files, dict):
        raise CorruptError(f"The {MANIFEST} names no files.")
    return {name: about if isinstance(about, str) else about["sha256"] for name, about in files.items()}


def check_folder(folder: Path, *, seen: Callable[[str], None] = lambda name: None) -> Iterator[str]:
    """What is wrong with the folder's files, each in a sentence; `seen` is told the name of each that is looked at."""
    yield from check_files(folder, files_of(read_manifest(folder)), seen=seen)


def check_files(
    folder: Path, files: dict[str, str], *, seen: Callable[[str], None] = lambda name: None
) -> Iterator[str]:
    """What is wrong with these files of the folder, by their SHA-256."""
    for name, digest in files.items():
        seen(name)
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            yield f"{name} lies outside the folder."
        elif not path.is_file():
            yield f"{name} is missing."
        elif sha256_of(path) != digest:
            yield f"{name} is damaged: its SHA-256 is not {digest}."
