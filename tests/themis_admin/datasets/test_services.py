"""Datasets are deleted with all that is theirs, unless a job works on them."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset
from themis_admin.jobs.files import rejects_path
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db


def test_a_dataset_with_a_waiting_job_is_not_deleted(
    as_alice: APIClient, dataset: Dataset, alice: User
) -> None:
    Job.objects.create(kind="ingest", title="t", owner=alice, lane=dataset.lane, state="queued")
    answer = as_alice.delete(dataset.url)
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_busy")
    assert Dataset.objects.filter(pk=dataset.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_deleting_takes_the_rejected_lines_along(
    as_alice: APIClient, dataset: Dataset, ingest: Ingest
) -> None:
    path = rejects_path(ingest([{"id": 1}, b"broken"]).pk)
    assert path.exists()
    assert as_alice.delete(dataset.url).status_code == 204
    assert not path.exists()
