"""Names of datasets are taken in any case, for each user."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import URL
from themis_admin.datasets.models import Dataset

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["Gesetze", "gesetze", "  GESETZE "])
def test_a_name_is_taken_in_any_case(as_alice: APIClient, dataset: Dataset, name: str) -> None:
    answer = as_alice.post(URL, {"name": name}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    assert "name" in answer.json()["fields"]


def test_umlauts_too_have_a_case(as_alice: APIClient) -> None:
    assert as_alice.post(URL, {"name": "Übersicht"}, format="json").status_code == 201
    assert as_alice.post(URL, {"name": "übersicht"}, format="json").status_code == 409


def test_two_users_may_take_the_same_name(as_bob: APIClient, dataset: Dataset) -> None:
    assert as_bob.post(URL, {"name": "Gesetze"}, format="json").status_code == 201
