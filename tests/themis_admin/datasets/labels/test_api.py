"""REST: labels of versions."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import put
from themis_admin.accounts.models import AuditEntry
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


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
