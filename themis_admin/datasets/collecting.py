"""The worker's side of datasets: rejected lines are kept, and shards that nothing refers to are freed."""

from django.db import transaction

from themis_admin.artifacts.services import free_unkept
from themis_admin.datasets.models import Shard, VersionShard
from themis_admin.datasets.statistics import services as statistics
from themis_admin.datasets.versions.publishing import is_writing
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage import stores
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.versions import deletions


def collect(job: RunningJob) -> None:
    """Free the shards that no version refers to, and the files that nobody keeps."""
    # Versions go without their statistics, which are kept by
    # digest: a restored version finds them again until then.
    statistics.forget_removed()
    files, in_files = free_unkept()
    shards, in_shards = collect_shards(job)
    job.log(f"Removed {shards} shards of {in_shards:,} bytes and {files} files of {in_files:,} bytes.")
    result = {"num_shards": shards, "num_files": files, "num_bytes": in_shards + in_files}
    with job.finishing(result=result):
        pass


def collect_shards(job: RunningJob) -> tuple[int, int]:
    """Free the shards that no version refers to; answers how many these were, and their bytes.

    It leaves off while an ingest runs, because its shards are published before a row names them. Each shard
    goes in a transaction of its own that holds its row: a version about to use it keeps it or sees it gone.
    """
    store = stores.store()
    removed = freed = 0
    digests = list(store.digests("shards"))
    for done, digest in enumerate(digests, start=1):
        with transaction.atomic():
            if is_writing():
                job.log("An ingest is running: what is left over will be freed after the next deletion.")
                break
            row = Shard.objects.select_for_update().filter(digest=digest).first()
            if row is not None and row.version_shards.exists():
                continue
            if row is not None:
                row.delete()
            freed += store.remove_folder("shards", digest)
            removed += 1
        job.report(done, len(digests), unit="shards")
    return removed, freed + _free_deletions(store)


def _free_deletions(store: ArtifactStore) -> int:
    """Free the deletions that no version names; these are a few bytes, so all are looked through at once."""
    freed = 0
    for digest in store.digests(deletions.KIND):
        with transaction.atomic():
            if is_writing():
                break
            if not VersionShard.objects.filter(deletions=digest).exists():
                freed += store.remove_file(deletions.KIND, digest)
    return freed
