"""The page of how two versions differ."""

import pytest
from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.datasets.models import Dataset, Theme, Version

__all__ = ["theme", "version"]


@pytest.fixture
def second(theme: Theme, ingest: Ingest, dataset: Dataset) -> Version:
    """One text changed, one sample gone, one new."""
    changed = {**SAMPLES[0], "text": "Die Errichtung oder der <b>Betrieb</b>"}
    ingest([changed, SAMPLES[2], SAMPLES[3], {"id": "neu", "text": "Ganz neu"}], mode="replace")
    assert dataset.latest is not None
    return dataset.latest


def test_it_counts_and_shows_texts_word_by_word(alices: Client, version: Version, second: Version) -> None:
    html = page(alices, f"/versions/{second.pk}/diff/?against={version.pk}")
    assert "<dt>Unchanged</dt><dd>2</dd>" in html
    assert "<del>und </del><ins>oder </ins>der " in html
    assert "&lt;b&gt;Betrieb" in html
    added = page(alices, f"/versions/{second.pk}/diff/?against={version.pk}&kind=added")
    assert "Ganz neu" in added
    removed = page(alices, f"/versions/{second.pk}/diff/?against={version.pk}&kind=removed")
    assert f"/versions/{version.pk}/samples/1/" in removed


def test_themes_tell_what_they_gain_and_lose(alices: Client, version: Version, second: Version) -> None:
    shifts = f"/versions/{second.pk}/diff/shifts/?against={version.pk}"
    assert shifts in page(alices, f"/versions/{second.pk}/diff/?against={version.pk}")
    counts = "".join(f'<td class="num">{count}</td>' for count in ("2", "1", "0", "−1"))
    assert counts in page(alices, shifts)
    assert alices.get(f"/versions/{version.pk}/diff/shifts/").status_code == 404


def test_a_field_narrows_it_and_odd_questions_show_what_there_is(
    alices: Client, version: Version, second: Version
) -> None:
    for query in ("kind=changed&field=text", "kind=nothing&field=nothing&page=x", "page=99"):
        html = page(alices, f"/versions/{second.pk}/diff/?against={version.pk}&{query}")
        assert "<ins>oder </ins>" in html, query


def test_two_versions_are_chosen(alices: Client, version: Version, second: Version) -> None:
    assert f"/versions/{second.pk}/diff/?against={version.pk}" in page(alices, f"/versions/{second.pk}/")
    assert f"/versions/{second.pk}/diff/" in page(alices, f"/datasets/{second.dataset_id}/")
    assert alices.get(f"/versions/{second.pk}/diff/").status_code == 200
    assert alices.get(f"/versions/{version.pk}/diff/")["Location"] == f"/versions/{version.pk}/"
    moved = alices.get(f"/versions/{second.pk}/diff/?version={version.pk}&against={second.pk}")
    assert moved["Location"] == f"/versions/{version.pk}/diff/?against={second.pk}"
    for query in ("against=x", "against=999999", f"against={version.pk}&version=x"):
        assert alices.get(f"/versions/{second.pk}/diff/?{query}").status_code == 404, query


def test_a_long_text_opens_in_place(alices: Client, dataset: Dataset, ingest: Ingest) -> None:
    for text in ("kurz", "Silbe " * 1000):
        ingest([{"id": "lang", "text": text}], mode="upsert")
    assert dataset.latest is not None
    html = page(alices, f"/versions/{dataset.latest.pk}/diff/")
    assert html.count("<summary>The rest of text</summary>") == 1
    assert html.count("Silbe ") == 1000
