"""What an ingest needs is looked at before anything is queued."""

import dataclasses
import json
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, write
from themis_admin.accounts.models import User
from themis_admin.datasets.ingest import services
from themis_admin.datasets.models import Dataset, Upload, Version
from themis_admin.jobs import runner
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import TooLargeError

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_archive_that_is_none_is_refused_at_once(as_alice: APIClient, dataset: Dataset) -> None:
    answer = as_alice.post(
        f"{dataset.url}versions/", {"file": SimpleUploadedFile("a.jsonl.zst", b"no archive")}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "corrupt_archive")
    assert not Job.objects.exists()
    assert not Upload.objects.exists()


def test_the_upload_is_removed_when_it_has_become_a_version(
    as_alice: APIClient, dataset: Dataset, folders: Path
) -> None:
    content = b"".join(json.dumps(each).encode() + b"\n" for each in SAMPLES)
    body = {"file": SimpleUploadedFile("gesetze.jsonl", content), "mode": "append", "note": "per curl"}
    answer = as_alice.post(f"{dataset.url}versions/", body)
    assert answer.status_code == 202, answer.content
    job = answer.json()["job"]
    assert answer.headers["Location"] == job["url"]
    runner.run(job["id"])
    version = Version.objects.get()
    assert (version.num_samples, version.note, version.source_name) == (4, "per curl", "gesetze.jsonl")
    assert not Upload.objects.exists()
    assert list((folders / "uploads").iterdir()) == []


def test_a_failed_ingest_keeps_the_upload_for_a_retry(as_alice: APIClient, dataset: Dataset) -> None:
    answer = as_alice.post(f"{dataset.url}versions/", {"file": SimpleUploadedFile("a.jsonl", b"nope\n")})
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "failed"
    again = jobs.retry(job)
    runner.run(again.pk)
    again.refresh_from_db()
    assert again.error_code == "no_samples"


def test_a_full_disk_is_refused_before_anything_is_queued(
    dataset: Dataset, alice: User, tmp_path: Path, settings: LazySettings
) -> None:
    settings.THEMIS = dataclasses.replace(settings.THEMIS, min_free_bytes=1 << 60)
    with pytest.raises(TooLargeError) as refused:
        services.start_ingest(dataset, user=alice, sources=[write(tmp_path / "a.jsonl", SAMPLES)])
    assert refused.value.fields["reserved_bytes"] == 1 << 60
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", ["a.xlsx", "a.txt", "a", "a.jsonl.bz2"])
def test_an_unknown_suffix_is_refused_before_anything_is_queued(
    as_alice: APIClient, dataset: Dataset, name: str
) -> None:
    answer = as_alice.post(f"{dataset.url}versions/", {"file": SimpleUploadedFile(name, b"{}\n")})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_suffix")
    assert not Job.objects.exists()
    assert not Upload.objects.exists()
