"""Hints: what Celery carries, the id of a job that waits. One may be lost or come twice without harm."""

import logging

from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from themis_admin.jobs.models import Job

log = logging.getLogger(__name__)
TASK = "themis.run"


def send(job: Job, *, queue: str = "default") -> None:
    """Tell the workers of a job; without a broker the sweeper tells them later."""
    # Before it is sent, and also where it cannot be: otherwise the sweeper would send the same hint every
    # round. No retry, because whoever submits a job shall not wait for a broker that is down.
    Job.objects.filter(pk=job.pk).update(hinted_at=timezone.now())
    try:
        current_app.send_task(TASK, args=[job.pk], queue=queue, retry=False, ignore_result=True)
    except OperationalError as error:
        log.warning("job %s has to wait for the sweeper, the broker does not answer: %s", job.pk, error)
