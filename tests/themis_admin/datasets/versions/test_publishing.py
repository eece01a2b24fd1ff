"""A version is published whole, by rows that point at shards, or not at all."""

from pathlib import Path

import pytest

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest, lines, write
from themis_admin.accounts.models import User
from themis_admin.datasets.ingest import services
from themis_admin.datasets.models import Dataset, Shard, Version
from themis_admin.jobs import runner

pytestmark = pytest.mark.django_db(transaction=True)


def test_append_shares_the_shards_that_are_there(ingest: Ingest, dataset: Dataset) -> None:
    ingest(SAMPLES[:2])
    first = dataset.latest
    ingest(SAMPLES[2:])
    second = dataset.latest
    assert first is not None
    assert second is not None
    assert (second.number, second.parent) == (2, first)
    assert lines(second) == SAMPLES
    assert second.shard_paths()[:1] == first.shard_paths()
    assert lines(first) == SAMPLES[:2]


def test_the_digest_does_not_see_how_the_samples_came(ingest: Ingest, dataset: Dataset) -> None:
    ingest(SAMPLES)
    whole = dataset.latest
    ingest(SAMPLES[:1], mode="replace")
    ingest(SAMPLES[1:])
    assert whole is not None
    assert dataset.latest is not None
    assert dataset.latest.digest == whole.digest
    assert dataset.latest.version_shards.count() == 2


def test_replace_leaves_the_earlier_version_as_it_was(ingest: Ingest, dataset: Dataset) -> None:
    ingest(SAMPLES)
    before = dataset.latest
    ingest(SAMPLES[:1], mode="replace")
    assert dataset.latest is not None
    assert before is not None
    assert (dataset.latest.num_samples, dataset.latest.parent) == (1, before)
    assert lines(before) == SAMPLES


def test_the_same_file_twice_is_one_shard_and_two_versions(ingest: Ingest, dataset: Dataset) -> None:
    ingest(SAMPLES)
    ingest(SAMPLES)
    assert (Shard.objects.count(), Version.objects.count()) == (1, 2)
    assert dataset.latest is not None
    assert lines(dataset.latest) == SAMPLES + SAMPLES


@pytest.mark.parametrize("content", [[], [b"", b"   ", b"\t"]])
def test_a_file_without_samples_makes_no_version(
    ingest: Ingest, dataset: Dataset, content: list[bytes]
) -> None:
    job = ingest(content)
    assert (job.state, job.error_code) == ("failed", "no_samples")
    assert "no samples" in job.error
    assert not Version.objects.exists()
    assert dataset.latest is None


def test_a_dataset_deleted_meanwhile_fails_the_job(
    ingest: Ingest, dataset: Dataset, alice: User, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.jsonl", SAMPLES)
    job = services.start_ingest(dataset, user=alice, sources=[path])
    Dataset.objects.all().delete()
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "The dataset was deleted.")
