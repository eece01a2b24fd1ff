"""Workers that are really killed in the middle of a job: it ends right, once, with nothing half-visible."""

import os
import signal
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from tests.processes import alive, descendants, until
from tests.themis_admin.jobs.conftest import (
    Start,
    ended,
    kinds_of_events,
    reload,
    running_in,
    submit,
    times_done,
)
from themis_admin.accounts.models import User
from themis_admin.celery import app
from themis_admin.jobs import services
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_killed_worker_takes_its_processes_along_and_another_one_ends_the_job(
    start: Start, alice: User
) -> None:
    worker = start("worker", "--concurrency=1")
    job = submit(alice, "toy.count", steps=100)
    pid = running_in(job)
    assert pid in descendants(worker.pid)
    worker.kill()
    until(lambda: not alive(pid), what="the pool's process dies with its worker")
    assert (times_done(job), reload(job).state) == (0, "running"), "nobody has noticed yet"
    start("worker", "--concurrency=1")
    (job,) = ended(job, sweep=True)
    assert (job.state, job.result, job.lost_claims) == ("succeeded", {"counted": 100}, 1)
    assert times_done(job) == 1
    assert kinds_of_events(job) == ["job.queued", "job.started", "job.queued", "job.started", "job.succeeded"]
    work = Path(settings.THEMIS.work_dir, f"job-{job.pk}")
    until(lambda: not work.exists(), what="the work folder goes")


def test_a_pool_process_that_dies_is_replaced_and_the_job_done_again(start: Start, alice: User) -> None:
    worker = start("worker", "--concurrency=1")
    first, second = submit(alice, "toy.count", steps=60), submit(alice, "toy.count", steps=1)
    os.kill(running_in(first), signal.SIGKILL)
    first, second = ended(first, second, sweep=True)
    assert (first.state, second.state) == ("succeeded", "succeeded")
    assert (times_done(first), times_done(second)) == (1, 1)
    assert worker.poll() is None


def test_a_worker_that_was_frozen_and_comes_back_finds_its_claim_gone(start: Start, alice: User) -> None:
    start("worker", "--concurrency=1")
    job = submit(alice, "toy.count", steps=60)
    pid = running_in(job)
    os.kill(pid, signal.SIGSTOP)
    start("worker", "--concurrency=1")
    (job,) = ended(job, sweep=True)
    fence = job.fence
    assert (job.state, times_done(job)) == ("succeeded", 1)
    os.kill(pid, signal.SIGCONT)
    later = submit(alice, "toy.count", steps=1)
    ended(later, sweep=True)
    job = reload(job)
    assert (job.state, job.fence, times_done(job)) == ("succeeded", fence, 1)
    assert kinds_of_events(job).count("job.succeeded") == 1


def test_a_job_that_kills_its_workers_is_given_up_at_the_third_time(start: Start, alice: User) -> None:
    start("worker", "--concurrency=1")
    deadly, harmless = submit(alice, "toy.deadly"), submit(alice, "toy.count", steps=1)
    deadly, harmless = ended(deadly, harmless, sweep=True)
    assert (deadly.state, deadly.error_code, deadly.lost_claims) == ("failed", "lost_claims", 3)
    assert harmless.state == "succeeded"


def test_cancelling_stops_the_work(start: Start, alice: User) -> None:
    start("worker", "--concurrency=1")
    job = submit(alice, "toy.count", steps=10_000)
    running_in(job)
    services.cancel(reload(job))
    (job,) = ended(job)
    assert (job.state, times_done(job), job.lost_claims) == ("cancelled", 0, 0)
    assert 0 < job.done < 10_000


def test_the_sweeper_delivers_what_the_broker_has_lost(start: Start, alice: User) -> None:
    """The hint went to a queue that nobody reads: as good as lost."""
    job = submit(alice, "toy.count", steps=1)
    app.control.purge()
    Job.objects.filter(pk=job.pk).update(hinted_at=timezone.now() - timedelta(minutes=1))
    start("worker", "--concurrency=1")
    start("sweeper")
    (job,) = ended(job)
    assert job.state == "succeeded"


def test_many_jobs_over_dying_workers_are_each_done_once(start: Start, alice: User) -> None:
    jobs = [submit(alice, "toy.count", lane=f"lane-{n % 3}" if n % 2 else "", steps=15) for n in range(24)]
    doomed = start("worker", "--concurrency=2")
    start("worker", "--concurrency=2")
    until(lambda: sum(times_done(job) for job in jobs) >= 4, what="some jobs are done")
    doomed.kill()
    rows = ended(*jobs, sweep=True)
    assert {row.state for row in rows} == {"succeeded"}
    assert [times_done(job) for job in jobs] == [1] * len(jobs)
    lanes = [row for row in rows if row.lane == "lane-1"]
    for before, after in pairwise(lanes):
        assert before.finished_at is not None and after.started_at is not None
        assert before.finished_at <= after.started_at
