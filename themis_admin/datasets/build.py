"""The worker's side of datasets: a file becomes a version, and shards that nothing refers to are freed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Max

from themis_admin.datasets.artifacts import free_unkept
from themis_admin.datasets.models import Dataset, Shard, Upload, Version, VersionShard
from themis_admin.datasets.space import free_bytes, remove_file
from themis_admin.jobs import events
from themis_admin.jobs.models import Job
from themis_admin.jobs.runner import RunningJob
from themisdb_datasets.artifacts import ArtifactStore, place_file
from themisdb_datasets.errors import ConflictError, GoneError, ImpossibleError, NotFoundError, TooLargeError
from themisdb_datasets.ingest import IngestResult, ingest
from themisdb_datasets.sources import open_source
from themisdb_datasets.version import OpenVersion, version_digest

# How much is read between two looks at the free space.
SPACE_CHECK = 256 * 1024 * 1024


def ingest_file(
    job: RunningJob, *, dataset: int, upload: str | None, path: str | None, name: str, mode: str, note: str
) -> None:
    """Make a new version of the dataset from a file, and publish it with the end of the job."""
    target = _dataset(dataset)
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
    base = target.latest if mode == "append" else None
    draft = Draft(
        dataset=target.pk,
        parent=target.latest,
        shards=[
            *_shards_of(base),
            *((shard.digest, shard.num_samples, shard.num_bytes) for shard in result.shards),
        ],
        ingested=result,
        note=note,
        mode=mode,
        source_name=name,
    )
    draft.publish(job, store, upload=upload)


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


@dataclass(frozen=True)
class Draft:
    """A version before it is published: its shards in order, as digest, samples and bytes."""

    dataset: int
    parent: Version | None
    shards: Sequence[tuple[str, int, int]]
    ingested: IngestResult
    note: str
    mode: str
    source_name: str

    def publish(self, job: RunningJob, store: ArtifactStore, *, upload: str | None) -> None:
        """Write the rows and flip the dataset's `latest` in the transaction that ends the job."""
        paths = [store.shard_path(digest) for digest, _, _ in self.shards]
        digest = version_digest(paths)
        opened = OpenVersion.open(paths)
        fields = [
            {"name": field.name, "types": list(field.types), "nulls": field.nulls, "absent": field.absent}
            for field in opened.fields
        ]
        result: dict[str, Any] = {
            "num_samples": self.ingested.num_samples,
            "num_rejects": self.ingested.num_rejects,
            "num_blank": self.ingested.num_blank,
        }
        with job.finishing(result=result):
            dataset = _dataset(self.dataset, lock=True)
            if dataset.latest_id != (self.parent.pk if self.parent else None):
                raise ConflictError("Another version was published meanwhile; start the ingest again.")
            version = Version.objects.create(
                dataset=dataset,
                number=1 + (dataset.versions.aggregate(last=Max("number"))["last"] or 0),
                digest=digest,
                parent=self.parent,
                num_samples=opened.num_samples,
                num_bytes=opened.num_bytes,
                num_rejects=self.ingested.num_rejects,
                num_blank=self.ingested.num_blank,
                fields=fields,
                note=self.note,
                mode=self.mode,
                source_name=self.source_name,
                job_id=job.id,
                created_by_id=job.owner.pk,
            )
            self._attach(version, paths)
            dataset.latest = version
            dataset.save(update_fields=["latest", "updated_at"])
            result["version"] = version.pk
            data = {
                "dataset": dataset.pk,
                "name": dataset.name,
                "version": version.pk,
                "number": version.number,
                "digest": digest,
            }
            events.record("version.published", owner=dataset.owner, job=job.row, data=data)
            if upload is not None:
                _drop_upload(upload)

    def _attach(self, version: Version, paths: Sequence[Path]) -> None:
        """One row a shard, known or new; the collector never takes a shard while its row is held here."""
        rows: dict[str, Shard] = {}
        for digest, num_samples, num_bytes in self.shards:
            values = {"num_samples": num_samples, "num_bytes": num_bytes}
            if digest not in rows:
                rows[digest], _ = Shard.objects.select_for_update().get_or_create(
                    digest=digest, defaults=values
                )
        for path in paths:
            if not path.is_dir():
                raise GoneError("A shard was removed while it was being published; start the ingest again.")
        VersionShard.objects.bulk_create(
            VersionShard(version=version, shard=rows[digest], ordinal=ordinal)
            for ordinal, (digest, _, _) in enumerate(self.shards)
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
            if Job.objects.filter(kind="ingest", state="running").exists():
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
    return removed, freed


def _dataset(pk: int, *, lock: bool = False) -> Dataset:
    datasets = Dataset.objects.select_for_update(of=("self",)) if lock else Dataset.objects.all()
    dataset = datasets.select_related("latest", "owner").filter(pk=pk).first()
    if dataset is None:
        raise NotFoundError("The dataset was deleted.")
    return dataset


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


def _shards_of(version: Version | None) -> list[tuple[str, int, int]]:
    if version is None:
        return []
    rows = version.version_shards.order_by("ordinal")
    return list(rows.values_list("shard__digest", "shard__num_samples", "shard__num_bytes"))


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


def _drop_upload(upload: str) -> None:
    row = Upload.objects.filter(pk=upload).first()
    if row is not None:
        path = row.path
        row.delete()
        transaction.on_commit(lambda: remove_file(path))
