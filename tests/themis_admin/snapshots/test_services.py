"""Series of snapshots: the newest under a stable address, as many kept as it says."""

import os
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.snapshots.conftest import URL, link, made
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.themes import services as theme_services
from themis_admin.jobs.models import Event, Job
from themis_admin.snapshots import archive

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_snapshot_keeps_its_version_and_its_dataset(
    as_alice: APIClient, version: Version, ingest: Ingest, dataset: Dataset
) -> None:
    snapshot = made(as_alice, version=version.pk)
    refused = as_alice.delete(f"/api/v1/datasets/{dataset.pk}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "still_used")
    assert "1 snapshot" in refused.json()["error"]
    assert Dataset.objects.filter(pk=dataset.pk).exists()
    assert as_alice.delete(snapshot.url).status_code == 204
    assert as_alice.delete(f"/api/v1/datasets/{dataset.pk}/").status_code == 204


def test_what_is_removed_stays_for_its_readers_a_while(
    as_alice: APIClient, version: Version, folders: Path
) -> None:
    snapshot = made(as_alice, version=version.pk)
    folder = link(snapshot).resolve()
    assert as_alice.delete(snapshot.url).status_code == 204
    assert as_alice.get(snapshot.url).status_code == 404
    assert not ArtifactRef.objects.exists()
    assert Job.objects.filter(kind="collect").exists()
    archive.tidy()
    assert not link(snapshot).is_symlink()
    assert (folder / "snapshot.duckdb").is_file()
    os.utime(folder, (0, 0))
    archive.tidy()
    assert not folder.exists()


def test_a_series_keeps_as_many_as_it_says(as_alice: APIClient, version: Version) -> None:
    kept = [made(as_alice, version=version.pk, series="s", keep_last=2) for _ in range(4)]
    other = made(as_alice, version=version.pk, series="t")
    there = as_alice.get(URL).json()["results"]
    assert [each["id"] for each in there] == [other.pk, kept[3].pk, kept[2].pk]
    removed = Event.objects.filter(kind="snapshot.removed").order_by("id")
    assert [(each.data["snapshot"], each.data["reason"]) for each in removed] == [
        (kept[0].pk, "superseded"),
        (kept[1].pk, "superseded"),
    ]
    assert set(ArtifactRef.objects.values_list("keeper", flat=True)) == {
        other.keeper,
        kept[3].keeper,
        kept[2].keeper,
    }


def test_two_themes_of_nearly_one_name_have_series_of_their_own(
    as_alice: APIClient, version: Version, dataset: Dataset, alice: User
) -> None:
    where: dict[str, Any] = {"all": []}
    themes = [
        theme_services.create_theme(dataset, user=alice, name=name, where=where) for name in ("Lärm", "Larm")
    ]
    series = [made(as_alice, version=version.pk, theme=theme.pk).series for theme in themes]
    assert series == ["larm", f"larm-{themes[1].pk}"]
