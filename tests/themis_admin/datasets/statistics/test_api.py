"""REST: statistics of versions and themes, computed by jobs when something is published, saved or asked for."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, StatisticsDocument, Theme, Version
from themis_admin.datasets.themes import services as themes
from themis_admin.jobs import runner
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
LAW = {"field": "law", "op": "eq", "value": "BImSchG"}


@pytest.fixture
def theme(version: Version, alice: User) -> Theme:
    return themes.create_theme(version.dataset, user=alice, name="Immissionsschutz", where=LAW)


def waiting() -> list[Job]:
    return list(Job.objects.filter(kind="statistics", state="queued").order_by("pk"))


def work() -> list[Job]:
    """Run the jobs of statistics that wait; as they ended."""
    found = waiting()
    for job in found:
        runner.run(job.pk)
        job.refresh_from_db()
    return found


def asked(client: APIClient, version: Version, status: int = 200, **query: Any) -> Any:
    answer = client.get(f"{version.url}statistics/", query)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_published_version_gets_its_statistics(as_alice: APIClient, version: Version) -> None:
    (job,) = work()
    assert (job.state, job.title) == ("succeeded", "Statistics of Gesetze, version 1"), job.error
    told = asked(as_alice, version)
    assert (told["version"], told["theme"], told["num_samples"]) == (version.pk, None, 4)
    assert told["num_bytes"] == version.num_bytes
    assert told["text_field"] == "text"
    law = next(field for field in told["fields"] if field["name"] == "law")
    assert law["values"]["top"] == [["BImSchG", 2], ["BDSG", 1], ["TierSchG", 1]]


def test_a_saved_theme_gets_its_statistics(
    as_alice: APIClient, alice: User, version: Version, theme: Theme
) -> None:
    assert [job.state for job in work()] == ["succeeded"] * 2
    told = asked(as_alice, version, theme=theme.pk)
    assert (told["theme"], told["num_samples"]) == (theme.pk, 2)
    assert [field["absent"] for field in told["fields"]] == [
        0
    ] * 5  # of what only other samples have nothing is said
    themes.update_theme(theme, user=alice, description="nothing else")
    assert not waiting()
    themes.update_theme(theme, user=alice, where={"not": LAW})
    assert [job.state for job in work()] == ["succeeded"]
    assert asked(as_alice, version, theme=theme.pk)["num_samples"] == 2


def test_a_new_version_gets_those_of_its_themes_too(
    as_alice: APIClient, theme: Theme, ingest: Ingest, dataset: Dataset
) -> None:
    work()
    ingest([{"id": "x", "law": "BImSchG"}])
    assert [job.result["num_documents"] for job in work()] == [2]
    assert dataset.latest is not None
    assert asked(as_alice, dataset.latest, theme=theme.pk)["num_samples"] == 3


def test_what_is_not_there_is_computed_once_it_is_asked_for(
    as_alice: APIClient, version: Version, theme: Theme
) -> None:
    work()
    StatisticsDocument.objects.all().delete()
    job = asked(as_alice, version, 202, theme=theme.pk)["job"]
    assert asked(as_alice, version, 202, theme=theme.pk)["job"]["id"] == job["id"]
    assert [each.pk for each in work()] == [job["id"]]
    assert asked(as_alice, version, theme=theme.pk)["num_samples"] == 2


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


def test_others_see_nothing(
    as_alice: APIClient, as_bob: APIClient, version: Version, theme: Theme, bob: User
) -> None:
    assert as_bob.get(f"{version.url}statistics/").status_code == 404
    assert as_alice.get(f"{version.url}statistics/", {"theme": 10**9}).status_code == 404
    assert as_alice.get(f"{version.url}statistics/", {"theme": "x"}).status_code == 400
    assert as_alice.get(f"{version.url}statistics/", {"tehme": 1}).status_code == 400
