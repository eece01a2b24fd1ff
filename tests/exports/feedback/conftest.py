"""What the tests of feedback share."""

from typing import Any

import numpy as np
import pytest
from rest_framework.test import APIClient

from exports.models import FeedbackRun
from tests.conftest import client_of
from tests.exports.conftest import Ask
from themis_admin.accounts.models import User
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job
from themisdb_datasets.engine.weights.difficulty import RECORD

URL = "/api/v1/feedback/"


def plan_of(ask: Ask, **query: Any) -> dict[str, Any]:
    response: Any = ask(**query, dry_run=True)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def tell(client: APIClient, **body: Any) -> dict[str, Any]:
    response = client.post(URL, body, format="json")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def told(run: FeedbackRun) -> dict[bytes, list[float]]:
    """All that is kept of a run."""
    found: dict[bytes, list[float]] = {}
    for sender in run.senders.all():
        for each in np.fromfile(sender.path, RECORD, sender.num_records):
            found.setdefault(each["id"].tobytes(), []).append(float(each["loss"]))
    return found


@pytest.fixture
def writer(alice: User) -> APIClient:
    return client_of(alice, "export", "write")


def ran(response: Any) -> Job:
    assert response.status_code == 202, response.content
    pk = response.json()["job"]["id"]
    runner.run(pk)
    return Job.objects.get(pk=pk)
