"""The worker's side of datasets: a file becomes a version, and shards that nothing refers to are freed."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import transaction

from themis_admin.datasets.artifacts import free_unkept
from themis_admin.datasets.models import Shard, Upload, VersionShard
from themis_admin.datasets.publishing import WRITING_KINDS, Draft, Piece, find_dataset, pieces_of
from themis_admin.datasets.space import free_bytes, remove_file
from themis_admin.jobs.models import Job
from themis_admin.jobs.runner import RunningJob
from themisdb_datasets import deletions
from themisdb_datasets.artifacts import ArtifactStore, place_file
from themisdb_datasets.errors import GoneError, ImpossibleError, TooLargeError
from themisdb_datasets.ingest import IngestResult, ingest
from themisdb_datasets.sources import open_source

# How much is read between two looks at the free space.
SPACE_CHECK = 256 * 1024 * 1024


def ingest_file(
    job: RunningJob, *, dataset: int, upload: str | None, path: str | None, name: str, mode: str, note: str
) -> None:
    """Make a new version of the dataset from a file, and publish it with the end of the job."""
    target = find_dataset(dataset)
    source = _source_path(upload, path)
    store = ArtifactStore(settings.THEMIS.storage)
    result = ingest(
        open_source(source, name),
        store=store,
        workdir=job.workdir,
        shard_bytes=settings.THEMIS.shard_bytes,
        max_line_bytes=settings.THEMIS.max_line_bytes,
        report=Progress(job),
    )
    keep_rejects(job.id, result.rejects_path)
    if not result.num_samples:
        raise _no_samples(job.id, result, name)
    draft = Draft(
        dataset=target.pk,
        parent=target.latest,
        pieces=[
            *pieces_of(target.latest if mode == "append" else None),
            *(Piece(shard.digest, shard.num_samples, shard.num_bytes) for shard in result.shards),
        ],
        mode=mode,
        note=note,
        source_name=name,
        num_rejects=result.num_rejects,
        num_blank=result.num_blank,
    )
    told = {
        "num_samples": result.num_samples,
        "num_rejects": result.num_rejects,
        "num_blank": result.num_blank,
    }
    draft.publish(job, told, afterwards=partial(drop_upload, upload))


@dataclass
class Progress:
    """Passes the bytes read on to the job, and stops the work before it fills the disk."""

    job: RunningJob
    checked: int = 0

    def __call__(self, done: int, total: int) -> None:
        self.job.report(done, total, unit="bytes")
        if done >= self.checked + SPACE_CHECK:
            self.checked = done
            free = free_bytes(Path(settings.THEMIS.storage))
            if free < settings.THEMIS.min_free_bytes:
                raise TooLargeError(
                    f"The disk is nearly full ({free // 1_000_000:,} MB left); nothing was kept.",
                    code="no_space",
                )


def rejects_path(job_id: int) -> Path:
    """Where the lines that a job rejected are kept, one JSON object a line; no file when there is none."""
    return Path(settings.THEMIS.data_dir) / "rejects" / f"{job_id}.jsonl"


def keep_rejects(job_id: int, file: Path) -> None:
    """Keep the lines a job rejected, before its version is published, so that both can be seen together."""
    if file.exists() and file.stat().st_size:
        place_file(file, rejects_path(job_id))


def collect(job: RunningJob) -> None:
    """Free the shards that no version refers to, and the files that nobody keeps."""
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
    store = ArtifactStore(settings.THEMIS.storage)
    removed = freed = 0
    digests = list(store.digests("shards"))
    for done, digest in enumerate(digests, start=1):
        with transaction.atomic():
            if Job.objects.filter(kind__in=WRITING_KINDS, state="running").exists():
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
            if Job.objects.filter(kind__in=WRITING_KINDS, state="running").exists():
                break
            if not VersionShard.objects.filter(deletions=digest).exists():
                freed += store.remove_file(deletions.KIND, digest)
    return freed


def _source_path(upload: str | None, path: str | None) -> Path:
    if upload is None:
        assert path is not None  # the service gives one of the two
        source = Path(path)
    else:
        row = Upload.objects.filter(pk=upload).first()
        if row is None:
            raise GoneError("The upload is gone; upload the file again.")
        source = row.path
    if not source.is_file():
        raise GoneError("The file is gone; upload it again.")
    return source


def _no_samples(job_id: int, result: IngestResult, name: str) -> ImpossibleError:
    """Why there is no version: the file is empty, or the first of its lines that was rejected."""
    if not result.num_rejects:
        return ImpossibleError(f"{name} holds no samples: all of it is blank.", code="no_samples")
    with rejects_path(job_id).open("rb") as file:
        first = msgspec.json.decode(file.readline())
    lines = "The only line" if result.num_rejects == 1 else f"None of the {result.num_rejects:,} lines"
    verb = "is no sample" if result.num_rejects == 1 else "is a sample"
    message = f"{lines} of {name} {verb}. Line {first['line']:,}: {first['message']}"
    return ImpossibleError(message, code="no_samples")


def drop_upload(upload: str | None) -> None:
    """Remove an upload that has become samples; in the transaction that publishes these."""
    row = Upload.objects.filter(pk=upload).first() if upload is not None else None
    if row is not None:
        path = row.path
        row.delete()
        transaction.on_commit(lambda: remove_file(path))
