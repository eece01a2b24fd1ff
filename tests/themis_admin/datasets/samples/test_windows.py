"""Pages of samples: as many a page as asked for, and any number leads to its sample."""

from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import version
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.datasets.models import Dataset, Version

__all__ = ["version"]


def test_pages_beyond_the_end_show_the_last(alices: Client, version: Version) -> None:
    assert "tierschg/1" in page(alices, f"/versions/{version.pk}/?page=99")


def test_a_number_leads_to_its_sample(alices: Client, version: Version) -> None:
    assert alices.get(f"/versions/{version.pk}/?go=2")["Location"] == f"/versions/{version.pk}/samples/2/"
    assert alices.get(f"/versions/{version.pk}/samples/4/").status_code == 404


def test_as_many_samples_a_page_as_are_asked_for(alices: Client, ingest: Ingest, dataset: Dataset) -> None:
    ingest([{"id": f"s/{n}"} for n in range(120)])
    address = f"/versions/{dataset.latest_id}/"
    for query, number in (("", 25), ("?size=100", 100), ("?size=100&page=2", 20), ("?size=7", 25)):
        assert page(alices, address + query).count("<li data-row>") == number, query


def test_a_number_that_no_sample_has_is_said(alices: Client, version: Version) -> None:
    path = f"/versions/{version.pk}/"
    assert alices.get(f"{path}?go=1")["Location"] == f"{path}samples/1/"
    for number in ("999", "x", "9" * 5000):
        assert "The samples are numbered 0 to 3." in page(alices, f"{path}?go={number}"), number[:9]
