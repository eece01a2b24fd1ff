"""REST: what became of one sample over the versions of its dataset."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services
from themis_admin.datasets.models import Dataset, Version

pytestmark = pytest.mark.django_db(transaction=True)


def replaced(ingest: Ingest, dataset: Dataset, *samples: Any) -> Version:
    """A new version of these samples alone."""
    job = ingest(samples, mode="replace")
    assert job.state == "succeeded", job.error
    assert dataset.latest is not None
    return dataset.latest


def told(client: APIClient, version: Version, position: int) -> Any:
    answer = client.get(f"{version.url}samples/{position}/history/")
    assert answer.status_code == 200, answer.content
    return answer.json()


def states(history: Any) -> list[tuple[int, str, list[int]]]:
    return [(each["number"], each["state"], each["positions"]) for each in history["versions"]]


def test_a_sample_comes_changes_goes_and_comes_again(
    as_alice: APIClient, version: Version, dataset: Dataset, ingest: Ingest
) -> None:
    other = {**SAMPLES[0], "text": "Anders", "year": 2024}
    replaced(ingest, dataset, SAMPLES[1], other)
    replaced(ingest, dataset, SAMPLES[1])
    ingest([SAMPLES[2]])
    last = replaced(ingest, dataset, SAMPLES[1], SAMPLES[2], other)
    history = told(as_alice, version, 0)
    assert states(history) == [
        (5, "added", [2]),
        (4, "absent", []),
        (3, "removed", []),
        (2, "changed", [1]),
        (1, "added", [0]),
    ]
    assert history["by"] == {"key_field": "id", "key": "bimschg/4"}
    changed = history["versions"][3]
    assert changed["fields"] == ["year", "text"]
    assert as_alice.get(changed["diff"]).json()["changed"] == 1
    assert states(told(as_alice, last, 0))[:2] == [(5, "unchanged", [0]), (4, "unchanged", [0])]
    assert told(as_alice, last, 2)["versions"] == history["versions"]


def test_what_is_deleted_is_gone(
    as_alice: APIClient, version: Version, dataset: Dataset, ingest: Ingest
) -> None:
    ingest([{**SAMPLES[0], "text": "Anders"}], mode="upsert")
    assert dataset.latest is not None
    history = told(as_alice, version, 0)
    assert [each["num_samples"] for each in history["versions"]] == [1, 1]
    assert [state for _, state, _ in states(history)] == ["changed", "added"]


def test_without_a_key_a_sample_is_its_content(
    as_alice: APIClient, version: Version, dataset: Dataset, ingest: Ingest
) -> None:
    unkeyed = {"text": "ohne Schlüssel"}
    first = replaced(ingest, dataset, unkeyed, unkeyed)
    replaced(ingest, dataset, SAMPLES[0], unkeyed)
    history = told(as_alice, first, 1)
    assert history["by"] is None
    assert states(history) == [(3, "changed", [1]), (2, "added", [0, 1]), (1, "absent", [])]


def test_a_number_is_the_same_key_however_it_is_held(
    as_alice: APIClient, alice: User, ingest: Ingest, dataset: Dataset
) -> None:
    services.update_dataset(dataset, user=alice, key_field="n")
    first = replaced(ingest, dataset, {"n": 7, "t": "a"}, {"n": 8, "t": "a"})
    replaced(ingest, dataset, {"n": 7.0, "t": "a"}, {"n": 1.5, "t": "a"})
    assert states(told(as_alice, first, 0)) == [(2, "changed", [0]), (1, "added", [0])]


def test_outside_the_version_and_for_others_there_is_nothing(
    as_alice: APIClient, as_bob: APIClient, version: Version
) -> None:
    assert as_alice.get(f"{version.url}samples/4/history/").status_code == 404
    assert as_alice.get(f"{version.url}samples/{10**30}/history/").status_code == 404
    assert as_bob.get(f"{version.url}samples/0/history/").status_code == 404
