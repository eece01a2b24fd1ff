"""The runner, in this process: claims, lanes, ends, cancelling."""

import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from tests.themis_admin.jobs.conftest import kinds_of_events, reload, submit, times_done
from themis_admin.accounts.models import User
from themis_admin.jobs import hints, runner, services
from themis_admin.jobs.models import Event, Job
from themisdb_datasets.errors import CancelledError

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_runs_to_its_end(alice: User) -> None:
    job = submit(alice, "toy.count", steps=3)
    assert (job.state, kinds_of_events(job)) == ("queued", ["job.queued"])
    runner.run(job.pk)
    job = reload(job)
    assert (job.state, job.result, job.error) == ("succeeded", {"counted": 3}, "")
    assert job.started_at and job.finished_at and job.lease_until is None
    assert kinds_of_events(job) == ["job.queued", "job.started", "job.succeeded"]
    assert not Path(settings.THEMIS.work_dir, f"job-{job.pk}").exists()


def test_a_job_is_claimed_once(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    claims: list[runner.RunningJob | None] = []
    together = threading.Barrier(6)

    def claim() -> None:
        together.wait()
        claims.append(runner.claim(job.pk))
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claims) == 6
    assert sum(claim is not None for claim in claims) == 1


def test_who_lost_the_claim_writes_nothing_any_more(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    first = runner.claim(job.pk)
    assert first is not None
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now())
    assert [row.pk for row in runner.release_expired()] == [job.pk]
    second = runner.claim(job.pk)
    assert second is not None and second.fence > first.fence and second.workdir != first.workdir
    with pytest.raises(runner.FencedError):
        first.report(1, 10)
    with pytest.raises(runner.FencedError), first.finishing(result={"by": "the first"}):
        User.objects.create_user("must-not-stay")
    assert not User.objects.filter(username="must-not-stay").exists()
    with second.finishing(result={"by": "the second"}):
        pass
    assert reload(job).result == {"by": "the second"}
    assert kinds_of_events(job).count("job.succeeded") == 1


def test_a_failure_keeps_its_reason_and_nothing_half_done(alice: User) -> None:
    job = submit(alice, "toy.impossible")
    runner.run(job.pk)
    job = reload(job)
    assert (job.state, job.error, job.error_code) == ("failed", "The toy cannot be wound up.", "no_spring")
    assert times_done(job) == 0
    assert kinds_of_events(job)[-1] == "job.failed"


def test_a_defect_fails_the_job_and_its_traceback_is_in_the_log(alice: User) -> None:
    job = submit(alice, "toy.broken")
    runner.run(job.pk)
    job = reload(job)
    assert (job.state, job.error_code) == ("failed", "internal")
    assert "ZeroDivisionError" in job.error and "a defect in the toy" not in job.error
    log = Event.objects.get(job=job, kind="job.log")
    assert "a defect in the toy" in log.data["text"]


@pytest.mark.parametrize("how", ["file", "duckdb", "sqlite"])
def test_a_full_disk_fails_the_job_with_what_to_do(alice: User, how: str) -> None:
    job = submit(alice, "toy.full", how=how)
    runner.run(job.pk)
    job = reload(job)
    assert (job.state, job.error_code) == ("failed", "no_space")
    assert job.error == "The disk is full, so the job was ended. Free some space, then retry it."


def test_a_running_job_is_cancelled_at_its_next_report(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    running = runner.claim(job.pk)
    assert running is not None
    assert services.cancel(reload(job)).cancel_requested
    with pytest.raises(CancelledError):
        running.report(1, 10)


def test_a_lane_runs_one_job_at_a_time_in_order(alice: User) -> None:
    first, second = (submit(alice, "toy.count", lane="toys", steps=1) for _ in range(2))
    elsewhere = submit(alice, "toy.count", lane="others", steps=1)
    runner.run(second.pk)
    assert reload(second).state == "queued", "it has to wait for the first"
    running = runner.claim(first.pk)
    assert running is not None
    runner.run(second.pk)
    assert reload(second).state == "queued"
    runner.run(elsewhere.pk)
    assert reload(elsewhere).state == "succeeded", "another lane does not wait"
    with running.finishing(result={}):
        pass
    runner.run(second.pk)
    assert reload(second).state == "succeeded"


def test_a_job_that_is_queued_while_the_one_before_it_ends_is_called(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own hint came while it had to wait, so the end of the other has to give one."""
    first = runner.claim(submit(alice, "toy.count", lane="toys", steps=1).pk)
    assert first is not None
    hinted: list[int] = []

    def too_soon() -> None:
        submit(alice, "toy.count", lane="toys", steps=1)
        hinted.clear()

    monkeypatch.setattr(hints, "send", lambda job: hinted.append(job.pk))
    with first.finishing(result={}):
        transaction.on_commit(too_soon)
    assert hinted == [Job.objects.latest("pk").pk]
