"""Fixtures for the console's pages: Alice's dataset with a version and a theme, and browsers that are logged in."""

import re

import pytest
from django.test import Client

from tests.datasets.conftest import SAMPLES, Ingest, dataset, folders, ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services
from themis_admin.datasets.models import Dataset, Theme, Version

__all__ = ["dataset", "folders", "ingest"]

BROKEN = [b'{"id": broken', b"[1, 2]"]


@pytest.fixture
def version(dataset: Dataset, ingest: Ingest) -> Version:
    """Version 1 of Alice's dataset: four samples, and two lines that were rejected."""
    job = ingest([*SAMPLES, *BROKEN])
    assert job.state == "succeeded", job.error
    assert dataset.latest is not None
    return dataset.latest


@pytest.fixture
def theme(version: Version, alice: User) -> Theme:
    where = {"field": "law", "op": "contains", "value": "BImSch"}
    return services.create_theme(version.dataset, user=alice, name="Immissionsschutz", where=where)


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def alices(alice: User) -> Client:
    return browser_of(alice)


@pytest.fixture
def bobs(bob: User) -> Client:
    return browser_of(bob)


@pytest.fixture
def charlies(charlie: User) -> Client:
    return browser_of(charlie)


def page(browser: Client, path: str) -> str:
    """A page's HTML, laid out in one way: see `compact`."""
    response = browser.get(path)
    assert response.status_code == 200, (path, response.status_code)
    return compact(response.content.decode())


TAGS = re.compile(r"""(<(?:[^<>"']|"[^"]*"|'[^']*')*>)""")
QUOTED = re.compile(r"""("[^"]*"|'[^']*')""")
BREAK = re.compile(r"\s*\n\s*")
AS_IT_IS = {"pre", "textarea"}


def compact(html: str) -> str:
    """HTML without its templates' line breaks: beside a tag they are nothing, between words and attributes a blank."""
    pieces, kept = [], ""
    for piece in TAGS.split(html):
        name = piece[1:-1].split()[0] if piece.startswith("<") else ""
        if kept:
            pieces.append(piece)
            kept = "" if name == f"/{kept}" else kept
        elif name:
            pieces.append(_compact_tag(piece))
            kept = name if name in AS_IT_IS else ""
        else:
            words = BREAK.split(piece)
            pieces.append(" ".join(words).strip() if len(words) > 1 else piece)
    return "".join(pieces)


def _compact_tag(tag: str) -> str:
    parts = (part if part[:1] in ("'", '"') else BREAK.sub(" ", part) for part in QUOTED.split(tag))
    return re.sub(r"\s+>$", ">", "".join(parts))
