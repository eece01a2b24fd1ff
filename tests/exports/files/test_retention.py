"""Exports end, after a warning."""

import dataclasses
import os
from datetime import timedelta

from django.conf import LazySettings
from django.utils import timezone
from rest_framework.test import APIClient

from exports.files import retention
from exports.links import services as links
from exports.models import FileExport
from tests.exports.conftest import URL, Make
from themis_admin.accounts.models import User
from themis_admin.jobs.models import Event
from themis_admin.storage.stores import FILES, store


def test_exports_expire_after_a_warning(make: Make, alice: User, settings: LazySettings) -> None:
    settings.THEMIS = dataclasses.replace(settings.THEMIS, export_days=30, export_warning_days=3)
    export = make(theme="Lärm")
    links.create_link(user=alice, export=export)
    assert export.expires_at is not None
    assert timedelta(days=29) < export.expires_at - timezone.now() <= timedelta(days=30)
    retention.tidy()
    assert not Event.objects.filter(kind="export.expiring").exists()

    rows = FileExport.objects.filter(pk=export.pk)
    rows.update(expires_at=timezone.now() + timedelta(days=2))
    for _ in range(2):
        retention.tidy()
    assert Event.objects.get(kind="export.expiring").data["num_links"] == 1
    rows.update(expires_at=timezone.now() - timedelta(minutes=1))
    retention.tidy()
    assert rows.exists()  # the warning is too young yet
    rows.update(warned_at=timezone.now() - timedelta(days=1, minutes=1))
    past = timezone.now().timestamp() - 3_600
    for ref in export.refs():
        os.utime(ref.artifact.path, (past, past))
    retention.tidy()
    assert not rows.exists()
    assert Event.objects.get(kind="export.removed").data["reason"] == "expired"
    assert list(store().digests(FILES)) == []


def test_an_export_can_be_kept_longer_or_for_good(make: Make, as_alice: APIClient) -> None:
    url = f"{URL}{make(theme='Lärm').pk}/"
    kept = as_alice.patch(url, {"keep_days": 90}, format="json").json()
    assert kept["expires_at"] > (timezone.now() + timedelta(days=89)).isoformat()
    assert as_alice.patch(url, {"keep_days": None}, format="json").json()["expires_at"] is None
    for wrong in ({"keep_days": 0}, {"keep_days": True}, {"keep_days": "3"}, {}, {"note": "x"}):
        assert as_alice.patch(url, wrong, format="json").status_code == 400, wrong
