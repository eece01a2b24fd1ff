"""Which statistics there are, and what becomes of them."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.datasets.statistics.conftest import asked, waiting, work
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, StatisticsDocument, Theme, Version
from themis_admin.jobs import runner
from themis_admin.jobs import services as jobs

pytestmark = pytest.mark.django_db(transaction=True)


def test_other_fields_of_the_dataset_are_other_statistics(as_alice: APIClient, version: Version) -> None:
    work()
    datasets.update_dataset(version.dataset, user=version.dataset.owner, timestamp_field="year")
    assert asked(as_alice, version, 202)["job"]["state"] == "queued"
    work()
    assert asked(as_alice, version)["times"]["field"] == "year"


def test_a_job_that_failed_is_told_and_not_started_again(as_alice: APIClient, version: Version) -> None:
    for shard in version.shard_paths():
        (shard / "columns.parquet").unlink()
    (job,) = work()
    assert job.state == "failed"
    answer = asked(as_alice, version, 422)
    assert (answer["code"], str(job.pk) in answer["error"]) == ("statistics_failed", True)
    assert not waiting()
    again = jobs.retry(job)
    assert asked(as_alice, version, 202)["job"]["id"] == again.pk


def test_themes_that_cannot_be_asked_do_not_stand_in_the_way(version: Version, theme: Theme) -> None:
    Theme.objects.create(dataset=version.dataset, name="Odd", where={"op": "of another release"})
    StatisticsDocument.objects.all().delete()
    job, _ = work()
    assert (job.state, job.result["num_documents"]) == ("succeeded", 2)


def test_the_statistics_of_a_removed_version_go_with_it(
    as_alice: APIClient, theme: Theme, version: Version, ingest: Ingest, dataset: Dataset
) -> None:
    ingest([{"id": "x", "law": "BImSchG"}])
    work()
    assert StatisticsDocument.objects.count() == 4
    version.delete()
    collecting = jobs.submit("collect", owner=dataset.owner, title="Collect", params={})
    runner.run(collecting.pk)
    assert dataset.latest is not None
    assert set(StatisticsDocument.objects.values_list("version_digest", flat=True)) == {dataset.latest.digest}
    assert asked(as_alice, dataset.latest, theme=theme.pk)["num_samples"] == 3
