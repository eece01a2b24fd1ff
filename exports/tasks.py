"""The jobs of exports: thin adapters from the queue to the functions that do the work."""

from exports.delivery import ahead
from exports.files import build as file_build
from themis_admin.jobs.runner import RunningJob, job_task


@job_task(kind="export", queue="default")
def export(job: RunningJob, *, export: int) -> None:
    """Run a plan into files."""
    file_build.build_files(job, export)


@job_task(kind=ahead.KIND, queue="default")
def select(job: RunningJob, *, dataset: int) -> None:
    """Build the selections that streams of a dataset will need."""
    ahead.build_ahead(job, dataset)
