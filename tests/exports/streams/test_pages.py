"""The page that writes a stream request."""

import re

from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, Theme
from themis_admin.datasets.themes import services as themes
from themisdb_datasets.engine.rendering.formats import FORMATS, PRESETS

__all__ = ["theme", "version"]


CHOSEN = re.compile(r'<option value="(\w+)" data-shape="[^"]*"(?: data-bare)? selected>')


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
    assert CHOSEN.findall(html) == ["text_completion"]
    assert (
        'name="text_field" list="field-names" spellcheck="false" placeholder="content" value="text"' in html
    )
    ingest([{"question": "Was?", "answer": "Das."}], mode="replace")
    assert CHOSEN.findall(page(alices, "/stream/")) == ["instruction_tuning"]
    ingest([{"n": 1}], mode="replace")
    assert CHOSEN.findall(page(alices, "/stream/")) == ["raw"]


def test_a_dataset_without_a_version_leads_to_the_upload(alices: Client, dataset: Dataset) -> None:
    assert f"/datasets/{dataset.pk}/upload/" in page(alices, f"/stream/?dataset={dataset.pk}")


def test_nonsense_in_the_address_is_no_error(alices: Client, theme: Theme) -> None:
    for query in ("dataset=x", "theme=²", "dataset=" + "9" * 30, "version=zzz"):
        assert alices.get(f"/stream/?{query}").status_code == 200, query
    assert alices.get("/stream/?dataset=999").status_code == 404


def test_it_guesses_conversations_and_preferences(alices: Client, ingest: Ingest, dataset: Dataset) -> None:
    messages = [{"from": "human", "value": "Was?"}]
    ingest([{"conversations": messages, "text": "Was?"}], mode="replace")
    html = page(alices, "/stream/")
    assert CHOSEN.findall(html) == ["chat_completion"]
    assert re.search(r'name="messages_field"[^>]* value="conversations"', html)
    ingest([{"question": "Was?", "chosen": "Das.", "rejected": "Nichts."}], mode="replace")
    html = page(alices, "/stream/")
    assert CHOSEN.findall(html) == ["preference"]
    assert re.search(r'name="prompt_field"[^>]* placeholder="question"', html)


def test_it_offers_every_format_and_which_of_them_are_bare(alices: Client, theme: Theme) -> None:
    html = page(alices, "/stream/")
    options = re.findall(r'<option value="(\w+)" data-shape="[^"]*"( data-bare)?', html)
    assert {key for key, _ in options} == {*FORMATS, *PRESETS}
    assert {key for key, bare in options if bare} == {"raw", *PRESETS}


def test_it_offers_the_parts_of_the_split(alices: Client, theme: Theme, alice: User) -> None:
    assert 'name="split" disabled' in page(alices, "/stream/")
    parts = [{"name": "train", "fraction": 0.9}, {"name": "test", "fraction": 0.1}]
    datasets.update_dataset(theme.dataset, user=alice, split={"parts": parts})
    html = page(alices, "/stream/")
    assert 'name="split" disabled' not in html
    assert "<option>train</option><option>test</option>" in html


def test_themes_can_be_mixed_where_there_are_several(alices: Client, theme: Theme, alice: User) -> None:
    assert "data-mix-in" not in page(alices, "/stream/")
    themes.create_theme(theme.dataset, user=alice, name="Rest", where=dict(theme.where))
    assert "data-mix-in" in page(alices, "/stream/")
