"""themis push: files become a new version."""

import hashlib
from pathlib import Path
from typing import Any

import click

from themisdb_datasets.commands.places import complete_dataset, dataset_of
from themisdb_datasets.commands.session import Session, with_session
from themisdb_datasets.errors import NotFoundError

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
    no_wait: bool,
) -> None:
    """Send FILES (.jsonl, .json, .csv, .parquet, also as .gz or .zst) and ingest them as one version of a DATASET.

    A file that broke off goes on where it was, also when the command is called again.
    """
    client = session.client
    try:
        found = dataset_of(client, dataset)
    except NotFoundError:
        if not create:
            raise
        about = {"name": dataset, "key_field": key_field, "timestamp_field": timestamp_field}
        found = client.post("datasets/", about)
    uploads = []
    for path in files:
        with session.bar(path.name) as report:
            uploads.append(client.upload(path, report=report))
    body = {"uploads": uploads, "mode": mode, "note": note}
    # The same uploads are the same ingest, however often it has to be asked for.
    key = hashlib.sha256("\n".join((*uploads, mode, note)).encode()).hexdigest()
    job = client.post(f"datasets/{found['id']}/versions/", body, idempotency_key=key)["job"]
    if no_wait:
        session.answer(job, f"Job {job['id']} has begun: {session.client.server.base_url}/jobs/{job['id']}/")
        return
    with session.bar(job["title"], unit="") as report:

        def told(job: dict[str, Any]) -> None:
            report(job["done"], job["total"])

        done = client.wait(job, report=told)
    version = client.get(f"versions/{done['result']['version']}/")
    rejected = f", {version['num_rejects']:,} lines rejected" if version["num_rejects"] else ""
    session.answer(
        version,
        f"Version {version['number']} of {found['name']}: {version['num_samples']:,} samples{rejected}.\n"
        f"{version['digest']}",
    )
