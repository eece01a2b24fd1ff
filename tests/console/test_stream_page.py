"""The page that writes a stream request."""

import re

from django.test import Client

from tests.console.conftest import page
from tests.datasets.conftest import Ingest
from themis_admin.datasets.models import Dataset, Theme

PRESSED = re.compile(r'value="(\w+)" data-format aria-pressed="true"')


def test_it_offers_themes_versions_and_fields_of_the_dataset(alices: Client, theme: Theme) -> None:
    html = page(alices, f"/stream/?theme={theme.pk}")
    assert "<option selected>Immissionsschutz</option>" in html
    assert "latest (1)" in html
    assert '<option value="law">' in html
    assert "http://testserver/api/export/jsonl_llm/stream" in html


def test_it_starts_with_a_format_that_the_fields_allow(
    alices: Client, theme: Theme, ingest: Ingest, dataset: Dataset
) -> None:
    html = page(alices, "/stream/")
    assert PRESSED.findall(html) == ["text_completion"]
    assert (
        'name="text_field" list="field-names" spellcheck="false" placeholder="content" value="text"' in html
    )
    ingest([{"question": "Was?", "answer": "Das."}], mode="replace")
    assert PRESSED.findall(page(alices, "/stream/")) == ["instruction_tuning"]
    ingest([{"n": 1}], mode="replace")
    assert PRESSED.findall(page(alices, "/stream/")) == ["raw"]


def test_a_dataset_without_a_version_leads_to_the_upload(alices: Client, dataset: Dataset) -> None:
    assert f"/datasets/{dataset.pk}/upload/" in page(alices, f"/stream/?dataset={dataset.pk}")


def test_nonsense_in_the_address_is_no_error(alices: Client, theme: Theme) -> None:
    for query in ("dataset=x", "theme=²", "dataset=" + "9" * 30, "version=zzz"):
        assert alices.get(f"/stream/?{query}").status_code == 200, query
    assert alices.get("/stream/?dataset=999").status_code == 404
