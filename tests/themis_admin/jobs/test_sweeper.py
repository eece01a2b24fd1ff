"""The sweeper frees what dead workers held, and tidies up."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from tests.themis_admin.jobs.conftest import kinds_of_events, reload, submit
from themis_admin.accounts.models import User
from themis_admin.jobs import events, runner, services, sweeper
from themis_admin.jobs.models import Event, Job

pytestmark = pytest.mark.django_db(transaction=True)


def die(job: Job) -> None:
    """As if the worker that claimed the job had died and its lease run out."""
    assert runner.claim(job.pk) is not None
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_lost_job_is_queued_again(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    die(job)
    sweeper.sweep()
    job = reload(job)
    assert (job.state, job.lost_claims, job.lease_until) == ("queued", 1, None)
    assert kinds_of_events(job) == ["job.queued", "job.started", "job.queued"]
    runner.run(job.pk)
    assert reload(job).state == "succeeded"


def test_a_lease_that_holds_is_left_alone(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    assert runner.claim(job.pk) is not None
    sweeper.sweep()
    assert (reload(job).state, reload(job).lost_claims) == ("running", 0)


def test_the_third_lost_claim_fails_the_job_with_that_reason(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    for _ in range(2):
        die(job)
        sweeper.sweep()
        assert reload(job).state == "queued"
    die(job)
    sweeper.sweep()
    job = reload(job)
    assert (job.state, job.error_code, job.lost_claims) == ("failed", "lost_claims", 3)
    assert "3 times" in job.error
    assert job.finished_at is not None


def test_a_cancelled_job_of_a_dead_worker_ends_cancelled(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    die(job)
    services.cancel(reload(job))
    sweeper.sweep()
    assert reload(job).state == "cancelled"


def test_the_lane_goes_on_after_a_lost_job_is_given_up(alice: User) -> None:
    first, second = (submit(alice, "toy.count", lane="toys", steps=1) for _ in range(2))
    for _ in range(3):
        die(first)
        sweeper.sweep()
    assert reload(first).state == "failed"
    runner.run(second.pk)
    assert reload(second).state == "succeeded"


def test_progress_of_ended_jobs_and_folders_of_gone_ones_are_removed(alice: User) -> None:
    job, gone = submit(alice, "toy.count", steps=1), submit(alice, "toy.count", steps=1)
    runner.run(job.pk)
    runner.run(gone.pk)
    events.record("job.progress", owner=alice, job=job, data={"done": 1})
    Event.objects.filter(kind="job.progress").update(created_at=timezone.now() - timedelta(days=1))
    leftover = Path(settings.THEMIS.work_dir) / f"job-{gone.pk}" / "1"
    leftover.mkdir(parents=True)
    waiting = submit(alice, "toy.count", steps=1)
    needed = Path(settings.THEMIS.work_dir) / f"job-{waiting.pk}" / "1"
    needed.mkdir(parents=True)
    sweeper.tidy()
    assert not Event.objects.filter(job=job, kind="job.progress").exists()
    assert kinds_of_events(job)[-1] == "job.succeeded", "what happened stays"
    assert not leftover.parent.exists() and needed.exists()
