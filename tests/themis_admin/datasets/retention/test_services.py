"""Old versions are removed by number and age, and none that is needed; a dry run says why each one stays."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from exports.delivery.opening import open_delivery
from exports.models import StoredPlan, Stream
from exports.streams.continuous import Continuation
from tests.conftest import client_of
from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.datasets.labels import services as labels
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.retention import services as retention
from themis_admin.jobs import runner
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Event, Job
from themis_admin.snapshots import services as snapshots
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.errors import ConflictError, GoneError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def five(ingest: Ingest, dataset: Dataset) -> list[Version]:
    """Five versions, each with samples of its own, made ten days apart; the newest today."""
    for number in range(1, 6):
        ingest([*SAMPLES, {"id": f"only in {number}"}], mode="replace")
    Job.objects.exclude(kind="ingest").delete()  # statistics that nobody works on here
    found = list(dataset.versions.order_by("number"))
    for version in found:
        made = timezone.now() - timedelta(days=10 * (5 - version.number))
        Version.objects.filter(pk=version.pk).update(created_at=made)
    return found


def dry_run(client: APIClient, dataset: Dataset, **query: str) -> Any:
    answer = client.get(f"{dataset.url}retention/", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def gone(found: Any) -> list[int]:
    return [each["number"] for each in found["results"] if each["removed"]]


def kinds(found: Any, number: int) -> list[str]:
    row = next(each for each in found["results"] if each["number"] == number)
    return [reason["kind"] for reason in row["reasons"]]


def run(kind: str) -> Job:
    job: Job = Job.objects.filter(kind=kind).latest("id")
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def test_a_dry_run_says_what_goes_and_removes_nothing(
    as_alice: APIClient, five: list[Version], dataset: Dataset
) -> None:
    found = dry_run(as_alice, dataset, keep_last="2")
    assert (gone(found), found["num_removed"], found["num_kept"]) == ([3, 2, 1], 3, 2)
    assert kinds(found, 5) == ["keep_last", "latest"]
    assert kinds(found, 4) == ["keep_last"]
    assert found["freed_bytes"] == sum(version.num_bytes for version in five[:3])
    assert gone(dry_run(as_alice, dataset, older_than_days="15")) == [3, 2, 1]
    assert gone(dry_run(as_alice, dataset, older_than_days="0")) == [4, 3, 2, 1]
    both = dry_run(as_alice, dataset, keep_last="3", older_than_days="35")
    assert (gone(both), kinds(both, 2)) == ([1], ["older_than_days"])
    assert dataset.versions.count() == 5
    page = dry_run(as_alice, dataset, keep_last="2", removed="true", length="2")
    assert [each["number"] for each in page["results"]] == [3, 2]
    assert [each["number"] for each in as_alice.get(page["next"]).json()["results"]] == [1]


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


def test_what_is_needed_stays(
    as_alice: APIClient, alice: User, five: list[Version], dataset: Dataset
) -> None:
    labels.put_label(dataset, user=alice, name="stable", version=1)
    snapshots.start_snapshot(five[1], user=alice)
    client_of(alice, "export").post(
        "/api/export/jsonl_llm/stream", {"dataset": "Gesetze", "version": 3, "format": "raw"}, format="json"
    )
    Job.objects.all().delete()
    jobs.submit("statistics", owner=alice, title="At work", params={"version": five[3].pk})
    found = dry_run(as_alice, dataset, keep_last="1")
    assert gone(found) == []
    assert [kinds(found, number) for number in (1, 2, 3, 4)] == [["label"], ["snapshot"], ["stream"], ["job"]]
    assert found["results"][-1]["reasons"][0]["text"] == "label stable"
    retention.start(dataset, user=alice, policy=retention.Policy(keep_last=1))
    assert run("retain").result["num_removed"] == 0


def test_old_plans_let_go_and_their_cursors_say_so(
    alice: User, five: list[Version], dataset: Dataset
) -> None:
    client = client_of(alice, "export", "read")
    body = {"dataset": "Gesetze", "version": 1, "format": "raw"}
    cursor = client.post("/api/export/jsonl_llm/stream", body, format="json")["X-Themis-Cursor"]
    assert kinds(dry_run(client, dataset, keep_last="1"), 1) == ["stream"]
    long_ago = timezone.now() - timedelta(days=99)
    plan = StoredPlan.objects.get()
    StoredPlan.objects.update(created_at=long_ago)
    Stream.objects.update(created_at=long_ago, lease_until=long_ago)
    retention.start(dataset, user=alice, policy=retention.Policy(keep_last=1))
    assert run("retain").result["num_removed"] == 4
    plan.refresh_from_db()
    assert plan.version is None
    answer = client.post("/api/export/jsonl_llm/stream", {"cursor": cursor}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_cursor")


def test_a_continuous_plan_needs_all_that_follow(
    alice: User, as_alice: APIClient, five: list[Version], dataset: Dataset
) -> None:
    body = {"dataset": "Gesetze", "version": 2, "format": "raw", "stream_mode": "continuous", "limit": 1}
    answer = client_of(alice, "export").post("/api/export/jsonl_llm/stream", body, format="json")
    assert answer.status_code == 200
    assert gone(dry_run(as_alice, dataset, keep_last="1")) == [1]
    # Were one of them removed all the same, positions after it would mean other samples.
    plan = Plan.from_document(StoredPlan.objects.get().document)
    continuation = Continuation(plan, five[1], open_delivery(plan, five[1].open()))
    assert continuation.advance()
    five[3].delete()
    with pytest.raises(ConflictError, match="was removed"):
        continuation.advance()


@pytest.mark.parametrize(
    "policy",
    [
        {"keep_last": 0},
        {"keep_last": -1},
        {"keep_last": 10**9},
        {"older_than_days": -1},
        {"keep_last": None},
        {"x": 1},
    ],
)
def test_a_bad_policy_is_refused(
    as_alice: APIClient, version: Version, dataset: Dataset, policy: Any
) -> None:
    for send in (as_alice.post, as_alice.put):
        answer = send(f"{dataset.url}retention/", policy, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), policy
        assert answer.json()["fields"]
    assert not Job.objects.filter(kind="retain").exists()


def test_a_dataset_has_a_retention_of_its_own(
    as_alice: APIClient, five: list[Version], dataset: Dataset
) -> None:
    url = f"{dataset.url}retention/"
    assert as_alice.get(url).json()["code"] == as_alice.post(url).json()["code"] == "no_retention"
    put = as_alice.put(url, {"keep_last": 3}, format="json")
    assert put.json()["retention"] == {"keep_last": 3, "older_than_days": None}
    assert gone(dry_run(as_alice, dataset)) == [2, 1]
    retention.tidy()
    retention.tidy()
    assert Job.objects.filter(kind="retain").count() == 1
    run("retain")
    retention.tidy()
    assert Job.objects.filter(kind="retain").count() == 1
    Job.objects.filter(kind="retain").update(created_at=timezone.now() - timedelta(days=2))
    retention.tidy()  # nothing is left to go
    assert Job.objects.filter(kind="retain").count() == 1
    assert as_alice.delete(url).status_code == 204
    assert as_alice.get(dataset.url).json()["retention"] is None


def test_datasets_of_others_do_not_exist(as_bob: APIClient, version: Version, dataset: Dataset) -> None:
    url = f"{dataset.url}retention/"
    answers = [
        as_bob.get(url),
        as_bob.post(url),
        as_bob.put(url, {"keep_last": 1}, format="json"),
        as_bob.delete(url),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


def test_the_console_shows_asks_and_removes(alice: User, five: list[Version], dataset: Dataset) -> None:
    browser = Client()
    browser.force_login(alice)
    page = f"/datasets/{dataset.pk}/retention/"
    assert "Nothing is removed before you confirm it" in browser.get(page).content.decode()
    html = browser.get(page, {"keep_last": "4"}).content.decode()
    assert "among the newest 4" in html
    assert "Remove 1 version<" in html
    assert browser.get(page, {"keep_last": "x"}).status_code == 422
    form = {"keep_last": "4", "older_than_days": "", "action": "remove", "name": "Something else"}
    assert browser.post(page, form).status_code == 422
    assert not Job.objects.filter(kind="retain").exists()
    answer = browser.post(page, {**form, "name": "Gesetze"})
    assert answer["Location"] == f"/jobs/{run('retain').pk}/"
    assert dataset.versions.count() == 4
    browser.post(page, {**form, "action": "save"})
    dataset.refresh_from_db()
    assert dataset.retention == {"keep_last": 4, "older_than_days": None}
    browser.post(page, {"action": "stop"})
    dataset.refresh_from_db()
    assert dataset.retention is None


def test_the_command_tells_the_same(five: list[Version], dataset: Dataset) -> None:
    said = StringIO()
    call_command("retain", "gesetze", "--keep-last", "4", stdout=said)
    assert "version 1 " in said.getvalue()
    assert "1 of 5 go" in said.getvalue()
    assert not Job.objects.filter(kind="retain").exists()
    call_command("retain", str(dataset.pk), "--keep-last", "4", "--remove", stdout=said)
    assert run("retain").result["num_removed"] == 1
    with pytest.raises(CommandError, match="No dataset"):
        call_command("retain", "Andere", "--keep-last", "4")
