"""Deleting frees the shards that nobody else has."""

import pytest
from rest_framework.test import APIClient

from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_deleting_frees_the_shards_that_nobody_else_has(
    as_alice: APIClient, dataset: Dataset, version: Version, alice: User
) -> None:
    (folder,) = version.shard_paths()
    assert folder.is_dir()
    assert as_alice.delete(dataset.url).status_code == 204
    assert as_alice.get(dataset.url).status_code == 404
    assert not Version.objects.exists()
    runner.run(Job.objects.get(kind="collect").pk)
    assert not folder.exists()


@pytest.mark.django_db(transaction=True)
def test_deleting_keeps_shards_that_another_dataset_has(
    as_alice: APIClient, dataset: Dataset, version: Version, alice: User
) -> None:
    other = Dataset.objects.create(owner=alice, name="Zweite")
    copy = Version.objects.create(
        dataset=other,
        number=1,
        digest=version.digest,
        num_samples=4,
        num_bytes=version.num_bytes,
        mode="append",
    )
    copy.version_shards.create(shard=version.shards.get(), ordinal=0)
    as_alice.delete(dataset.url)
    runner.run(Job.objects.get(kind="collect").pk)
    assert copy.open().num_samples == 4
