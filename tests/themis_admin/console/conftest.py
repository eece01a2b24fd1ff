"""Fixtures for the console's pages: Alice's dataset with a version, of whose lines two were rejected, and a theme."""

import pytest

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest, dataset, folders, ingest
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
