"""REST: statistics of versions and themes, computed when they are asked for."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.statistics.conftest import asked, work
from themis_admin.accounts.models import User
from themis_admin.datasets.models import StatisticsDocument, Theme, Version

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_not_there_is_computed_once_it_is_asked_for(
    as_alice: APIClient, version: Version, theme: Theme
) -> None:
    work()
    StatisticsDocument.objects.all().delete()
    job = asked(as_alice, version, 202, theme=theme.pk)["job"]
    assert asked(as_alice, version, 202, theme=theme.pk)["job"]["id"] == job["id"]
    assert [each.pk for each in work()] == [job["id"]]
    assert asked(as_alice, version, theme=theme.pk)["num_samples"] == 2


def test_others_see_nothing(
    as_alice: APIClient, as_bob: APIClient, version: Version, theme: Theme, bob: User
) -> None:
    assert as_bob.get(f"{version.url}statistics/").status_code == 404
    assert as_alice.get(f"{version.url}statistics/", {"theme": 10**9}).status_code == 404
    assert as_alice.get(f"{version.url}statistics/", {"theme": "x"}).status_code == 400
    assert as_alice.get(f"{version.url}statistics/", {"tehme": 1}).status_code == 400
