"""The console's pages about indexes: made by the form, any sample opened by its number, removed."""

import pytest
from django.test import Client

from indexing.models import Index
from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Theme, Version
from themis_admin.datasets.themes import services
from themis_admin.jobs import runner

__all__ = ["theme", "version"]


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made(alices: Client, theme: Theme, version: Version) -> Index:
    """An index that was asked for in the form."""
    answer = alices.post(f"/versions/{version.pk}/indexes/new/", {"kind": "offsets", "theme": theme.pk})
    index = Index.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/indexes/{index.pk}/")
    return index


def run(index: Index) -> None:
    job = Index.objects.get(pk=index.pk).job
    assert job is not None
    runner.run(job.pk)


def test_any_sample_is_opened_by_its_number(made: Index, alices: Client) -> None:
    assert "Waiting for a worker" in page(alices, f"/indexes/{made.pk}/")
    run(made)
    html = page(alices, f"/indexes/{made.pk}/")
    for part in ("bimschg/4", "samples.jsonl", "data_forager", "law contains", "?n=1"):
        assert part in html, part
    assert "bimschg/5" in page(alices, f"/indexes/{made.pk}/?n=-1")
    for asked in ("99", "x", "0:", "5:5", ""):
        assert 'role="alert"' in page(alices, f"/indexes/{made.pk}/?n={asked}"), asked
    assert "It made an index of 2 samples" in page(alices, f"/jobs/{Index.objects.get().job_id}/")
    assert "Immissionsschutz, version 1" in page(alices, "/indexes/")


def test_it_can_be_made_from_a_version_and_from_a_theme(
    alices: Client, theme: Theme, version: Version
) -> None:
    address = f"/versions/{version.pk}/indexes/new/"
    assert address in page(alices, f"/versions/{version.pk}/")
    assert f"{address}?theme={theme.pk}" in page(alices, f"/themes/{theme.pk}/")
    assert "No index yet" in page(alices, "/indexes/")


def test_a_stale_one_says_why_and_offers_a_new_one(
    made: Index, alices: Client, theme: Theme, alice: User
) -> None:
    run(made)
    services.update_theme(theme, user=alice, where={"field": "law", "op": "eq", "value": "BDSG"})
    html = page(alices, f"/indexes/{made.pk}/")
    assert "The filter of the theme Immissionsschutz has changed." in html
    assert f"/versions/{made.version_id}/indexes/new/?theme={theme.pk}" in html
    assert "stale" in page(alices, "/indexes/")


def test_it_is_removed_after_saying_what_breaks(made: Index, alices: Client) -> None:
    assert "cancel that first" in alices.post(f"/indexes/{made.pk}/remove/").content.decode()
    run(made)
    assert "get an error from then on" in page(alices, f"/indexes/{made.pk}/remove/")
    assert alices.post(f"/indexes/{made.pk}/remove/").status_code == 302
    assert not Index.objects.exists()
