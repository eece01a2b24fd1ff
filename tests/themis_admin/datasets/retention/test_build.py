"""The job of retention removes versions, and the collector frees what they had."""

import pytest
from django.conf import LazySettings
from rest_framework.test import APIClient

from tests.themis_admin.datasets.retention.test_services import five, run
from themis_admin.accounts.models import AuditEntry
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs.models import Event
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.errors import GoneError

__all__ = ["five"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_job_removes_and_the_collector_frees(
    as_alice: APIClient, five: list[Version], dataset: Dataset, settings: LazySettings
) -> None:
    store = ArtifactStore(settings.THEMIS.storage)
    answer = as_alice.post(f"{dataset.url}retention/", {"keep_last": 2}, format="json")
    assert answer.status_code == 202, answer.content
    stale = Version.objects.get(pk=five[0].pk)
    job = run("retain")
    assert (job.result["num_removed"], job.result["num_kept"]) == (3, 2)
    assert [version.number for version in dataset.versions.all()] == [5, 4]
    assert len(list(store.digests("shards"))) == 5
    assert run("collect").result["num_shards"] == 3
    assert sorted(store.digests("shards")) == sorted(path.name for v in five[3:] for path in v.shard_paths())
    for version in five[3:]:
        assert as_alice.get(f"{version.url}samples/").json()["num_samples"] == 5
    assert as_alice.get(five[0].url).status_code == 404
    with pytest.raises(GoneError):
        stale.open()
    assert AuditEntry.objects.get(action="dataset.versions_removed").detail["numbers"] == [3, 2, 1]
    assert Event.objects.get(kind="versions.removed").data["numbers"] == [3, 2, 1]
