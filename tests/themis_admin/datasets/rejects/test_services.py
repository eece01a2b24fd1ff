"""Rejected lines are kept with their number, offset and reason."""

import json

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.datasets.models import Dataset, Shard, Version
from themis_admin.jobs.files import rejects_path

pytestmark = pytest.mark.django_db(transaction=True)


def test_rejected_lines_are_kept_with_number_offset_and_reason(ingest: Ingest, dataset: Dataset) -> None:
    job = ingest([SAMPLES[0], b"{broken", b"", b"[1]", b'{"a": NaN}', SAMPLES[1]])
    version = dataset.latest
    assert version is not None
    assert job.result["num_rejects"] == 3
    assert (version.num_samples, version.num_rejects, version.num_blank) == (2, 3, 1)
    kept = [json.loads(line) for line in rejects_path(job.pk).read_text().splitlines()]
    assert [each["line"] for each in kept] == [2, 4, 5]
    assert [each["reason"] for each in kept] == ["invalid_json", "not_an_object", "nan_or_infinity"]
    assert kept[0]["text"] == "{broken"


def test_a_file_of_rejects_alone_says_the_first_reason_and_keeps_them(
    ingest: Ingest, as_alice: APIClient, dataset: Dataset
) -> None:
    job = ingest([b"nope", b"[]"])
    assert (job.state, job.error_code) == ("failed", "no_samples")
    assert "Line 1" in job.error
    page = as_alice.get(f"/api/v1/jobs/{job.pk}/rejects/").json()
    assert [each["line"] for each in page["results"]] == [1, 2]
    assert not Version.objects.exists()
    assert not Shard.objects.exists()
