"""Bodies of an ingest: what fits no mode is refused by its name."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.datasets.ingest.test_modes import sample
from themis_admin.datasets.models import Dataset
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"mode": "delete"}, 400, "where"),
        ({"mode": "delete", "where": {"field": "nn", "op": "eq", "value": 1}}, 400, "where"),
        (
            {"mode": "delete", "where": {"field": "n", "op": "eq", "value": 1}, "path": "/a.jsonl"},
            400,
            "where",
        ),
        (
            {"mode": "append", "path": "/a.jsonl", "where": {"field": "n", "op": "eq", "value": 1}},
            400,
            "where",
        ),
        ({"mode": "upsort", "path": "/a.jsonl"}, 400, "mode"),
        ({"mode": "append", "path": "/a.jsonl", "paths": ["/a.jsonl"]}, 400, "file"),
        ({"mode": "append", "paths": []}, 400, "file"),
    ],
)
def test_bodies_that_fit_no_mode_are_refused_by_name(
    ingest: Ingest, dataset: Dataset, as_alice: APIClient, body: dict[str, Any], status: int, field: str
) -> None:
    ingest([sample(1)])
    url = f"/api/v1/datasets/{dataset.pk}/versions/"
    answer = as_alice.post(url, body, format="json")
    assert answer.status_code == status, answer.json()
    assert any(name.startswith(field) for name in answer.json()["fields"])


def test_a_request_may_have_hundreds_of_files(as_alice: APIClient, dataset: Dataset) -> None:
    def sent(number: int) -> Any:
        files = [SimpleUploadedFile(f"{n}.jsonl", b'{"n":1}') for n in range(number)]
        return as_alice.post(f"{dataset.url}versions/", {"file": files})

    job = Job.objects.get(pk=sent(150).json()["job"]["id"])
    assert [each["name"] for each in job.params["sources"]] == [f"{n}.jsonl" for n in range(150)]
    refused = sent(1_001)
    assert (refused.status_code, refused.json()["error"]) == (400, "Send at most 1,000 files at once.")
