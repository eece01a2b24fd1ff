"""themis diff: how two versions of a dataset differ."""

import sys
from typing import Any

import click
import msgspec

from themisdb_datasets.commands.places import complete_dataset, dataset_of, version_of
from themisdb_datasets.commands.session import Session, table, with_session
from themisdb_datasets.errors import ImpossibleError

KINDS = ("added", "removed", "changed")


@click.command()
@with_session
@click.argument("dataset", shell_complete=complete_dataset)
@click.argument("old", required=False)
@click.argument("new", default="latest")
@click.option("--samples", type=click.Choice(KINDS), help="Print these samples instead, as JSON lines.")
def diff(session: Session, dataset: str, old: str | None, new: str, samples: str | None) -> None:
    """Say what the version NEW of a DATASET has otherwise than the version OLD: numbers, digests or labels.

    Without them it is the latest version and the one before it.
    """
    client = session.client
    found = dataset_of(client, dataset)
    now = version_of(client, found, new)
    if old is not None:
        against = version_of(client, found, old)["id"]
    elif now["parent"] is not None:
        against = now["parent"]
    else:
        raise ImpossibleError(f"Version {now['number']} is the first; there is none before it.")
    if samples is not None:
        for each in client.pages(f"versions/{now['id']}/diff/samples/", against=against, kind=samples):
            sys.stdout.buffer.write(msgspec.json.encode(each) + b"\n")
        return
    answer: dict[str, Any] = client.get(f"versions/{now['id']}/diff/", against=against)
    rows = [[kind, answer[kind]] for kind in (*KINDS, "unchanged")]
    listing = table(rows, ["samples", "number"])
    if fields := answer["fields"]:
        listing += "\n\n" + table(
            sorted(fields.items(), key=lambda item: -item[1]), ["changed field", "samples"]
        )
    session.answer(answer, listing)
