"""The sweeper: the only one that delivers again. It frees lost jobs, repeats hints, and tidies up."""

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from themis_admin.jobs import hints, runner
from themis_admin.jobs.models import ENDED, UNENDED, Event, Job, JobState

PERIOD_SECONDS = 2.0
REPEAT_AFTER = timedelta(seconds=10)
KEEP_PROGRESS = timedelta(minutes=10)
TIDY_EVERY = 150  # rounds
log = logging.getLogger(__name__)


def sweep() -> None:
    """One round over jobs."""
    for job in runner.release_expired():
        log.warning("job %s lost its worker and is queued again", job.pk)
        hints.send(job)
    overdue = Job.objects.filter(state=JobState.QUEUED, hinted_at__lt=timezone.now() - REPEAT_AFTER)
    for job in overdue.order_by("pk")[:1000]:
        # A worker would refuse one whose turn it is not; the end of the job before it calls it.
        if not job.lane or not Job.objects.filter(lane=job.lane, pk__lt=job.pk, state__in=UNENDED).exists():
            hints.send(job)


def tidy() -> None:
    """Remove what nobody needs any more: progress of ended jobs, and work folders of jobs that are gone."""
    old = timezone.now() - KEEP_PROGRESS
    # Progress is most of the events by far, and nobody asks for that of a job that is over; its states and
    # log stay. The few minutes are for listeners that were away for a moment and go on from the id they had.
    Event.objects.filter(kind="job.progress", job__state__in=ENDED, created_at__lt=old).delete()
    for folder in settings.THEMIS.work_dir.glob("job-*"):
        number = folder.name.removeprefix("job-")
        # Asked after the folder was seen: a job is there before its folder, so a folder without one that goes
        # on is left from a worker that was killed, and no claim is about to work in it.
        if number.isdigit() and not Job.objects.filter(pk=int(number), state__in=UNENDED).exists():
            shutil.rmtree(folder, ignore_errors=True)


def loop(stop: threading.Event, chores: Sequence[Callable[[], None]] = ()) -> None:
    """Sweep until told to stop; a database that does not answer is tried again.

    `chores` are what the apps above this one have to tidy up from time to time.
    """
    rounds = 0
    while not stop.wait(PERIOD_SECONDS):
        try:
            sweep()
            if rounds % TIDY_EVERY == 0:
                for chore in (tidy, *chores):
                    chore()
        except (DatabaseError, InterfaceError) as error:
            log.warning("the sweeper tries again: %s", error)
            connection.close()
        rounds += 1
