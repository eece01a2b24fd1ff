"""A version's page: search, one condition, order; and the page of one of its samples."""

from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.datasets.rules import services as rules

__all__ = ["theme", "version"]


def test_it_shows_figures_fields_and_samples(alices: Client, version: Version) -> None:
    html = page(alices, f"/versions/{version.pk}/")
    assert version.digest[:8] in html
    assert "Die Errichtung und der Betrieb" in html
    assert "meta.n" in html
    assert f"/versions/{version.pk}/rejects/" in html


def test_a_condition_compares_numbers_as_numbers(alices: Client, version: Version) -> None:
    html = page(alices, f"/versions/{version.pk}/?field=year&op=ge&value=2000")
    assert "bdsg/1" in html
    assert "tierschg/1" not in html


def test_it_orders_by_a_field(alices: Client, version: Version) -> None:
    html = page(alices, f"/versions/{version.pk}/?order=-year")
    assert html.index("bdsg/1") < html.index("bimschg/4") < html.index("tierschg/1")


def test_a_field_without_a_name_does_not_take_the_place_of_any_field(
    alices: Client, ingest: Ingest, dataset: Dataset
) -> None:
    ingest([{"": 1, "two  blanks": 2}])
    html = page(alices, f"/versions/{dataset.latest_id}/")
    assert html.count('<option value="">') == 2  # any field, stored order
    assert '<option value="-two  blanks">' in html


def test_it_says_where_not_every_field_is_listed(
    alices: Client, version: Version, ingest: Ingest, dataset: Dataset
) -> None:
    said = "the first 256 fields are listed"
    assert said not in page(alices, f"/versions/{version.pk}/")
    ingest([{f"f{number}": number for number in range(300)}], mode="replace")
    html = page(alices, f"/versions/{dataset.latest_id}/?field=f299&op=eq&value=299")
    assert said in html


def test_what_cannot_be_asked_is_said_on_the_page(alices: Client, version: Version) -> None:
    assert "There is no field" in page(alices, f"/versions/{version.pk}/?order=nothing")
    assert "regular expression" in page(alices, f"/versions/{version.pk}/?field=law&op=matches&value=(")
    assert "No sample is like this" in page(alices, f"/versions/{version.pk}/?q=gibtesnicht")


def test_a_theme_is_browsed_in_any_version(
    alices: Client, theme: Theme, version: Version, ingest: Ingest
) -> None:
    ingest([{"id": "new", "law": "BImSchV", "text": "Neu"}])
    html = page(alices, f"/versions/{version.pk}/?theme={theme.pk}&order=-id")
    assert html.index("bimschg/5") < html.index("bimschg/4")
    assert "bdsg/1" not in html
    assert "2 of 4" in " ".join(html.split())
    assert "bdsg/1" in page(alices, f"/versions/{version.pk}/?theme=99999")


def test_a_sample_tells_its_weight_factor_by_factor(
    alices: Client, alice: User, version: Version, dataset: Dataset
) -> None:
    address = f"/versions/{version.pk}/samples/2/"
    assert "Every sample weighs 1" in page(alices, address)
    steps = {"kind": "map", "field": "law", "factors": {"BDSG": 0.5}}
    rules.create_rule(dataset, user=alice, name="Datenschutz", definition=steps)
    services.update_dataset(
        dataset, user=alice, timestamp_field="year", field_mapping={"output_field": "text"}
    )
    html = page(alices, address)
    assert html.index("auto_weight_by_length") < html.index("Datenschutz")
    length = 1 + len("Dieses Gesetz gilt") / 2000
    assert f'title="{length:.4f}"' in html
    assert 'title="0.5000"' in html


def test_a_sample_tells_its_history(
    alices: Client, version: Version, ingest: Ingest, dataset: Dataset
) -> None:
    ingest([{**SAMPLES[2], "text": "Anders"}], mode="replace")
    html = page(alices, f"/versions/{version.pk}/samples/2/")
    assert f"/versions/{dataset.latest_id}/diff/?against={version.pk}&amp;kind=changed" in html
    assert f'href="/versions/{dataset.latest_id}/samples/0/"' in html
    assert "removed" in page(alices, f"/versions/{version.pk}/samples/0/")


def test_versions_in_which_nothing_happened_are_one_line(
    alices: Client, version: Version, ingest: Ingest, dataset: Dataset
) -> None:
    for n in range(4):
        ingest([{"id": f"new/{n}"}])
    assert "unchanged in 4 versions, 2 to 5" in page(alices, f"/versions/{version.pk}/samples/0/")
    html = page(alices, f"/versions/{dataset.latest_id}/samples/0/")
    assert "unchanged in 3 versions, 2 to 4" in html
    assert "not there in 4 versions, 1 to 4" in page(alices, f"/versions/{dataset.latest_id}/samples/7/")
