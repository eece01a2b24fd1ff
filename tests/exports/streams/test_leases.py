"""A stream's row is kept alive by its server, and ends with it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from exports import limits
from exports.limits import Consumer
from exports.models import Stream, StreamState
from exports.streams import leases
from tests.exports.conftest import text
from tests.exports.test_limits import post
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Version

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")


def test_a_stream_whose_server_died_is_written_down_as_failed(version: Version, as_alice: APIClient) -> None:
    text(post(as_alice))
    ended = timezone.now() - timedelta(seconds=5)
    Stream.objects.update(state="in_progress", finished_at=None, lease_until=ended)
    limits.tidy()
    stream = Stream.objects.get()
    assert (stream.state, stream.finished_at) == ("failed", ended)
    assert "cursor" in stream.error


def test_a_renewal_that_comes_late_takes_up_nothing_that_has_ended(alice: User) -> None:
    row = limits.open_stream(Consumer(alice), title="Lärm", plan="0" * 64, start=0, num_samples=3)
    stream, goes_on = leases.OpenStream(row, None), leases.OpenStream(row, None)
    stream.end(StreamState.COMPLETED, "")
    leases._renew_all([stream])
    row.refresh_from_db()
    assert (row.state, row.finished_at is None) == ("completed", False)
    leases._renew_all([goes_on])  # it was thought to be gone
    row.refresh_from_db()
    assert (row.state, row.finished_at) == ("in_progress", None)
