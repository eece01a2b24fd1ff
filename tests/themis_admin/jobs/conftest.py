"""Workers for tests: the real command, on the database of the test."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.processes import manage, until
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.jobs import services, sweeper
from themis_admin.jobs.models import ENDED, Event, Job

# Tests that start processes commit what they write, so that those see it.
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(transactional_db: None, tmp_path: Path) -> Iterator[Start]:
    """Start commands of manage.py on the test's database; what still runs is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        database = str(connection.settings_dict["NAME"])
        log = tmp_path / f"{arguments[0]}-{len(started)}.log"
        started.append(manage(*arguments, log=log, THEMIS_TEST_DATABASE=database, **environment))
        return started[-1]

    yield begin
    for process in started:
        process.kill()  # which they have to bear, and which is quicker
        process.wait()
    for log in sorted(tmp_path.glob("*.log")):  # shown where the test failed
        print(f"--- {log.name}\n{log.read_text()[-4000:]}")


def submit(owner: User, kind: str, *, lane: str = "", **params: Any) -> Job:
    """A toy job."""
    return services.submit(kind, owner=owner, title=kind, params=params, lane=lane)


def reload(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def ended(*jobs: Job, sweep: bool = False) -> list[Job]:
    """The jobs, once all have ended; with `sweep`, the sweeper's rounds are done meanwhile."""

    def look() -> list[Job]:
        if sweep:
            sweeper.sweep()
        rows = list(Job.objects.filter(pk__in=[job.pk for job in jobs]).order_by("pk"))
        return rows if all(row.state in ENDED for row in rows) else []

    return until(look, what="the jobs end")


def running_in(job: Job) -> int:
    """The process that works on a toy job, once one does so and has reported progress."""

    def look() -> int:
        row = reload(job)
        line = Event.objects.filter(job=job, kind="job.log").order_by("-id").first()
        held = row.lease_until is not None and row.lease_until > timezone.now()
        if line is None or row.state != "running" or not row.done or not held:
            return 0
        return int(str(line.data["text"]).removeprefix("pid "))

    return until(look, what=f"{job} runs")


def times_done(job: Job) -> int:
    """How often the end of a toy job was published."""
    return AuditEntry.objects.filter(action="toy.done", object=str(job.pk)).count()


def kinds_of_events(job: Job) -> list[str]:
    rows = Event.objects.filter(job=job).exclude(kind__in=("job.progress", "job.log")).order_by("id")
    return list(rows.values_list("kind", flat=True))
