"""What the tests of themes share."""

import pytest
from rest_framework.test import APIClient

from themis_admin.datasets.models import Dataset, Theme, Version

BIMSCH = {"field": "law", "op": "contains", "value": "BImSch"}


@pytest.fixture
def theme(as_alice: APIClient, version: Version, dataset: Dataset) -> Theme:
    answer = as_alice.post(
        f"{dataset.url}themes/", {"name": "Immissionsschutz", "where": BIMSCH}, format="json"
    )
    assert answer.status_code == 201, answer.content
    return Theme.objects.get(pk=answer.json()["id"])
