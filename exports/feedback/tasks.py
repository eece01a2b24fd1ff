"""What workers do for feedback."""

from typing import Any

from exports.feedback import build as feedback_build
from themis_admin.jobs.runner import RunningJob, job_task


@job_task(kind="difficulty", queue="default")
def difficulty(job: RunningJob, *, run: int) -> None:
    """Fold what a training run has told into one difficulty a sample."""
    feedback_build.fold_run(job, run=run)


@job_task(kind="adapt", queue="default")
def adapt(job: RunningJob, **params: Any) -> None:
    """Make a weighting rule of what a training run has told."""
    feedback_build.adapt(job, **params)
