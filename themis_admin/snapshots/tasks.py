"""The jobs of snapshots: thin adapters from the queue to the functions that do the work."""

from themis_admin.jobs.runner import RunningJob, job_task
from themis_admin.snapshots import build


@job_task(kind="snapshot", queue="default")
def snapshot(job: RunningJob, *, snapshot: int) -> None:
    """Freeze a version, or what a theme keeps of it, into files."""
    build.build_snapshot(job, snapshot)


@job_task(kind="snapshot-verification", queue="default")
def snapshot_verification(job: RunningJob, *, snapshot: int) -> None:
    """Compare a snapshot with its digests and its version."""
    build.verify_snapshot(job, snapshot)
