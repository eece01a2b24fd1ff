"""Fixtures for the console's pages: Alice's dataset with a version and a theme, and browsers that are logged in."""

import pytest
from django.test import Client

from tests.datasets.conftest import SAMPLES, Ingest, dataset, folders, ingest
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.datasets.themes import services

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
    """A page's HTML."""
    response = browser.get(path)
    assert response.status_code == 200, (path, response.status_code)
    return response.content.decode()
