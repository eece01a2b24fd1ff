"""Finding by name what others give by id: datasets and their versions, and what can be downloaded."""

import re
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import click
from click.shell_completion import CompletionItem

from themisdb_datasets.client.client import Client
from themisdb_datasets.client.connection import Backoff
from themisdb_datasets.errors import MalformedError, NotFoundError, ThemisError
from themisdb_datasets.names import nearest

# snapshots/3, also in the singular, as the API's address or as a whole one; a series leads to its newest snapshot.
OBJECT = re.compile(r"/?(?:api/v1/)?(snapshot|index|export|artifact)(?:s|es)?/([0-9]+)/?")
SERIES = re.compile(r"/?(?:api/v1/)?(datasets/[0-9]+/snapshots/[\w-]+)/?")
PLURALS = {"snapshot": "snapshots", "index": "indexes", "export": "exports", "artifact": "artifacts"}


def dataset_of(client: Client, name: str) -> dict[str, Any]:
    """The dataset of this name, in any case, or of this id."""
    found = list(client.pages("datasets/", name=name))
    for each in found:
        if each["name"].casefold() == name.casefold():
            return each
    if name.isascii() and name.isdigit():
        with suppress(NotFoundError):
            dataset: dict[str, Any] = client.get(f"datasets/{name}/")
            return dataset
    known = [each["name"] for each in client.pages("datasets/")]
    raise NotFoundError(f"There is no dataset {name!r}{nearest(name, known)}. All are listed by: themis ls")


def version_of(client: Client, dataset: dict[str, Any], name: str) -> dict[str, Any]:
    """The dataset's version of this number, digest or label, or the latest."""
    version: dict[str, Any] = client.get(f"datasets/{dataset['id']}/versions/{quote(name, safe='')}/")
    return version


def object_of(client: Client, text: str) -> tuple[str, str]:
    """What `pull` and `verify` are given: its kind, and its address beneath /api/v1/; MalformedError.

    An address is one of the client's server, for what has the same number elsewhere is something else.
    """
    if text.startswith(("http://", "https://")):
        text = client.server.path(text)
    if match := OBJECT.fullmatch(text):
        return match[1], f"{PLURALS[match[1]]}/{match[2]}/"
    if match := SERIES.fullmatch(text):
        return "snapshot", f"{match[1]}/"
    raise MalformedError(
        f"{text!r} is nothing that can be downloaded. Write snapshots/3, indexes/3, exports/3, artifacts/3,"
        " datasets/1/snapshots/SERIES or the address of a link; themis ls snapshots lists some."
    )


def complete_dataset(ctx: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    """Datasets for the shell's completion."""
    return _complete("datasets/", begun)


def complete_theme(ctx: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    """Themes for the shell's completion."""
    return _complete("themes/", begun)


def _complete(path: str, begun: str) -> list[CompletionItem]:
    """The names in a list that go on with what was begun; none where they cannot be asked for at once."""
    try:
        with Client(timeout=2, backoff=Backoff(first_patience=0)) as client:
            names = {each["name"] for each in client.pages(path)}
    except ThemisError:
        return []
    return [CompletionItem(name) for name in sorted(names) if name.casefold().startswith(begun.casefold())]
