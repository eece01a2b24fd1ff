"""Uploads as files: used once, removed after a week, and names that are only names."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone
from rest_framework.test import APIClient

from tests.themis_admin.datasets.uploads.conftest import CONTENT, send, start
from themis_admin.datasets.models import Dataset, Upload
from themis_admin.datasets.uploads import services as uploads

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_upload_is_used_once(as_alice: APIClient, dataset: Dataset) -> None:
    upload = start(as_alice)
    send(as_alice, upload["url"], 0, CONTENT)
    body = {"upload": upload["id"]}
    assert as_alice.post(f"{dataset.url}versions/", body, format="json").status_code == 202
    again = as_alice.post(f"{dataset.url}versions/", body, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "upload_used")
    assert as_alice.delete(upload["url"]).status_code == 409


def test_a_given_up_upload_is_gone_with_its_file(as_alice: APIClient) -> None:
    upload = start(as_alice)
    path = Upload.objects.get().path
    assert as_alice.delete(upload["url"]).status_code == 204
    assert not path.exists()
    assert send(as_alice, upload["url"], 0, CONTENT).status_code == 404


def test_a_file_name_is_only_a_name(as_alice: APIClient) -> None:
    assert start(as_alice, filename="../../etc/x.jsonl")["filename"] == "x.jsonl"
    assert start(as_alice, filename="C:\\Daten\\x.jsonl")["filename"] == "x.jsonl"


def test_what_lies_about_for_a_week_is_removed(
    as_alice: APIClient, folders: Path, settings: LazySettings
) -> None:
    old, new = start(as_alice), start(as_alice)
    Upload.objects.filter(pk=old["id"]).update(updated_at=timezone.now() - timedelta(days=8))
    assert uploads.expire_uploads() == 1
    assert [str(each.pk) for each in Upload.objects.all()] == [new["id"]]
    assert len(list((folders / "uploads").iterdir())) == 1


def test_a_lost_file_says_to_start_anew(as_alice: APIClient) -> None:
    upload = start(as_alice)
    Upload.objects.get().path.unlink()
    assert send(as_alice, upload["url"], 0, CONTENT).status_code == 410
