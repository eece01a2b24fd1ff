"""A dataset may have a retention of its own."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from tests.themis_admin.datasets.retention.conftest import dry_run, gone
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.retention import services as retention
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def five(ingest: Ingest, dataset: Dataset) -> list[Version]:
    """Five versions, each with samples of its own, made ten days apart; the newest today."""
    for number in range(1, 6):
        ingest([*SAMPLES, {"id": f"only in {number}"}], mode="replace")
    Job.objects.exclude(kind="ingest").delete()  # statistics that nobody works on here
    found = list(dataset.versions.order_by("number"))
    for version in found:
        made = timezone.now() - timedelta(days=10 * (5 - version.number))
        Version.objects.filter(pk=version.pk).update(created_at=made)
    return found


def run(kind: str) -> Job:
    job: Job = Job.objects.filter(kind=kind).latest("id")
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def test_a_dataset_has_a_retention_of_its_own(
    as_alice: APIClient, five: list[Version], dataset: Dataset
) -> None:
    url = f"{dataset.url}retention/"
    assert as_alice.get(url).json()["code"] == as_alice.post(url).json()["code"] == "no_retention"
    put = as_alice.put(url, {"keep_last": 3}, format="json")
    assert put.json()["retention"] == {"keep_last": 3, "older_than_days": None}
    assert gone(dry_run(as_alice, dataset)) == [2, 1]
    retention.tidy()
    retention.tidy()
    assert Job.objects.filter(kind="retain").count() == 1
    run("retain")
    retention.tidy()
    assert Job.objects.filter(kind="retain").count() == 1
    Job.objects.filter(kind="retain").update(created_at=timezone.now() - timedelta(days=2))
    retention.tidy()  # nothing is left to go
    assert Job.objects.filter(kind="retain").count() == 1
    assert as_alice.delete(url).status_code == 204
    assert as_alice.get(dataset.url).json()["retention"] is None
