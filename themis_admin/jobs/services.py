"""What people do with jobs: submit, cancel, retry."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from themis_admin.jobs import runner
from themis_admin.jobs.models import UNENDED, Job, JobState
from themisdb_datasets.errors import ConflictError


def submit(
    kind: str, *, owner: AbstractBaseUser, title: str, params: Mapping[str, Any], lane: str = ""
) -> Job:
    """Queue a job in the present transaction; a worker hears of it when that is committed."""
    return runner.create(kind, owner=owner, title=title, params=params, lane=lane)


def cancel(job: Job) -> Job:
    """Cancel a job; ConflictError when it has ended."""
    if job.state not in UNENDED:
        raise ConflictError(f"The job is over already: {job.state}.", code="job_ended")
    # The job itself first: one that finds a part cancelled before
    # it knows that it is cancelled too would end as failed.
    runner.request_cancel(job.pk)
    cancel_parts(job.pk)
    job.refresh_from_db()
    return job


def cancel_parts(job_id: int) -> None:
    """Cancel what a job has had done for it: the jobs in the lanes `job:<id>:…`."""
    parts = Job.objects.filter(lane__startswith=f"job:{job_id}:", state__in=UNENDED)
    for pk in parts.values_list("pk", flat=True):
        runner.request_cancel(pk)


def retry(job: Job) -> Job:
    """A new job with the same work; ConflictError unless the old one failed or was cancelled."""
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise ConflictError(
            f"Only failed and cancelled jobs can be retried; this one is {job.state}.", code="job_state"
        )
    # A job ends once, so the old row stays as the record of what happened, with its log; and the new one,
    # which has another id, takes up none of the parts that the old one had done for it.
    return runner.create(job.kind, owner=job.owner, title=job.title, params=job.params, lane=job.lane)
