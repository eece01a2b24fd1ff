"""What holds a version: whatever points at it, as long as it is needed."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from exports.delivery.opening import open_delivery
from exports.models import StoredPlan, Stream
from exports.streams.continuous import Continuation
from tests.conftest import client_of
from tests.themis_admin.datasets.retention.conftest import dry_run, gone, kinds
from tests.themis_admin.datasets.retention.test_services import five, run
from themis_admin.accounts.models import User
from themis_admin.datasets.labels import services as labels
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.retention import services as retention
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themis_admin.snapshots import services as snapshots
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.errors import ConflictError

__all__ = ["five"]
pytestmark = pytest.mark.django_db(transaction=True)


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
