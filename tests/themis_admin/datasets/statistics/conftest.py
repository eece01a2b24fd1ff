"""What the tests of statistics share."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from themis_admin.accounts.models import User
from themis_admin.datasets.models import Theme, Version
from themis_admin.datasets.themes import services as themes
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

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
