"""An old version is restored as the newest."""

import pytest
from django.conf import LazySettings
from django.test import Client
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job
from themisdb_datasets.artifacts import ArtifactStore

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old(version: Version, ingest: Ingest) -> Version:
    """Version 1 of two."""
    ingest([{"id": "other"}], mode="replace")
    return version


def restore(client: APIClient, version: Version, **headers: str) -> Job:
    answer = client.post(f"{version.url}restore/", {"note": "The better one"}, format="json", headers=headers)
    assert answer.status_code == 202, answer.content
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    runner.run(job.pk)
    job.refresh_from_db()
    return job


def test_the_old_samples_are_the_newest_version(
    as_alice: APIClient, old: Version, dataset: Dataset, settings: LazySettings
) -> None:
    num_shards = len(list(ArtifactStore(settings.THEMIS.storage).digests("shards")))
    job = restore(as_alice, old)
    assert job.state == "succeeded", job.error
    dataset.refresh_from_db()
    newest = dataset.latest
    assert newest is not None
    assert job.result["version"] == newest.pk
    assert (newest.number, newest.mode, newest.source_name) == (3, "restore", "version 1")
    assert (newest.note, newest.digest) == ("The better one", old.digest)
    assert newest.parent is not None
    assert newest.parent.number == 2
    assert [each["sample"] for each in as_alice.get(f"{newest.url}samples/").json()["results"]] == SAMPLES
    assert newest.shard_paths() == old.shard_paths()
    assert len(list(ArtifactStore(settings.THEMIS.storage).digests("shards"))) == num_shards
    assert AuditEntry.objects.get(action="version.restored").detail["number"] == 1


def test_equal_samples_are_weighed_alike(as_alice: APIClient, old: Version, dataset: Dataset) -> None:
    restore(as_alice, old)
    dataset.refresh_from_db()
    assert dataset.latest is not None
    assert dataset.latest.created_at > old.created_at
    assert dataset.latest.as_of == old.as_of == old.created_at


def test_what_the_latest_has_is_not_restored(as_alice: APIClient, old: Version, dataset: Dataset) -> None:
    dataset.refresh_from_db()
    assert dataset.latest is not None
    answer = as_alice.post(f"{dataset.latest.url}restore/")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_latest")
    restore(as_alice, old)
    again = as_alice.post(f"{old.url}restore/")
    assert (again.status_code, "Version 3" in again.json()["error"]) == (409, True)


def test_two_that_restore_at_once_make_one_version(
    as_alice: APIClient, old: Version, dataset: Dataset
) -> None:
    jobs = [as_alice.post(f"{old.url}restore/").json()["job"]["id"] for _ in range(2)]
    for job in jobs:
        runner.run(job)
    states = [Job.objects.get(pk=job).state for job in jobs]
    assert states == ["succeeded", "failed"]
    assert dataset.versions.count() == 3


def test_a_request_with_a_key_is_done_once(as_alice: APIClient, old: Version) -> None:
    first = restore(as_alice, old, **{"Idempotency-Key": "k"})
    assert restore(as_alice, old, **{"Idempotency-Key": "k"}).pk == first.pk


def test_versions_of_others_do_not_exist(as_bob: APIClient, old: Version) -> None:
    assert as_bob.post(f"{old.url}restore/").status_code == 404


def test_the_console_restores(alice: User, old: Version) -> None:
    browser = Client()
    browser.force_login(alice)
    page = f"/versions/{old.pk}/restore/"
    assert "4 samples of version 1" in " ".join(browser.get(page).content.decode().split())
    answer = browser.post(page, {"note": "Why"})
    job = Job.objects.latest("id")
    assert (answer["Location"], job.params["note"]) == (f"/jobs/{job.pk}/", "Why")
    runner.run(job.pk)
    assert "has the samples of version 1 already" in browser.get(page).content.decode()
    assert browser.post(page, {"note": ""}).status_code == 422
