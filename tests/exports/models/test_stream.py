"""Streams as rows: their status, and their list."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from exports.models import Stream
from tests.exports.conftest import text
from tests.exports.test_limits import post
from themis_admin.datasets.models import Version

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")


def test_a_stream_can_be_looked_up_while_and_after_it_runs(
    version: Version, as_alice: APIClient, as_bob: APIClient
) -> None:
    response = post(as_alice, limit=2)
    url = f"/api/export/status/{response['X-Themis-Export']}"
    before = as_alice.get(url).json()
    assert (before["status"], before["records_processed"], before["records_total"]) == ("in_progress", 0, 2)
    body = text(response)
    after = as_alice.get(url).json()
    assert after["status"] == "completed"
    assert (after["progress"], after["records_processed"], after["error"]) == (1.0, 2, None)
    assert after["num_bytes"] == len(body.encode())
    assert after["duration_ms"] >= 0
    assert after["cursor"] == response["X-Themis-Cursor"]
    assert as_bob.get(url).status_code == 404
    assert as_bob.get("/api/export").json()["results"] == []


def test_streams_are_listed_by_status(version: Version, as_alice: APIClient) -> None:
    for _ in range(3):
        text(post(as_alice))
    Stream.objects.filter(pk=Stream.objects.latest("pk").pk).update(
        state="in_progress", lease_until=timezone.now() - timedelta(seconds=1)
    )

    def found(**query: str) -> list[str]:
        return [stream["status"] for stream in as_alice.get("/api/export", query).json()["results"]]

    assert found() == ["failed", "completed", "completed"]
    assert found(status="completed") == ["completed", "completed"]
    assert found(status="failed") == ["failed"]
    assert found(status="in_progress") == []
    wrong = as_alice.get("/api/export", {"status": "complete"})
    assert wrong.status_code == 400
    assert "did you mean 'completed'" in wrong.json()["error"]
