"""The jobs of datasets: thin adapters from the queue to the functions that do the work."""

from typing import Any

from themis_admin.datasets import (
    build,
    compacting,
    feedback_build,
    ingesting,
    snapshot_build,
    statistics_build,
    version_build,
)
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
    build.collect(job)


@job_task(kind="statistics", queue="default")
def statistics(job: RunningJob, **params: Any) -> None:
    """Compute the statistics of a version, a theme, or both."""
    statistics_build.build_statistics(job, **params)


@job_task(kind="snapshot", queue="default")
def snapshot(job: RunningJob, *, snapshot: int) -> None:
    """Freeze a version, or what a theme keeps of it, into files."""
    snapshot_build.build_snapshot(job, snapshot)


@job_task(kind="snapshot-verification", queue="default")
def snapshot_verification(job: RunningJob, *, snapshot: int) -> None:
    """Compare a snapshot with its digests and its version."""
    snapshot_build.verify_snapshot(job, snapshot)


@job_task(kind="restore", queue="default")
def restore(job: RunningJob, **params: Any) -> None:
    """Make an old version's samples the newest version."""
    version_build.restore(job, **params)


@job_task(kind="retain", queue="default")
def retain(job: RunningJob, **params: Any) -> None:
    """Remove old versions of a dataset."""
    version_build.retain(job, **params)


@job_task(kind="compact", queue="default")
def compact(job: RunningJob, **params: Any) -> None:
    """Make a dataset's newest version again, from fewer shards."""
    compacting.compact(job, **params)


@job_task(kind="difficulty", queue="default")
def difficulty(job: RunningJob, *, run: int) -> None:
    """Fold what a training run has told into one difficulty a sample."""
    feedback_build.fold_run(job, run=run)


@job_task(kind="adapt", queue="default")
def adapt(job: RunningJob, **params: Any) -> None:
    """Make a weighting rule of what a training run has told."""
    feedback_build.adapt(job, **params)
