"""The jobs of exports: thin adapters from the queue to the functions that do the work."""

from typing import Any

from exports.delivery import ahead
from exports.feedback import build as feedback
from exports.files import build as files
from themis_admin.jobs.runner import RunningJob, job_task


@job_task(kind="export", queue="default")
def export(job: RunningJob, *, export: int) -> None:
    """Run a plan into files."""
    files.build_files(job, export)


@job_task(kind=ahead.KIND, queue="default")
def select(job: RunningJob, *, dataset: int) -> None:
    """Build the selections that streams of a dataset will need."""
    ahead.build_ahead(job, dataset)


@job_task(kind="difficulty", queue="default")
def difficulty(job: RunningJob, *, run: int) -> None:
    """Fold what a training run has told into one difficulty a sample."""
    feedback.fold_run(job, run=run)


@job_task(kind="adapt", queue="default")
def adapt(job: RunningJob, **params: Any) -> None:
    """Make a weighting rule of what a training run has told."""
    feedback.adapt(job, **params)
