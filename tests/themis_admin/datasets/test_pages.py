"""Making, finding, changing and deleting datasets in the browser."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

__all__ = ["theme", "version"]


MAPPING = {"instruction_field": "question", "output_field": "Was regelt {section}?"}


def test_it_makes_a_dataset_and_goes_on_to_the_upload(alices: Client, alice: User) -> None:
    response = alices.post("/datasets/new/", {"name": "Urteile", "key_field": "id", **MAPPING})
    made = Dataset.objects.get(name="Urteile")
    assert (made.owner, made.key_field, made.field_mapping) == (alice, "id", MAPPING)
    assert response["Location"] == f"/datasets/{made.pk}/upload/"


def test_a_taken_name_is_an_error_under_the_name(alices: Client, dataset: Dataset) -> None:
    response = alices.post("/datasets/new/", {"name": "gesetze"})
    assert response.status_code == 422
    assert "name" in response.context["form"].errors
    assert "There is already a dataset named" in response.content.decode()


def test_a_template_with_a_loose_brace_is_an_error_under_its_field(alices: Client, dataset: Dataset) -> None:
    response = alices.post(f"/datasets/{dataset.pk}/edit/", {"name": "Gesetze", "text_field": "{law"})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["text_field"]


def test_it_changes_a_dataset(alices: Client, dataset: Dataset) -> None:
    alices.post(f"/datasets/{dataset.pk}/edit/", {"name": "Gesetze", "timestamp_field": "amended"})
    dataset.refresh_from_db()
    assert (dataset.timestamp_field, dataset.key_field) == ("amended", "")


def test_deleting_wants_the_name_typed(alices: Client, theme: Theme, dataset: Dataset) -> None:
    path = f"/datasets/{dataset.pk}/delete/"
    assert "1 version goes" in page(alices, path)
    assert alices.post(path, {"name": "Gesetz"}).status_code == 422
    assert Dataset.objects.filter(pk=dataset.pk).exists()
    assert alices.post(path, {"name": "Gesetze"})["Location"] == "/datasets/"
    assert not Dataset.objects.filter(pk=dataset.pk).exists()


def test_a_busy_dataset_says_which_job_it_waits_for(alices: Client, alice: User, dataset: Dataset) -> None:
    Job.objects.create(kind="ingest", title="Ingest x", owner=alice, lane=dataset.lane)
    response = alices.post(f"/datasets/{dataset.pk}/delete/", {"name": "Gesetze"})
    assert response.status_code == 422
    assert "“Ingest x” is queued" in response.content.decode()


def test_it_searches_and_orders(alices: Client, alice: User, version: Version) -> None:
    services.create_dataset(user=alice, name="Aktenzeichen")
    assert "Gesetze" not in page(alices, "/datasets/?q=akten")
    first, second = (
        page(alices, "/datasets/?order=size").index(name) for name in ("Gesetze", "Aktenzeichen")
    )
    assert first < second
    assert "No dataset has this in its name" in page(alices, "/datasets/?q=nichts")


def test_versions_hang_on_a_line_with_what_they_gained(
    alices: Client, version: Version, ingest: Ingest
) -> None:
    ingest([{"id": "x"}])
    html = page(alices, f"/datasets/{version.dataset_id}/")
    assert html.index("Version 2") < html.index("Version 1")
    assert "+1 since version 1" in html


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
