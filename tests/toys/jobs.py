"""Toy jobs: they count, fail, or take their process down."""

import os
import signal
import time
from pathlib import Path

import duckdb
from django.db import OperationalError

from themis_admin.accounts.models import AuditEntry
from themis_admin.jobs.runner import RunningJob, job_task
from themisdb_datasets.errors import ImpossibleError

DONE = "toy.done"
STEP_SECONDS = 0.02


@job_task(kind="toy.count")
def count(job: RunningJob, *, steps: int) -> None:
    """Count to `steps`, with a file in the work folder, and leave one entry with the end."""
    job.log(f"pid {os.getpid()}")
    for step in range(1, steps + 1):
        (job.workdir / "count").write_text(str(step))
        time.sleep(STEP_SECONDS)
        job.report(step, steps, unit="steps")
    with job.finishing(result={"counted": steps}):
        AuditEntry.objects.create(user_id=job.owner.pk, action=DONE, object=str(job.id))


@job_task(kind="toy.impossible")
def impossible(job: RunningJob) -> None:
    """Fail with a sentence that is meant for people, after writing something that must not stay."""
    with job.finishing(result={}):
        AuditEntry.objects.create(user_id=job.owner.pk, action=DONE, object=str(job.id))
        raise ImpossibleError("The toy cannot be wound up.", code="no_spring")


@job_task(kind="toy.full")
def full(job: RunningJob, *, how: str) -> None:
    """Find no space on the disk, as a file, DuckDB and SQLite tell it."""
    if how == "duckdb":
        raise duckdb.IOException('Could not write file "/t.tmp": No space left on device')
    if how == "sqlite":
        raise OperationalError("database or disk is full")
    Path("/dev/full").write_bytes(b"x")


@job_task(kind="toy.broken")
def broken(job: RunningJob) -> None:
    """Fail as a defect does."""
    raise ZeroDivisionError("a defect in the toy")


@job_task(kind="toy.deadly")
def deadly(job: RunningJob) -> None:
    """Take the process down, as running out of memory does."""
    os.kill(os.getpid(), signal.SIGKILL)
