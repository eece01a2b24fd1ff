"""The jobs of datasets: thin adapters from the queue to the functions that do the work."""

from typing import Any

from themis_admin.datasets import collecting
from themis_admin.datasets.ingest import build as ingesting
from themis_admin.datasets.retention import build as retention
from themis_admin.datasets.statistics import build as statistics_build
from themis_admin.datasets.versions import build as version_build
from themis_admin.jobs.runner import RunningJob, job_task


@job_task(kind="ingest", queue="default")
def ingest(job: RunningJob, **params: Any) -> None:
    """Make a new version of a dataset from files."""
    ingesting.ingest_files(job, **params)


@job_task(kind="ingest-part", queue="default")
def ingest_part(job: RunningJob, **params: Any) -> None:
    """Make shards from one of several files."""
    ingesting.ingest_part(job, **params)


@job_task(kind="delete", queue="default")
def delete_samples(job: RunningJob, **params: Any) -> None:
    """Make a new version of a dataset without some samples."""
    ingesting.delete_samples(job, **params)


@job_task(kind="collect", queue="default")
def collect(job: RunningJob) -> None:
    """Free the shards that no version refers to, and the files that nobody keeps."""
    collecting.collect(job)


@job_task(kind="statistics", queue="default")
def statistics(job: RunningJob, **params: Any) -> None:
    """Compute the statistics of a version, a theme, or both."""
    statistics_build.build_statistics(job, **params)


@job_task(kind="restore", queue="default")
def restore(job: RunningJob, **params: Any) -> None:
    """Make an old version's samples the newest version."""
    version_build.restore(job, **params)


@job_task(kind="retain", queue="default")
def retain(job: RunningJob, **params: Any) -> None:
    """Remove old versions of a dataset."""
    retention.retain(job, **params)


@job_task(kind="compact", queue="default")
def compact(job: RunningJob, **params: Any) -> None:
    """Make a dataset's newest version again, from fewer shards."""
    version_build.compact(job, **params)
