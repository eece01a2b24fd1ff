"""Themes have names of their own, and may come before the first version."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.themes.conftest import BIMSCH
from themis_admin.datasets.models import Dataset, Theme

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_name_is_taken_in_any_case_within_the_dataset(
    as_alice: APIClient, theme: Theme, dataset: Dataset
) -> None:
    body = {"name": "immissionsSCHUTZ", "where": BIMSCH}
    answer = as_alice.post(f"{dataset.url}themes/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    other = as_alice.post("/api/v1/datasets/", {"name": "Andere"}, format="json").json()
    assert as_alice.post(f"{other['url']}themes/", body, format="json").status_code == 201


def test_a_theme_may_be_made_before_there_is_a_version(as_alice: APIClient, dataset: Dataset) -> None:
    body = {"name": "x", "where": {"field": "was", "op": "exists", "value": True}}
    assert as_alice.post(f"{dataset.url}themes/", body, format="json").status_code == 201
