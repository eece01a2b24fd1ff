"""themis ls: what there is, as a table or as the API's own objects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from themisdb_datasets.commands.places import complete_dataset, dataset_of
from themisdb_datasets.commands.session import Session, size, table, with_session
from themisdb_datasets.errors import MalformedError

ApiObject = Mapping[str, Any]
ListColumns = dict[str, Callable[[ApiObject], Any]]


def _field(name: str) -> Callable[[ApiObject], Any]:
    return lambda each: each[name]


def _size(each: ApiObject) -> Any:
    return size(each["num_bytes"]) if each["num_bytes"] is not None else None


def _when(name: str) -> Callable[[ApiObject], Any]:
    return lambda each: each[name][:16].replace("T", " ") if each[name] else None


def _latest(name: str) -> Callable[[ApiObject], Any]:
    return lambda each: each["latest"][name] if each["latest"] is not None else None


@dataclass(frozen=True)
class ListKind:
    """A list of the API: its path, with {} where a dataset's id belongs, its columns, and whether it can be of one dataset."""

    path: str
    columns: ListColumns
    by_dataset: bool = False


ID: ListColumns = {"id": lambda each: str(each["id"])}
MADE: ListColumns = {"created": _when("created_at")}
STATE: ListColumns = {"state": _field("state")}
COUNTS: ListColumns = {"samples": _field("num_samples"), "size": _size}
NAME: ListColumns = {"name": _field("name")}
TITLE: ListColumns = {"title": _field("title")}

KINDS = {
    "datasets": ListKind(
        "datasets/",
        {
            **ID,
            **NAME,
            "version": _latest("number"),
            "samples": _latest("num_samples"),
            "size": lambda each: _size(each["latest"]) if each["latest"] is not None else None,
            **MADE,
        },
    ),
    "versions": ListKind(
        "datasets/{}/versions/",
        {
            **ID,
            "number": _field("number"),
            "labels": lambda each: ", ".join(each["labels"]),
            "digest": lambda each: each["digest"][:12],
            **COUNTS,
            "rejected": _field("num_rejects"),
            **MADE,
            "note": _field("note"),
        },
    ),
    "themes": ListKind(
        "themes/", {**ID, **NAME, "description": _field("description"), **MADE}, by_dataset=True
    ),
    "rules": ListKind(
        "weighting-rules/",
        {**ID, **NAME, "kind": lambda each: each.get("kind"), **MADE},
        by_dataset=True,
    ),
    "snapshots": ListKind(
        "snapshots/", {**ID, **TITLE, "series": _field("series"), **STATE, **COUNTS, **MADE}, by_dataset=True
    ),
    "indexes": ListKind(
        "indexes/", {**ID, "kind": _field("kind"), **TITLE, **STATE, **COUNTS, **MADE}, by_dataset=True
    ),
    "exports": ListKind(
        "exports/",
        {**ID, **TITLE, "files": _field("num_files"), **STATE, **COUNTS, "until": _when("expires_at")},
    ),
    "links": ListKind(
        "links/",
        {
            **ID,
            **TITLE,
            **STATE,
            "downloads": _field("num_downloads"),
            "until": _when("expires_at"),
            "note": _field("note"),
        },
    ),
    "jobs": ListKind(
        "jobs/",
        {
            **ID,
            "kind": _field("kind"),
            **TITLE,
            **STATE,
            "done": _field("done"),
            "of": _field("total"),
            **MADE,
        },
    ),
    "streams": ListKind(
        "/api/export",
        {
            "id": _field("export_id"),
            **TITLE,
            "status": _field("status"),
            "done": _field("records_processed"),
            "of": _field("records_total"),
        },
    ),
    "tokenizers": ListKind("tokenizers/", {**ID, **NAME, **MADE}),
    "tokens": ListKind(
        "tokens/",
        {
            **ID,
            **NAME,
            "prefix": _field("prefix"),
            "scopes": lambda each: ", ".join(each["scopes"]),
            **STATE,
            "used": _when("last_used_at"),
        },
    ),
}


@click.command()
@with_session
@click.argument("kind", type=click.Choice(list(KINDS)), default="datasets", metavar="[KIND]")
@click.argument("dataset", required=False, shell_complete=complete_dataset)
def ls(session: Session, kind: str, dataset: str | None) -> None:
    """List datasets, or another KIND: all of them, or those of one DATASET (its name or id).

    Kinds are datasets, versions, themes, rules, snapshots, indexes, exports, links, jobs, streams, tokenizers and tokens.
    """
    known = KINDS[kind]
    path, parameters = known.path, {}
    if dataset is not None:
        found = dataset_of(session.client, dataset)["id"]
        path = path.format(found)
        if known.by_dataset:
            parameters["dataset"] = found
        elif path == known.path:
            raise MalformedError(f"The {kind} cannot be listed by dataset; leave it out.")
    elif "{}" in path:
        raise MalformedError(f"Of which dataset? Write: themis ls {kind} DATASET")
    objects = list(session.client.pages(path, **parameters))
    rows = [[column(each) for column in known.columns.values()] for each in objects]
    session.answer(objects, table(rows, list(known.columns)) if rows else f"There are no {kind}.")
