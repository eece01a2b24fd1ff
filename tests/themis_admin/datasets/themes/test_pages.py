"""Themes in the browser: the rule as JSON behind the builder, what it keeps, changing and deleting."""

import json

from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.datasets.pages import PARTS_SHOWN

__all__ = ["theme", "version"]
BDSG = {
    "any": [
        {"field": "law", "op": "contains", "value": "BDSG"},
        {"field": "text", "op": "contains", "value": "personenbezogene Daten"},
    ]
}


def test_it_saves_a_rule_and_shows_what_it_keeps(alices: Client, version: Version) -> None:
    path = f"/datasets/{version.dataset_id}/themes/new/"
    response = alices.post(path, {"name": "Datenschutz", "where": json.dumps(BDSG)})
    theme = Theme.objects.get(name="Datenschutz")
    assert response["Location"] == f"/themes/{theme.pk}/"
    html = page(alices, f"/themes/{theme.pk}/")
    assert '<dd id="num-samples">2</dd>' in html
    assert "bdsg/1" in html
    assert "tierschg/1" in html
    assert "bimschg/4" not in html
    assert page(alices, f"/themes/{theme.pk}/count/") == "2"
    assert "law contains “BDSG” or text contains “personenbezogene Daten”" in page(alices, "/themes/")


def test_the_preview_shows_the_first_samples(alices: Client, dataset: Dataset, version: Version) -> None:
    path = f"/datasets/{dataset.pk}/themes/preview/"
    assert "bdsg/1" in alices.post(path, {"where": json.dumps(BDSG)}).content.decode()
    for where in ("[", '{"field": "law", "op": "matches", "value": "("}'):
        response = alices.post(path, {"where": where})
        assert response.status_code == 200
        assert "th-note err" in response.content.decode()


def test_it_changes_a_theme(alices: Client, theme: Theme) -> None:
    alices.post(f"/themes/{theme.pk}/edit/", {"name": "Lärm", "where": json.dumps(BDSG)})
    theme.refresh_from_db()
    assert (theme.name, theme.where) == ("Lärm", BDSG)


def test_it_deletes_a_theme_once_that_is_confirmed(alices: Client, theme: Theme) -> None:
    assert "are refused from then on" in page(alices, f"/themes/{theme.pk}/delete/")
    assert Theme.objects.filter(pk=theme.pk).exists()
    alices.post(f"/themes/{theme.pk}/delete/")
    assert not Theme.objects.filter(pk=theme.pk).exists()


def test_before_the_first_version_a_rule_can_be_written_and_is_not_counted(
    alices: Client, dataset: Dataset
) -> None:
    alices.post(f"/datasets/{dataset.pk}/themes/new/", {"name": "Früh", "where": json.dumps(BDSG)})
    theme = Theme.objects.get(name="Früh")
    assert page(alices, f"/themes/{theme.pk}/count/") == "–"
    assert "has no version yet" in page(alices, f"/themes/{theme.pk}/")


def test_what_a_theme_keeps_is_searched_and_ordered(alices: Client, theme: Theme) -> None:
    html = page(alices, f"/themes/{theme.pk}/?order=-section")
    assert html.index("bimschg/5") < html.index("bimschg/4")
    html = page(alices, f"/themes/{theme.pk}/?q=betrieb")
    assert "bimschg/4" in html
    assert "bimschg/5" not in html
    assert "No sample is like this" in page(alices, f"/themes/{theme.pk}/?q=personenbezogen")
    assert "regular expression" in page(alices, f"/themes/{theme.pk}/?field=law&op=matches&value=(")


def test_a_list_is_narrowed_to_one_dataset(alices: Client, theme: Theme) -> None:
    other = Dataset.objects.create(name="Leer", owner=theme.dataset.owner)
    for path in ("/themes/", "/rules/"):
        assert "yet." in page(alices, f"{path}?dataset={other.pk}"), path
        for unknown in ("999999", "x", "9" * 30):
            assert alices.get(f"{path}?dataset={unknown}").status_code == 200, (path, unknown)
    name = f'<a class="th-name" href="/themes/{theme.pk}/">'
    assert name in page(alices, f"/themes/?dataset={theme.dataset_id}")
    assert name not in page(alices, f"/themes/?dataset={other.pk}")


def test_a_dataset_shows_some_of_its_themes_and_leads_to_all(alices: Client, theme: Theme) -> None:
    dataset = theme.dataset
    leads = f"/themes/?dataset={dataset.pk}"
    assert leads not in page(alices, f"/datasets/{dataset.pk}/")
    names = [f"Thema {n:02d}" for n in range(PARTS_SHOWN)]
    Theme.objects.bulk_create(Theme(dataset=dataset, name=name, where={"all": []}) for name in names)
    html = page(alices, f"/datasets/{dataset.pk}/")
    assert leads in html
    assert html.count('class="th-name" href="/themes/') == PARTS_SHOWN
