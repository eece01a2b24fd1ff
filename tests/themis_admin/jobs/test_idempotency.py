"""A request with a key is done once, however often it is sent."""

from pathlib import Path

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, dataset, folders, write
from themis_admin.datasets.models import Dataset
from themis_admin.jobs.models import Job

__all__ = ["dataset", "folders"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_idempotency_key_starts_one_job_however_often_it_is_sent(
    as_alice: APIClient, as_bob: APIClient, dataset: Dataset, tmp_path: Path
) -> None:
    path = write(tmp_path / "incoming" / "a.jsonl", SAMPLES)
    url, body = f"{dataset.url}versions/", {"path": str(path)}
    first = as_alice.post(url, body, format="json", headers={"Idempotency-Key": "k1"})
    again = as_alice.post(url, body, format="json", headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()["job"]["id"]) == (202, first.json()["job"]["id"])
    other = as_alice.post(url, {**body, "note": "x"}, format="json", headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_used")
    assert as_alice.post(url, body, format="json", headers={"Idempotency-Key": "k2"}).status_code == 202
    assert Job.objects.filter(kind="ingest").count() == 2
    assert as_bob.post(url, body, format="json", headers={"Idempotency-Key": "k1"}).status_code == 404
