"""themis push: files become a new version."""

import hashlib
from pathlib import Path
from typing import Any

import click
import msgspec

from themisdb_datasets.client.client import Client
from themisdb_datasets.client.upload import file_identity, note_of
from themisdb_datasets.commands.places import complete_dataset, dataset_of
from themisdb_datasets.commands.session import Session, with_session
from themisdb_datasets.errors import ConflictError, GoneError, NotFoundError

MODES = ("append", "upsert", "replace")


@click.command()
@with_session
@click.argument("dataset", shell_complete=complete_dataset)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--mode", type=click.Choice(MODES), default="append", show_default=True)
@click.option("--note", default="", help="What the version is about.")
@click.option("--create", is_flag=True, help="Make the dataset where there is none of this name.")
@click.option("--key-field", default="id", show_default=True, help="Of a dataset that is made.")
@click.option("--timestamp-field", default="", help="Of a dataset that is made.")
@click.option("--again", is_flag=True, help="Also where just this was pushed in the last two days.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the ingest.")
def push(
    session: Session,
    dataset: str,
    files: tuple[Path, ...],
    mode: str,
    note: str,
    create: bool,
    key_field: str,
    timestamp_field: str,
    again: bool,
    no_wait: bool,
) -> None:
    """Send FILES (.jsonl, .json, .csv, .parquet, also as .gz or .zst) and ingest them as one version of a DATASET.

    Called again after a break it goes on where it was, and where it had succeeded it says so: nothing is ingested twice.
    """
    client = session.client
    made = {"name": dataset, "key_field": key_field, "timestamp_field": timestamp_field}
    found = _dataset(client, dataset, made if create else None)
    body = {"mode": mode, "note": note}
    done_before = _note(client, found, files, body)
    job = None if again else _asked_before(client, found, done_before)
    before = "" if job is None else "These files were pushed before; --again ingests them once more.\n"
    if job is None:
        asked = {**body, "uploads": _uploaded(session, files)}
        done_before.write_bytes(msgspec.json.encode(asked))
        job = _ask(client, found, asked)
    if no_wait:
        session.answer(
            job, f"{before}Job {job['id']} has begun: {session.client.server.base_url}/jobs/{job['id']}/"
        )
        return
    with session.bar(job["title"], unit="") as report:

        def told(job: dict[str, Any]) -> None:
            report(job["done"], job["total"])

        done = client.wait(job, report=told)
    version = client.get(f"versions/{done['result']['version']}/")
    count = done["result"].get("num_rejects", 0)  # where nothing changed, the version is of an earlier ingest
    rejected = f", {_counted(count, 'line')} rejected" if count else ""
    session.answer(
        version,
        f"{before}Version {version['number']} of {found['name']}: {_counted(version['num_samples'], 'sample')}{rejected}.\n"
        f"{version['digest']}",
    )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _dataset(client: Client, name: str, made: dict[str, str] | None) -> dict[str, Any]:
    """The dataset, which is `made` where there is none of this name; NotFoundError where it shall not be."""
    try:
        return dataset_of(client, name)
    except NotFoundError:
        if made is None:
            raise
        found: dict[str, Any] = client.post("datasets/", made)
        return found


def _uploaded(session: Session, files: tuple[Path, ...]) -> list[Any]:
    uploads = []
    for path in files:
        with session.bar(path.name) as report:
            uploads.append(session.client.upload(path, report=report))
    return uploads


def _note(client: Client, dataset: dict[str, Any], files: tuple[Path, ...], body: dict[str, str]) -> Path:
    """Where it is noted what was asked for with these very files; another remark makes nothing else of them."""
    asked = [client.server.base_url, dataset["url"], body["mode"], *map(file_identity, files)]
    return note_of("pushes", "\n".join(asked))


def _asked_before(client: Client, dataset: dict[str, Any], note: Path) -> dict[str, Any] | None:
    """The job that a call before this one asked for, or would have had it not been killed; None where there is none."""
    try:
        job = _ask(client, dataset, msgspec.json.decode(note.read_bytes()))
    except (FileNotFoundError, msgspec.DecodeError, ConflictError, NotFoundError, GoneError):
        return None
    return None if job["state"] in ("failed", "cancelled") else job


def _ask(client: Client, dataset: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The job of the ingest; the same uploads are the same one, however often it is asked for."""
    key = hashlib.sha256(msgspec.json.encode(body)).hexdigest()
    job: dict[str, Any] = client.post(f"{dataset['url']}versions/", body, idempotency_key=key)["job"]
    return job
