"""A version is found by all its names."""

import pytest
from rest_framework.test import APIClient

from tests.conftest import client_of
from tests.themis_admin.datasets.conftest import put
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_version_is_found_by_all_its_names(
    as_alice: APIClient, two: tuple[Version, Version], dataset: Dataset
) -> None:
    first, second = two
    put(as_alice, dataset, "stable", first.digest)
    put(as_alice, dataset, "also-stable", "STABLE")
    for name in ("1", first.digest, first.digest.upper(), "stable", "Stable", "also-stable"):
        assert as_alice.get(f"{dataset.url}versions/{name}/").json()["id"] == first.pk, name
    for name in ("2", "latest", "LATEST"):
        assert as_alice.get(f"{dataset.url}versions/{name}/").json()["id"] == second.pk, name
    for name in ("3", "a" * 64, "stabel", "-1", "9" * 12):
        answer = as_alice.get(f"{dataset.url}versions/{name}/")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_version"), name
    assert "stable" in as_alice.get(f"{dataset.url}versions/stabel/").json()["error"]


def test_a_stream_is_asked_of_a_label(
    alice: User, as_alice: APIClient, two: tuple[Version, Version], dataset: Dataset
) -> None:
    put(as_alice, dataset, "stable", 1)
    body = {"dataset": dataset.name, "version": "stable", "format": "raw", "dry_run": True}
    client = client_of(alice, "export")
    answer = client.post("/api/export/jsonl_llm/stream", body, format="json")
    assert (answer.status_code, answer.json()["num_samples"]) == (200, two[0].num_samples)
    body["version"] = "stabel"
    answer = client.post("/api/export/jsonl_llm/stream", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_version")


def test_versions_are_compared_by_their_names(
    as_alice: APIClient, two: tuple[Version, Version], dataset: Dataset
) -> None:
    first, second = two
    put(as_alice, dataset, "stable", 1)
    for name in (str(first.pk), "stable", first.digest):
        answer = as_alice.get(f"{second.url}diff/", {"against": name}).json()
        assert (answer["against"], answer["added"]) == (first.pk, 1), name
        found = as_alice.get(f"{second.url}diff/samples/", {"against": name, "kind": "added"}).json()
        assert found["num_samples"] == 1
    assert as_alice.get(f"{first.url}diff/", {"against": "latest"}).json()["removed"] == 1
    assert as_alice.get(f"{second.url}diff/", {"against": "stabel"}).status_code == 404
    assert as_alice.get(f"{second.url}diff/", {"against": "-1"}).status_code == 400
