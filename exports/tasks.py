"""The jobs of exports: thin adapters from the queue to the functions that do the work."""

from exports import file_build
from themis_admin.jobs.runner import RunningJob, job_task


@job_task(kind="export", queue="default")
def export(job: RunningJob, *, export: int) -> None:
    """Run a plan into files."""
    file_build.build_files(job, export)
