"""The one Celery task: run the job of which the hint tells."""

from celery import shared_task

from themis_admin.jobs import hints, runner


@shared_task(name=hints.TASK, ignore_result=True)
def run(job_id: int) -> None:
    """Run a job, unless it is somebody else's or done."""
    runner.run(job_id)
