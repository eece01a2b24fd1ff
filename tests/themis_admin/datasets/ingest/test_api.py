"""REST: ingests."""

import pytest
from rest_framework.test import APIClient

from themis_admin.datasets.models import Dataset
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "file"),
        ({"upload": "x"}, 400, "upload"),
        ({"upload": "00000000-0000-0000-0000-000000000000"}, 404, "upload"),
        ({"path": "/etc/passwd"}, 422, "path"),
        ({"path": "incoming/../../../etc/passwd"}, 422, "path"),
        ({"uri": "s3://bucket/key.jsonl"}, 422, "uri"),
        ({"path": "/x.jsonl", "mode": "apend"}, 400, "mode"),
        ({"path": "/x.jsonl", "uri": "s3://x"}, 400, "file"),
        ({"path": "/x.jsonl", "moed": "append"}, 400, "moed"),
    ],
)
def test_a_bad_request_starts_nothing(
    as_alice: APIClient, dataset: Dataset, body: object, status: int, field: str
) -> None:
    answer = as_alice.post(f"{dataset.url}versions/", body, format="json")
    assert answer.status_code == status, answer.content
    assert field in answer.json()["fields"], answer.json()
    assert not Job.objects.exists()
