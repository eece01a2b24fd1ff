"""Labels in the browser."""

import pytest
from django.test import Client

from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version, VersionLabel

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_console_gives_moves_and_takes_labels(
    alice: User, two: tuple[Version, Version], dataset: Dataset
) -> None:
    browser = Client()
    browser.force_login(alice)
    first, second = two
    page = f"/versions/{first.pk}/labels/"
    assert "No version of this dataset has a label" in browser.get(page).content.decode()
    assert browser.post(page, {"name": "stable"}).status_code == 302
    assert "stable" in browser.get(f"/datasets/{dataset.pk}/").content.decode()
    assert "stable (1)" in browser.get(f"/stream/?dataset={dataset.pk}").content.decode()
    assert "Move to version 2" in browser.get(f"/versions/{second.pk}/labels/").content.decode()
    browser.post(f"/versions/{second.pk}/labels/", {"name": "stable", "action": "put"})
    assert list(second.labels.values_list("name", flat=True)) == ["stable"]
    refused = browser.post(page, {"name": "7"})
    assert refused.status_code == 422
    assert "begins with a letter" in refused.content.decode()
    browser.post(page, {"name": "stable", "action": "remove"})
    assert not VersionLabel.objects.exists()
