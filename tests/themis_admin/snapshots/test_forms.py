"""The form of a snapshot."""

import pytest
from django.test import Client

from tests.themis_admin.console.conftest import version
from themis_admin.datasets.models import Version
from themis_admin.snapshots.models import Snapshot

__all__ = ["version"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_series_that_is_none_is_told_under_its_field(alices: Client, version: Version) -> None:
    answer = alices.post(f"/versions/{version.pk}/snapshots/new/", {"series": "Jede Nacht"})
    assert answer.status_code == 422
    assert "small letters, digits and hyphens" in answer.content.decode()
    assert not Snapshot.objects.exists()
