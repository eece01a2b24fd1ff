"""REST: labels of versions, and versions by what they are called."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tests.conftest import client_of
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.datasets import services
from themis_admin.datasets.models import Dataset, Version, VersionLabel
from themis_admin.jobs.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two(version: Version, ingest: Ingest, dataset: Dataset) -> tuple[Version, Version]:
    ingest([{"id": "new"}])
    assert dataset.latest is not None
    return version, dataset.latest


def put(client: APIClient, dataset: Dataset, name: str, version: Any) -> Any:
    return client.put(f"{dataset.url}labels/{name}/", {"version": version}, format="json")


def test_a_label_is_given_and_moved(
    as_alice: APIClient, two: tuple[Version, Version], dataset: Dataset
) -> None:
    first, second = two
    given = put(as_alice, dataset, "Stable", 1)
    assert (given.status_code, given.json()["version"], given.json()["number"]) == (201, first.pk, 1)
    assert as_alice.get(first.url).json()["labels"] == ["Stable"]
    moved = put(as_alice, dataset, "stable", "latest")
    assert (moved.status_code, moved.json()["id"]) == (200, given.json()["id"])
    assert moved.json()["name"] == "Stable"
    assert as_alice.get(first.url).json()["labels"] == []
    assert as_alice.get(dataset.url).json()["latest"]["labels"] == ["Stable"]
    detail = AuditEntry.objects.filter(action="label.put").order_by("-id")[0].detail
    assert (detail["number"], detail["number_before"]) == (second.number, 1)
    assert Event.objects.filter(kind="label.put", owner=dataset.owner).count() == 2


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


def test_labels_are_listed_and_taken_away(
    as_alice: APIClient, two: tuple[Version, Version], dataset: Dataset
) -> None:
    for name, number in (("b", 1), ("a", 1), ("c", 2)):
        put(as_alice, dataset, name, number)
    url = f"{dataset.url}labels/"
    assert [each["name"] for each in as_alice.get(url).json()["results"]] == ["a", "b", "c"]
    assert [each["name"] for each in as_alice.get(url, {"version": 1}).json()["results"]] == ["a", "b"]
    newest = as_alice.get(url, {"ordering": "-created_at", "page_size": "1"}).json()
    assert ([each["name"] for each in newest["results"]], bool(newest["next"])) == (["c"], True)
    assert as_alice.delete(f"{url}A/").status_code == 204
    assert as_alice.get(f"{url}a/").status_code == as_alice.delete(f"{url}a/").status_code == 404
    assert dataset.versions.count() == 2


@pytest.mark.parametrize("name", ["latest", "Latest", "7", "1a", "a b", "ä", "-x", "a" * 64, "a%2Fb", "%00"])
def test_names_that_could_mean_something_else_are_refused(
    as_alice: APIClient, version: Version, dataset: Dataset, name: str
) -> None:
    answer = put(as_alice, dataset, name, 1)
    assert answer.status_code in (400, 404), answer.content
    assert not VersionLabel.objects.exists()


@pytest.mark.parametrize("body", [{}, {"version": []}, {"version": None}, {"version": "1", "x": 1}, [1]])
def test_a_bad_body_is_refused(as_alice: APIClient, version: Version, dataset: Dataset, body: Any) -> None:
    assert as_alice.put(f"{dataset.url}labels/a/", body, format="json").status_code == 400


def test_labels_of_others_do_not_exist(
    as_alice: APIClient, as_bob: APIClient, version: Version, dataset: Dataset
) -> None:
    put(as_alice, dataset, "stable", 1)
    assert as_bob.get(f"{dataset.url}labels/").status_code == 404
    assert put(as_bob, dataset, "stable", 1).status_code == 404
    assert as_bob.delete(f"{dataset.url}labels/stable/").status_code == 404
    assert as_bob.get(f"{dataset.url}versions/stable/").status_code == 404


def test_a_dataset_goes_with_its_labels(
    as_alice: APIClient, alice: User, version: Version, dataset: Dataset
) -> None:
    put(as_alice, dataset, "stable", 1)
    services.delete_dataset(dataset, user=alice)
    assert not VersionLabel.objects.exists()


def test_the_console_gives_moves_and_takes_labels(
    alice: User, two: tuple[Version, Version], dataset: Dataset
) -> None:
    browser = Client()
    browser.force_login(alice)
    first, second = two
    page = f"/versions/{first.pk}/labels/"
    assert "No version of this dataset has a label" in browser.get(page).content.decode()
    assert browser.post(page, {"name": "stable"}).status_code == 302
    assert "stable" in browser.get(f"/datasets/{dataset.pk}/").content.decode()
    assert "stable (1)" in browser.get(f"/stream/?dataset={dataset.pk}").content.decode()
    assert "Move to version 2" in browser.get(f"/versions/{second.pk}/labels/").content.decode()
    browser.post(f"/versions/{second.pk}/labels/", {"name": "stable", "action": "put"})
    assert list(second.labels.values_list("name", flat=True)) == ["stable"]
    refused = browser.post(page, {"name": "7"})
    assert refused.status_code == 422
    assert "begins with a letter" in refused.content.decode()
    browser.post(page, {"name": "stable", "action": "remove"})
    assert not VersionLabel.objects.exists()
