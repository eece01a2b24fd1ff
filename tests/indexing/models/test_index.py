"""An index tells when it is stale, and what it protects."""

import pytest
from rest_framework.test import APIClient

from indexing.models import Index
from tests.indexing.conftest import built, numbers, theme_of
from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.datasets.ingest.test_modes import sample
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.themes import services

pytestmark = pytest.mark.django_db


def test_an_index_tells_when_it_is_stale_and_goes_on_leading_to_its_samples(
    as_alice: APIClient, alice: User, ingest: Ingest, dataset: Dataset
) -> None:
    ingest([sample(n) for n in range(20)])
    assert dataset.latest is not None
    theme = theme_of(dataset, alice, 5)
    index, _ = built(as_alice, version=dataset.latest.pk, theme=theme.pk)
    ingest([sample(n) for n in range(2)], mode="replace")
    services.update_theme(theme, user=alice, where={"field": "n", "op": "lt", "value": 7})
    stale = as_alice.get(index["url"]).json()["stale"]
    assert ["latest" in stale[0], "filter" in stale[1]] == [True, True]
    assert numbers(as_alice, index, "0:9") == [0, 1, 2, 3, 4]


def test_an_index_protects_its_version_and_lets_go_of_its_files(
    as_alice: APIClient, dataset: Dataset, version: Version
) -> None:
    index, _ = built(as_alice, version=version.pk)
    refused = as_alice.delete(dataset.url)
    assert (refused.status_code, refused.json()["code"]) == (409, "still_used")
    assert as_alice.delete(index["url"]).status_code == 204
    assert not ArtifactRef.objects.exists()
    assert not Index.objects.exists()
