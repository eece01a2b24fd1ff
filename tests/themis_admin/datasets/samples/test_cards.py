"""A sample as the pages show it: as it is stored, whatever its numbers."""

from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import version
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.datasets.models import Dataset, Version

__all__ = ["version"]


def test_search_marks_what_it_found(alices: Client, version: Version) -> None:
    html = page(alices, f"/versions/{version.pk}/?q=GENEHMIGUNG")
    assert "<mark>Genehmigung</mark>sbedürftige" in html
    assert "Die Errichtung" not in html
    assert "1 of 4" in " ".join(html.split())


def test_a_sample_is_spelled_as_it_is_stored(alices: Client, ingest: Ingest, dataset: Dataset) -> None:
    ingest([b'{"n": 12345678901234567890, "f": 1.0, "e": 1e5, "s": "<b>\\u00e4", "deep": {"a": [1, {}]}}'])
    html = page(alices, f"/versions/{dataset.latest_id}/samples/0/")
    for spelled in ("12345678901234567890", "1.0", "1e5"):
        assert f'<span class="n">{spelled}</span>' in html
    assert "&lt;b&gt;ä" in html
    assert "<b>ä" not in html


def test_a_number_of_more_digits_than_python_reads_is_shown(
    alices: Client, ingest: Ingest, dataset: Dataset
) -> None:
    number = "9" * 5000
    for other in (1, 2):
        line = f'{{"id": "a", "n": {number}, "deep": {{"n": [-{number}]}}, "other": {other}}}'
        ingest([line.encode()], mode="upsert")
    place = f"/versions/{dataset.latest_id}/"
    assert number in page(alices, f"{place}samples/0/")
    for address in (place, f"{place}diff/"):
        page(alices, address)
