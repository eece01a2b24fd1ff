"""themis verify: whether what lies here is what was made there."""

from pathlib import Path

import click

from themisdb_datasets.client.client import Client
from themisdb_datasets.client.download import sha256_of
from themisdb_datasets.client.manifests import MANIFEST, check_files, check_folder, files_of, read_manifest
from themisdb_datasets.commands.places import object_of
from themisdb_datasets.commands.session import Session, with_session
from themisdb_datasets.errors import MalformedError


@click.command()
@with_session
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.argument("what", required=False)
@click.pass_context
def verify(ctx: click.Context, session: Session, path: Path, what: str | None) -> None:
    """Compare the files in the folder PATH with its manifest, or with WHAT is on the server, such as snapshots/3.

    A single file needs WHAT. The exit code is 1 where something is wrong.
    """
    seen: list[str] = []
    if what is not None:
        kind, address = object_of(session.client, what)
        wrong = _compare(session.client, kind, address, path, seen)
    elif path.is_dir():
        wrong = list(check_folder(path, seen=seen.append))
    else:
        raise MalformedError(f"{path} is one file; say of what it is: themis verify {path} artifacts/3")
    verdict = "\n".join(wrong) or f"{path}: all of {len(seen)} files are right."
    session.answer({"path": str(path), "files": seen, "problems": wrong}, verdict)
    ctx.exit(1 if wrong else 0)


def _compare(client: Client, kind: str, address: str, path: Path, seen: list[str]) -> list[str]:
    """What is wrong with a folder or a file, by what the server says."""
    if kind == "index":
        manifest = client.get(address)["manifest"]
        wrong = [] if read_manifest(path) == manifest else [f"{MANIFEST} is not that of {address}"]
        return wrong + list(check_files(path, files_of(manifest), seen=seen.append))
    if kind == "artifact":
        known = {path.name: client.get(f"{address}about/")["sha256"]}
    else:
        known = {file["name"]: file["sha256"] for file in client.get(address)["files"]}
    if path.is_dir():
        return list(check_files(path, known, seen=seen.append))
    seen.append(path.name)
    return [] if sha256_of(path) in known.values() else [f"{path.name} is none of the files of {address}"]
