"""Claims that overlap or are given back: nobody's files and nobody's count suffer from it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.themis_admin.jobs.conftest import reload, submit, times_done
from themis_admin.accounts.models import User
from themis_admin.jobs import events, runner
from themis_admin.jobs.models import Event, Job

pytestmark = pytest.mark.django_db(transaction=True)


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_planned_stop_is_not_held_against_the_job(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    for _ in range(4):
        claimed = runner.claim(job.pk)
        assert claimed is not None
        assert [row.pk for row in runner.release_stopped()] == [job.pk]
        with pytest.raises(runner.FencedError):
            claimed.report(1, 2)
    row = reload(job)
    assert (row.state, row.lost_claims) == ("queued", 0)
    runner.run(job.pk)
    assert (reload(job).state, times_done(job)) == ("succeeded", 1)


def test_who_lost_the_claim_leaves_the_other_ones_files_alone(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first claimant was frozen, comes back after another took over, and ends."""
    job = submit(alice, "toy.slow")
    others = []

    def slow(first: runner.RunningJob) -> None:
        (first.workdir / "mine").write_text("first")
        expire(job)
        runner.release_expired()
        second = runner.claim(job.pk)
        assert second is not None
        second.workdir.mkdir(parents=True)
        (second.workdir / "mine").write_text("second")
        others.append(second)
        first.report(1, 2)

    monkeypatch.setitem(runner.KINDS, "toy.slow", ("default", slow))
    runner.run(job.pk)
    (second,) = others
    assert (second.workdir / "mine").read_text() == "second"
    assert reload(job).state == "running"
    with second.finishing(result={}):
        pass
    assert reload(job).state == "succeeded"


def test_a_claim_that_is_lost_at_once_has_nothing_of_the_one_after_it(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first claimant was frozen just after its claim could be seen."""
    job = submit(alice, "toy.count", steps=1)
    others = []

    def frozen() -> None:
        monkeypatch.undo()
        expire(job)
        runner.release_expired()
        second = runner.claim(job.pk)
        assert second is not None
        second.workdir.mkdir(parents=True)
        others.append(second)

    monkeypatch.setattr(events, "nudge", frozen)
    first = runner.claim(job.pk)
    (second,) = others
    assert first is not None
    assert first.fence < second.fence
    assert second.workdir.exists(), "only what earlier claims left is removed"
    with pytest.raises(runner.FencedError):
        first.report(1, 2)
    second.report(1, 2)


def test_what_earlier_claims_left_is_removed(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    first = runner.claim(job.pk)
    assert first is not None
    first.workdir.mkdir(parents=True)
    expire(job)
    runner.release_expired()
    assert runner.claim(job.pk) is not None
    assert not first.workdir.exists()


def test_a_defect_after_the_claim_was_lost_is_not_in_the_log_of_the_job(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(alice, "toy.stale")

    def stale(first: runner.RunningJob) -> None:
        expire(job)
        runner.release_expired()
        raise FileNotFoundError("the folder was taken away")

    monkeypatch.setitem(runner.KINDS, "toy.stale", ("default", stale))
    runner.run(job.pk)
    assert reload(job).state == "queued"
    assert not Event.objects.filter(job=job, kind="job.log").exists()


def test_a_reason_that_postgresql_cannot_keep_is_kept_without_what_it_cannot(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(alice, "toy.nul")

    def nul(_: runner.RunningJob) -> None:
        raise ValueError("a\0b")

    monkeypatch.setitem(runner.KINDS, "toy.nul", ("default", nul))
    runner.run(job.pk)
    assert reload(job).error_code == "internal"
    assert "a\ufffdb" in Event.objects.get(job=job, kind="job.log").data["text"]


def test_a_cancel_between_two_claims_is_not_forgotten(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1000)
    assert runner.claim(job.pk) is not None
    runner.request_cancel(job.pk)
    assert reload(job).cancel_requested
    assert runner.release_stopped() == []
    assert (reload(job).state, times_done(job)) == ("cancelled", 0)
