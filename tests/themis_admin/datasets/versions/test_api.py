"""REST: versions."""

import pytest
from rest_framework.test import APIClient

from themis_admin.datasets.models import Dataset, Version

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_version_tells_what_it_is(as_alice: APIClient, version: Version, dataset: Dataset) -> None:
    found = as_alice.get(version.url).json()
    assert (found["dataset"], found["number"], found["num_samples"]) == (dataset.pk, 1, 4)
    assert len(found["digest"]) == 64
    assert [field["name"] for field in found["fields"]][:5] == ["id", "law", "section", "year", "text"]
    listed = as_alice.get(f"{dataset.url}versions/").json()["results"]
    assert listed == [found]
    assert as_alice.get(dataset.url).json()["latest"] == found
