"""Files are put in by the browser: one or several, by key, and without scripts."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import version
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

__all__ = ["version"]


def test_a_browser_without_scripts_uploads_in_one_piece(alices: Client, dataset: Dataset) -> None:
    file = SimpleUploadedFile("corpus.jsonl", b'{"id": 1}\n')
    response = alices.post(f"/datasets/{dataset.pk}/upload/", {"file": file, "note": "by hand"})
    job = Job.objects.get(lane=dataset.lane)
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert job.params["note"] == "by hand"


def test_an_upload_of_something_else_is_refused_with_the_reason(alices: Client, dataset: Dataset) -> None:
    file = SimpleUploadedFile("corpus.docx", b"PK")
    response = alices.post(f"/datasets/{dataset.pk}/upload/", {"file": file})
    assert response.status_code == 422
    assert ".jsonl" in response.content.decode()


def test_a_file_is_put_in_by_its_key(alices: Client, version: Version, dataset: Dataset) -> None:
    path = f"/datasets/{dataset.pk}/upload/"
    assert "those with the same id" in page(alices, path)
    file = SimpleUploadedFile("new.jsonl", b'{"id": "bdsg/1"}\n{"id": "new"}\n')
    response = alices.post(path, {"file": file, "mode": "upsert"})
    job = Job.objects.filter(kind="ingest").latest("id")
    assert response["Location"] == f"/jobs/{job.pk}/"
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.result["num_added"], job.result["num_changed"]) == (1, 1)


def test_without_a_key_field_the_form_says_what_upsert_needs(
    alices: Client, version: Version, dataset: Dataset
) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(key_field="")
    path = f"/datasets/{dataset.pk}/upload/"
    assert "Upsert needs a key" in page(alices, path)
    file = SimpleUploadedFile("new.jsonl", b'{"id": "new"}\n')
    refused = alices.post(path, {"file": file, "mode": "upsert"})
    assert (refused.status_code, "th-note err" in refused.content.decode()) == (422, True)


def test_several_files_become_one_version(alices: Client, dataset: Dataset) -> None:
    files = [SimpleUploadedFile(f"{n}.jsonl", b'{"id": %d}\n' % n) for n in range(3)]
    alices.post(f"/datasets/{dataset.pk}/upload/", {"file": files})
    runner.run(Job.objects.filter(kind="ingest").latest("id").pk)
    dataset.refresh_from_db()
    assert dataset.latest is not None
    assert (dataset.latest.number, dataset.latest.num_samples) == (1, 3)


def test_samples_are_deleted_by_a_filter(alices: Client, version: Version, dataset: Dataset) -> None:
    path = f"/datasets/{dataset.pk}/delete-samples/"
    assert "A sample is deleted where" in page(alices, path)
    assert alices.post(path, {"where": "{"}).status_code == 422
    assert alices.post(path, {"where": '{"field": "lwa", "op": "eq", "value": 1}'}).status_code == 422
    response = alices.post(path, {"where": '{"field": "law", "op": "eq", "value": "BDSG"}', "note": "old"})
    job = Job.objects.filter(kind="delete").latest("id")
    assert response["Location"] == f"/jobs/{job.pk}/"
    runner.run(job.pk)
    dataset.refresh_from_db()
    assert dataset.latest is not None
    assert (dataset.latest.num_samples, dataset.latest.note) == (3, "old")
