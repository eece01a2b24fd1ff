"""What the tests of diffs share."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.datasets.models import Dataset, Version

CHANGED = (
    b'{"id": "bimschg/4", "law": "BImSchG", "section": "\\u00a7 4", "year": 1.974e3, "text": "Der Betrieb"}'
)
NEW = b'{"id": "neu/1", "text": "Neu"}'


@pytest.fixture
def second(version: Version, ingest: Ingest, dataset: Dataset) -> Version:
    """Version 2: one sample changed, one gone, one new."""
    ingest([NEW, CHANGED, *SAMPLES[1:3]], mode="replace")
    assert dataset.latest is not None
    return dataset.latest


def ask(client: APIClient, version: Version, path: str = "", **query: Any) -> Any:
    answer = client.get(f"{version.url}diff/{path}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()
