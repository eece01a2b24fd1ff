"""What the tests of rules share."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.datasets.models import Dataset

SAMPLES = [{"n": n, "at": f"20{10 + n}-01-01", "law": "TA" if n % 2 else None} for n in range(10)]
MAP = {"kind": "map", "field": "law", "factors": {"BDSG": 2.0}, "default": 0.5, "missing": 1.0}


@pytest.fixture
def rules(dataset: Dataset, ingest: Ingest) -> str:
    """The address of the rules of a dataset with ten samples."""
    assert ingest(SAMPLES).state == "succeeded"
    return f"/api/v1/datasets/{dataset.pk}/weighting-rules/"


def post(client: APIClient, url: str, body: Any) -> Any:
    return client.post(url, body, format="json")
