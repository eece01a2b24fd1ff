"""What the console's pages offer to copy says what it is of, and holds whatever somebody called it."""

import ast
import html
import re
import shlex
from typing import Any

import pytest
from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.datasets.themes import services
from themis_admin.jobs import runner
from themis_admin.snapshots import services as snapshots
from themis_admin.snapshots.models import Snapshot

__all__ = ["theme", "version"]


PANEL = re.compile(r'<pre id="(\w+)-code-\d+"[^>]*data-title="([^"]+)"[^>]*>(.*?)</pre>', re.DOTALL)


def panels(browser: Client, path: str) -> dict[str, str]:
    """The code on a page by its tab's title."""
    return {title: html.unescape(text) for _, title, text in PANEL.findall(page(browser, path))}


def query_of(program: str) -> Any:
    """What a Python program calls QUERY."""
    found = (each for each in ast.parse(program).body if isinstance(each, ast.Assign))
    return next(ast.literal_eval(each.value) for each in found if ast.unparse(each.targets[0]) == "QUERY")


def test_a_theme_is_trained_on_whatever_it_is_called(alices: Client, theme: Theme, alice: User) -> None:
    odd = services.create_theme(theme.dataset, user=alice, name="--output='x' \"ä\\ $HOME", where=theme.where)
    for each in (theme, odd):
        shown = panels(alices, f"/themes/{each.pk}/")
        query = query_of(shown["PyTorch"])
        assert (query["dataset"], query["theme"]) == (theme.dataset.name, each.name)
        assert query_of(shown["HuggingFace"]) == query
        words = shlex.split(shown["themis"])
        assert words[:2] == ["export", "THEMIS_URL=http://testserver"]
        assert words[-2:] == ["--", each.name]
        assert f"--dataset={theme.dataset.name}" in words


@pytest.mark.parametrize(
    ("mapping", "form"),
    [
        ({}, "raw"),
        ({"text_field": "text"}, "text_completion"),
        ({"instruction_field": "{law}?", "output_field": "text"}, None),
    ],
)
def test_a_dataset_is_trained_on_in_a_format_that_it_has(
    alices: Client, dataset: Dataset, version: Version, mapping: dict[str, str], form: str | None
) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(field_mapping=mapping)
    shown = panels(alices, f"/datasets/{dataset.pk}/")
    assert query_of(shown["PyTorch"]).get("format") == form
    assert (f"--format={form}" in shlex.split(shown["themis"])) == (form is not None)


def test_a_dataset_without_a_version_shows_only_how_one_is_made(alices: Client, dataset: Dataset) -> None:
    assert panels(alices, f"/datasets/{dataset.pk}/") == {}
    shown = shlex.split(panels(alices, f"/datasets/{dataset.pk}/upload/")["themis"])
    assert shown[2:] == ["themis", "push", "--mode=append", "--", dataset.name, "corpus.jsonl"]


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_is_pulled_and_read(alices: Client, version: Version, alice: User) -> None:
    job = snapshots.start_snapshot(version, user=alice)
    runner.run(job.pk)
    snapshot = Snapshot.objects.get()
    shown = panels(alices, f"/snapshots/{snapshot.pk}/")
    assert f"themis pull snapshots/{snapshot.pk}\n" in shown["themis"]
    assert f"themis pull datasets/{snapshot.dataset_id}/snapshots/{snapshot.series}" in shown["themis"]
    assert f'"snapshot-{snapshot.pk}"' in shown["By number"]
