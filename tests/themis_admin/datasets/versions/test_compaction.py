"""Compaction joins small shards, and no reader sees a byte of difference."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from exports.delivery.opening import open_delivery
from exports.models import StoredPlan
from exports.streams.continuous import Continuation
from tests.conftest import client_of
from tests.exports.conftest import text
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.versions import services
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job
from themisdb_datasets.engine.plans.plan import Plan

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators"),
]


def sample(n: int) -> dict[str, Any]:
    return {
        "id": n,
        "content": f"Sample {n} " * (n % 5 + 1),
        "importance": n % 3 / 2,
        "made": f"2026-01-{n % 28 + 1:02}",
    }


def work(kind: str) -> Job:
    job: Job = Job.objects.filter(kind=kind).latest("id")
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


@pytest.fixture
def many(ingest: Ingest, dataset: Dataset, alice: User) -> Version:
    """60 samples in six shards, 12 of them equal to others, less ten that were deleted."""
    for start in range(0, 60, 10):
        ingest([sample(n % 48) for n in range(start, start + 10)])
    where = {"field": "id", "op": "between", "value": [20, 24]}
    services.start_delete(dataset, user=alice, where=where)
    work("delete")
    dataset.refresh_from_db()
    assert dataset.latest is not None
    assert dataset.latest.version_shards.count() == 6
    return dataset.latest


def compact(client: APIClient, dataset: Dataset) -> Version:
    answer = client.post(f"{dataset.url}compact/", {"note": "tidy"}, format="json")
    assert answer.status_code == 202, answer.content
    job = work("compact")
    dataset.refresh_from_db()
    assert dataset.latest is not None
    assert job.result["version"] == dataset.latest.pk
    return dataset.latest


def stream(client: APIClient, **body: Any) -> tuple[bytes, str]:
    """What a stream sends, and its plan."""
    answer = client.post("/api/export/jsonl_llm/stream", body, format="json")
    assert answer.status_code == 200, answer.content
    return text(answer).encode(), answer["X-Themis-Plan"]


def lines(version: Version) -> list[bytes]:
    opened = version.open()
    return [opened.line(position) for position in range(opened.num_samples)]


def test_the_samples_are_the_same_in_the_same_order(
    as_alice: APIClient, many: Version, dataset: Dataset
) -> None:
    told = as_alice.get(f"{dataset.url}compact/").json()
    assert (told["num_shards"], told["num_rewritten"], told["num_deleted"]) == (6, 6, 5)
    before = lines(many)
    after = compact(as_alice, dataset)
    assert (after.number, after.mode, after.note) == (many.number + 1, "compact", "tidy")
    assert (after.digest, after.num_samples, after.num_bytes) == (
        many.digest,
        many.num_samples,
        many.num_bytes,
    )
    assert {f["name"]: f for f in after.fields} == {f["name"]: f for f in many.fields}
    assert after.version_shards.count() == 1
    assert not after.open().has_deletions
    assert lines(after) == before
    assert many.version_shards.count() == 6, "versions never change"
    diff = as_alice.get(f"{after.url}diff/", {"against": many.pk}).json()
    assert (diff["added"], diff["removed"], diff["changed"]) == (0, 0, 0)


@pytest.mark.parametrize(
    "order", [{}, {"order": "shuffled", "seed": 7}, {"order": "weighted", "seed": 7}], ids=str
)
def test_streams_and_cursors_go_on_byte_for_byte(
    alice: User, as_alice: APIClient, many: Version, dataset: Dataset, order: dict[str, Any]
) -> None:
    client = client_of(alice, "export")
    body = {
        "dataset": "Gesetze",
        "format": "text_completion",
        "weighting": {"auto_weight_by_freshness": True, "timestamp_field": "made"},
        **order,
    }
    whole, plan = stream(client, **body)
    opened = open_delivery(Plan.from_document(StoredPlan.objects.get().document), many.open())
    under_way = opened.chunks(opened.window(0, None), batch_size=7)
    begun = bytes(next(under_way).data)
    compact(as_alice, dataset)
    assert begun + b"".join(bytes(chunk.data) for chunk in under_way) == whole
    assert stream(client, cursor=f"{plan}.13")[0] == b"".join(whole.splitlines(keepends=True)[13:])
    assert stream(client, **body) == (whole, plan), "the latest version makes the plan that it made before"
    many.delete()  # as retention would
    assert stream(client, cursor=f"{plan}.13")[0] == b"".join(whole.splitlines(keepends=True)[13:])


def test_a_continuous_stream_passes_it_by(
    alice: User, as_alice: APIClient, many: Version, dataset: Dataset, ingest: Ingest
) -> None:
    body = {"dataset": "Gesetze", "format": "raw", "stream_mode": "continuous", "limit": 1}
    client_of(alice, "export").post("/api/export/jsonl_llm/stream", body, format="json")
    plan = Plan.from_document(StoredPlan.objects.get().document)
    compact(as_alice, dataset)
    ingest([sample(5), {"id": "new"}])
    continuation = Continuation(plan, many, open_delivery(plan, many.open()))
    sizes = []
    while continuation.advance():
        sizes.append(continuation.current.delivery.num_samples)
    assert sizes == [0, 2]
    assert continuation.current.stop == many.num_samples + 2


def test_what_is_compact_is_left_alone(
    as_alice: APIClient, as_bob: APIClient, many: Version, dataset: Dataset
) -> None:
    job = as_alice.post(f"{dataset.url}compact/").json()["job"]["id"]
    again = as_alice.post(f"{dataset.url}compact/").json()["job"]["id"]
    runner.run(job)
    runner.run(again)
    assert Job.objects.get(pk=again).result["unchanged"] is True
    refused = as_alice.post(f"{dataset.url}compact/")
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_compact")
    assert (
        as_bob.post(f"{dataset.url}compact/").status_code == as_bob.get(f"{dataset.url}compact/").status_code
    )
    assert as_bob.post(f"{dataset.url}compact/").status_code == 404


def test_an_empty_dataset_has_nothing_to_compact(as_alice: APIClient, dataset: Dataset) -> None:
    assert as_alice.get(f"{dataset.url}compact/").json()["code"] == "no_version"
    assert as_alice.post(f"{dataset.url}compact/").json()["code"] == "no_version"


def test_the_console_compacts(alice: User, many: Version, dataset: Dataset) -> None:
    browser = Client()
    browser.force_login(alice)
    page = f"/datasets/{dataset.pk}/compact/"
    assert page in browser.get(f"/datasets/{dataset.pk}/").content.decode()
    assert "Written anew" in browser.get(page).content.decode()
    answer = browser.post(page, {"note": "tidy"})
    assert answer["Location"] == f"/jobs/{work('compact').pk}/"
    assert "The shards are as they should be" in browser.get(page).content.decode()
    assert browser.post(page).status_code == 422
