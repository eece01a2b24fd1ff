"""Retention in the browser."""

import pytest
from django.test import Client

from tests.themis_admin.datasets.retention.test_services import five, run
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs.models import Job

__all__ = ["five"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_console_shows_asks_and_removes(alice: User, five: list[Version], dataset: Dataset) -> None:
    browser = Client()
    browser.force_login(alice)
    page = f"/datasets/{dataset.pk}/retention/"
    assert "Nothing is removed before you confirm it" in browser.get(page).content.decode()
    html = browser.get(page, {"keep_last": "4"}).content.decode()
    assert "among the newest 4" in html
    assert "Remove 1 version<" in html
    assert browser.get(page, {"keep_last": "x"}).status_code == 422
    form = {"keep_last": "4", "older_than_days": "", "action": "remove", "name": "Something else"}
    assert browser.post(page, form).status_code == 422
    assert not Job.objects.filter(kind="retain").exists()
    answer = browser.post(page, {**form, "name": "Gesetze"})
    assert answer["Location"] == f"/jobs/{run('retain').pk}/"
    assert dataset.versions.count() == 4
    browser.post(page, {**form, "action": "save"})
    dataset.refresh_from_db()
    assert dataset.retention == {"keep_last": 4, "older_than_days": None}
    browser.post(page, {"action": "stop"})
    dataset.refresh_from_db()
    assert dataset.retention is None
