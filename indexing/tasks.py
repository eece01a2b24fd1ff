"""The jobs of indexes: thin adapters from the queue to the functions that do the work."""

from indexing.indexes import build as indexes
from themis_admin.jobs.runner import RunningJob, job_task


@job_task(kind="index-offsets", queue="default")
def index_offsets(job: RunningJob, *, index: int) -> None:
    """Build an offset index."""
    indexes.build_offsets(job, index)


@job_task(kind="index-tokens", queue="default")
def index_tokens(job: RunningJob, *, index: int) -> None:
    """Build a token index."""
    indexes.build_token_index(job, index)
