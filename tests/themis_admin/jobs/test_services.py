"""Jobs as people handle them: queued, cancelled, tried again."""

import pytest
from django.db import transaction

from tests.themis_admin.jobs.conftest import reload, submit, times_done
from themis_admin.accounts.models import User
from themis_admin.jobs import runner, services
from themis_admin.jobs.models import Event, Job
from themisdb_datasets.errors import ConflictError

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_queued_job_is_cancelled_at_once(alice: User) -> None:
    job = services.cancel(submit(alice, "toy.count", steps=1))
    assert job.state == "cancelled" and job.finished_at is not None
    runner.run(job.pk)
    assert (reload(job).state, times_done(job)) == ("cancelled", 0)
    with pytest.raises(ConflictError):
        services.cancel(job)


def test_a_job_that_failed_can_be_retried(alice: User) -> None:
    job = submit(alice, "toy.impossible", lane="toys")
    with pytest.raises(ConflictError):
        services.retry(job)
    runner.run(job.pk)
    again = services.retry(reload(job))
    assert again.pk != job.pk
    assert (again.state, again.kind, again.lane, again.params) == ("queued", job.kind, "toys", job.params)


def test_a_job_that_is_rolled_back_was_never_there(alice: User) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        submit(alice, "toy.count", steps=1)
        raise RuntimeError
    assert not Job.objects.exists() and not Event.objects.exists()
