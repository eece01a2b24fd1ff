"""Making, finding, changing and deleting datasets in the browser."""

from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.jobs.models import Job

__all__ = ["theme", "version"]
MAPPING = {"instruction_field": "question", "output_field": "Was regelt {section}?"}


def test_it_makes_a_dataset_and_goes_on_to_the_upload(alices: Client, alice: User) -> None:
    response = alices.post("/datasets/new/", {"name": "Urteile", "key_field": "id", **MAPPING})
    made = Dataset.objects.get(name="Urteile")
    assert (made.owner, made.key_field, made.field_mapping) == (alice, "id", MAPPING)
    assert response["Location"] == f"/datasets/{made.pk}/upload/"


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
