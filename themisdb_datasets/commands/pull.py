"""themis pull: what was frozen, indexed or exported comes to this machine, whole and checked."""

import shutil
import tarfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx

from themisdb_datasets.artifacts import sync_tree
from themisdb_datasets.client.connection import TIMEOUT, Backoff
from themisdb_datasets.client.download import AT_ONCE, bringing, finding, sha256_of
from themisdb_datasets.client.manifests import MANIFEST, check_folder, files_of, read_manifest
from themisdb_datasets.client.steps import take
from themisdb_datasets.commands.places import object_of
from themisdb_datasets.commands.session import Session, size, with_session
from themisdb_datasets.errors import ConflictError, CorruptError, NotFoundError
from themisdb_datasets.offsets import FOLDER as INDEX

Pulled = list[dict[str, Any]]


@click.command()
@with_session
@click.argument("what")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The folder, or of one file its name.")
@click.option(
    "--only", metavar="PATTERN", default="*", help='Of several files those that match, such as "*.duckdb".'
)
@click.option(
    "--at-once", type=click.IntRange(1, 32), default=AT_ONCE, help="Parts of a file that come side by side."
)
@click.option("--replace", is_flag=True, help="Overwrite files that are something else.")
def pull(session: Session, what: str, output: Path | None, only: str, at_once: int, replace: bool) -> None:
    """Download WHAT: snapshots/3, indexes/3, exports/3, artifacts/3, datasets/1/snapshots/SERIES, or a link's address.

    Called again after a break it goes on; what is there already and is right is not sent again. Every file is compared with
    its SHA-256. An index is unpacked to a folder that data-forager and ThemisDataset open.
    """
    if "/d/" in what and what.startswith(("http://", "https://")):
        files = _pull_link(session, what, output, at_once=at_once, replace=replace)
    else:
        kind, path = object_of(session.client, what)
        name = path.strip("/").split("/")
        folder = output or Path(f"{kind}-{name[-1]}")
        if kind != "artifact" and folder.exists() and not folder.is_dir():
            raise ConflictError(f"{folder} is a file, and a folder is needed; choose another name.")
        if kind == "artifact":
            files = [_pull_file(session, {"url": path}, output or Path(), at_once=at_once, replace=replace)]
        elif kind == "index":
            files = _pull_index(session, path, folder, at_once=at_once, replace=replace)
        else:
            files = _pull_files(session, path, folder, only=only, at_once=at_once, replace=replace)
    told = "\n".join(f"{file['path']}  {size(file['num_bytes'])}" for file in files)
    session.answer(files, told)


def _pull_files(
    session: Session, path: str, folder: Path, *, only: str, at_once: int, replace: bool
) -> Pulled:
    """All files of a snapshot or an export, the manifest last: a folder with one is whole."""
    known = session.client.get(path)["files"]
    if not known:
        raise NotFoundError(f"{path} has no files (yet); themis ls says how far it is.")
    wanted = [file for file in known if fnmatch(file["name"], only)]
    if not wanted:
        names = ", ".join(file["name"] for file in known)
        raise NotFoundError(f"No file matches {only!r}; there are {names}.")
    folder.mkdir(parents=True, exist_ok=True)
    wanted.sort(key=lambda file: file["name"] == "manifest.json")
    return [
        _pull_file(session, file, folder / Path(file["name"]).name, at_once=at_once, replace=replace)
        for file in wanted
    ]


def _pull_file(
    session: Session, file: dict[str, Any], target: Path, *, at_once: int, replace: bool
) -> dict[str, Any]:
    with session.bar(file.get("name", target.name)) as report:
        path = session.client.download(
            file["url"], target, sha256=file.get("sha256"), at_once=at_once, replace=replace, report=report
        )
    return _told(path, file.get("sha256") or sha256_of(path))


def _pull_index(session: Session, path: str, folder: Path, *, at_once: int, replace: bool) -> Pulled:
    """An index, unpacked beside its place and moved there whole."""
    index = session.client.get(path)
    if index["sha256"] is None:
        raise NotFoundError(f"{path} is not built (yet); themis ls indexes says how far it is.")
    if folder.is_dir() and any(folder.iterdir()):
        if _is_of(folder, index["manifest"]):
            return _files_of(folder)
        # Only another index is ever removed, whatever else somebody has in a folder of this name.
        if not (replace and (folder / INDEX).is_dir() and (folder / MANIFEST).is_file()):
            raise ConflictError(f"{folder} is there already and is something else; choose another name.")
    archive = folder.with_name(f"{folder.name}.tar")
    _pull_file(
        session,
        {"name": folder.name, "url": f"{path}download/", "sha256": index["sha256"]},
        archive,
        at_once=at_once,
        replace=True,
    )
    unpacked = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(unpacked, ignore_errors=True)
    _unpack(archive, unpacked)
    if folder.exists():
        shutil.rmtree(folder)
    unpacked.rename(folder)
    archive.unlink()
    return _files_of(folder)


def _is_of(folder: Path, manifest: dict[str, Any]) -> bool:
    """Whether the folder holds just this index, undamaged."""
    try:
        return read_manifest(folder) == manifest and not any(check_folder(folder))
    except (NotFoundError, CorruptError):
        return False


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    if wrong := list(check_folder(folder)):
        shutil.rmtree(folder)
        raise CorruptError(f"What was unpacked is not what its manifest says: {wrong[0]}")
    sync_tree(folder)


def _pull_link(session: Session, url: str, output: Path | None, *, at_once: int, replace: bool) -> Pulled:
    """The file of a link: no login is needed, and no token of another server goes there."""
    backoff, parts = Backoff(), urlsplit(url)
    with httpx.Client(timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}) as http:
        try:
            at = f"{parts.scheme}://{parts.netloc}"
            remote = take(http, finding(url, at=at, backoff=backoff))
        except CorruptError:
            raise NotFoundError(
                f"{url} leads to several files or to none; open it in a browser and give the address of one."
            ) from None
        ending = Path(parts.path).name
        target = output or Path()
        if target.is_dir():
            target /= remote.name if remote.name != "download" else ending
        with session.bar(target.name) as report:
            steps = bringing(remote, target, backoff=backoff, at_once=at_once, replace=replace, report=report)
            take(http, steps)
    return [_told(target, remote.sha256)]


def _files_of(folder: Path) -> Pulled:
    """The files of an index, which have been compared with their manifest."""
    return [_told(folder / name, digest) for name, digest in files_of(read_manifest(folder)).items()]


def _told(path: Path, sha256: str) -> dict[str, Any]:
    return {"path": str(path), "num_bytes": path.stat().st_size, "sha256": sha256}
