"""Fixtures for tests of snapshots: those of datasets."""

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import dataset, folders, ingest, version
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Theme, Version, WeightingRule
from themis_admin.datasets.rules import services as rules
from themis_admin.datasets.themes import services as themes
from themis_admin.jobs import runner
from themis_admin.snapshots import archive
from themis_admin.snapshots.models import Snapshot

__all__ = ["dataset", "folders", "ingest", "version"]

URL = "/api/v1/snapshots/"


@pytest.fixture
def theme(dataset: Dataset, version: Version, alice: User) -> Theme:
    where = {"field": "law", "op": "contains", "value": "BImSch"}
    return themes.create_theme(dataset, user=alice, name="Immissionsschutz", where=where)


@pytest.fixture
def rule(dataset: Dataset, version: Version, alice: User) -> WeightingRule:
    definition = {"kind": "map", "field": "section", "factors": {"§ 5": 1.5}, "default": 0.5}
    return rules.create_rule(dataset, user=alice, name="Fünf", definition=definition)


def made(client: APIClient, **body: Any) -> Snapshot:
    """A snapshot, asked for over HTTP and made by the real runner in this process."""
    response = client.post(URL, body, format="json")
    assert response.status_code == 202, response.json()
    runner.run(response.json()["job"]["id"])
    snapshot = Snapshot.objects.for_lists().get(pk=response.json()["snapshot"]["id"])
    assert snapshot.state == "succeeded", snapshot.job and snapshot.job.error
    return snapshot


def link(snapshot: Snapshot) -> Path:
    return archive.archive().link(snapshot.dataset_id, snapshot.series)
