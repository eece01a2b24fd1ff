"""REST: retention."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.retention.conftest import dry_run, gone, kinds
from tests.themis_admin.datasets.retention.test_services import five
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs.models import Job

__all__ = ["five"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_dry_run_says_what_goes_and_removes_nothing(
    as_alice: APIClient, five: list[Version], dataset: Dataset
) -> None:
    found = dry_run(as_alice, dataset, keep_last="2")
    assert (gone(found), found["num_removed"], found["num_kept"]) == ([3, 2, 1], 3, 2)
    assert kinds(found, 5) == ["keep_last", "latest"]
    assert kinds(found, 4) == ["keep_last"]
    assert found["freed_bytes"] == sum(version.num_bytes for version in five[:3])
    assert gone(dry_run(as_alice, dataset, older_than_days="15")) == [3, 2, 1]
    assert gone(dry_run(as_alice, dataset, older_than_days="0")) == [4, 3, 2, 1]
    both = dry_run(as_alice, dataset, keep_last="3", older_than_days="35")
    assert (gone(both), kinds(both, 2)) == ([1], ["older_than_days"])
    assert dataset.versions.count() == 5
    page = dry_run(as_alice, dataset, keep_last="2", removed="true", length="2")
    assert [each["number"] for each in page["results"]] == [3, 2]
    assert [each["number"] for each in as_alice.get(page["next"]).json()["results"]] == [1]


@pytest.mark.parametrize(
    "policy",
    [
        {"keep_last": 0},
        {"keep_last": -1},
        {"keep_last": 10**9},
        {"older_than_days": -1},
        {"keep_last": None},
        {"x": 1},
    ],
)
def test_a_bad_policy_is_refused(
    as_alice: APIClient, version: Version, dataset: Dataset, policy: Any
) -> None:
    for send in (as_alice.post, as_alice.put):
        answer = send(f"{dataset.url}retention/", policy, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), policy
        assert answer.json()["fields"]
    assert not Job.objects.filter(kind="retain").exists()


def test_datasets_of_others_do_not_exist(as_bob: APIClient, version: Version, dataset: Dataset) -> None:
    url = f"{dataset.url}retention/"
    answers = [
        as_bob.get(url),
        as_bob.post(url),
        as_bob.put(url, {"keep_last": 1}, format="json"),
        as_bob.delete(url),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
