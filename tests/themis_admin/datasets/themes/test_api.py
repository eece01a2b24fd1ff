"""REST: themes and their preview."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.conftest import client_of
from tests.themis_admin.datasets.conftest import SAMPLES
from tests.themis_admin.datasets.themes.conftest import BIMSCH
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Theme, Version

pytestmark = pytest.mark.django_db(transaction=True)
PRIVACY = {
    "any": [
        {"field": "law", "op": "contains", "value": "BDSG"},
        {"field": "text", "op": "contains", "value": "personenbezogene Daten"},
    ]
}


def test_a_theme_is_made_listed_changed_and_deleted(
    as_alice: APIClient, theme: Theme, dataset: Dataset
) -> None:
    found = as_alice.get(theme.url).json()
    assert (found["name"], found["where"], found["dataset"]) == ("Immissionsschutz", BIMSCH, dataset.pk)
    for url in (
        f"{dataset.url}themes/",
        "/api/v1/themes/",
        f"/api/v1/themes/?dataset={dataset.pk}&name=immis",
    ):
        assert as_alice.get(url).json()["results"] == [found], url
    assert as_alice.get("/api/v1/themes/?dataset=0").json()["results"] == []
    changed = as_alice.patch(theme.url, {"where": PRIVACY, "name": "Datenschutz"}, format="json").json()
    assert (changed["name"], changed["where"]) == ("Datenschutz", PRIVACY)
    assert as_alice.delete(theme.url).status_code == 204
    assert as_alice.get(theme.url).status_code == 404


def test_others_have_no_part_in_it(as_bob: APIClient, theme: Theme, dataset: Dataset) -> None:
    assert as_bob.get(theme.url).status_code == 404
    assert as_bob.patch(theme.url, {"name": "x"}, format="json").status_code == 404
    assert as_bob.delete(theme.url).status_code == 404
    assert as_bob.get("/api/v1/themes/").json()["results"] == []
    assert as_bob.post(f"{dataset.url}themes/preview/", {"where": BIMSCH}, format="json").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "where"),
        ({"where": BIMSCH}, "name"),
        ({"name": "x", "where": {}}, "where.field"),
        ({"name": "x", "where": []}, "where"),
        ({"name": "x", "where": None}, "where"),
        ({"name": "x", "where": {"field": "lwa", "op": "eq", "value": 1}}, "where.field"),
        ({"name": "x", "where": {"field": "law", "op": "equals", "value": 1}}, "where.op"),
        (
            {"name": "x", "where": {"any": [BIMSCH, {"field": "law", "op": "matches", "value": "["}]}},
            "where.any[1].value",
        ),
        ({"name": "x", "where": BIMSCH, "were": 1}, "were"),
    ],
)
def test_a_bad_theme_is_refused_with_the_place(
    as_alice: APIClient, dataset: Dataset, version: Version, body: object, field: str
) -> None:
    answer = as_alice.post(f"{dataset.url}themes/", body, format="json")
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["fields"], answer.json()
    assert not Theme.objects.exists()


def test_a_preview_counts_the_whole_and_each_condition(
    as_alice: APIClient, dataset: Dataset, version: Version
) -> None:
    answer = as_alice.post(f"{dataset.url}themes/preview/", {"where": PRIVACY}, format="json")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    assert (found["num_samples"], found["total"]) == (2, 4)
    assert found["counts"] == [
        {"place": "where.any[0]", "num_samples": 1},
        {"place": "where.any[1]", "num_samples": 1},
    ]
    assert found["samples"] == [{"position": 2, "sample": SAMPLES[2]}, {"position": 3, "sample": SAMPLES[3]}]
    assert not Theme.objects.exists()


def test_a_preview_needs_no_right_to_write(alice: User, dataset: Dataset, version: Version) -> None:
    reader = client_of(alice, "read")
    assert (
        reader.post(f"{dataset.url}themes/preview/", {"where": BIMSCH}, format="json").json()["num_samples"]
        == 2
    )
    assert (
        reader.post(f"{dataset.url}themes/", {"name": "x", "where": BIMSCH}, format="json").status_code == 403
    )


def test_a_preview_before_the_first_version_says_so(as_alice: APIClient, dataset: Dataset) -> None:
    answer = as_alice.post(f"{dataset.url}themes/preview/", {"where": BIMSCH}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "no_version")
