"""The worker's side of publishing: shards and deletions that are on disk become a version of a dataset."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Max, Q

from themis_admin.datasets.changes import subject_changed
from themis_admin.datasets.models import Dataset, Shard, Version, VersionShard
from themis_admin.datasets.statistics import services as statistics
from themis_admin.jobs import events
from themis_admin.jobs.models import Job, JobState
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage import stores
from themis_admin.storage.space import Progress
from themisdb_datasets.engine.versions import deletions
from themisdb_datasets.engine.versions.version import OpenVersion, version_digest
from themisdb_datasets.errors import ConflictError, CorruptError, GoneError, NotFoundError

SPACE_CHECK = 256 << 20  # bytes read between two looks at the free space
# Jobs that publish shards and deletions before a row names them; while one is at it, nothing is collected.
WRITING_KINDS = ("ingest", "delete", "compact")
CONFLICT = "Another version was published meanwhile; start again."


def progress_of(job: RunningJob) -> Progress:
    """Of a job that reads samples and writes shards: its bytes are told, and the disk is watched."""
    return Progress(partial(job.report, unit="bytes"), Path(settings.THEMIS.storage), every=SPACE_CHECK)


def finish_unchanged(
    job: RunningJob, latest: Version, told: dict[str, Any], *, afterwards: Any = lambda: None
) -> None:
    """End a job that would have made the version that is there already."""
    job.log(f"Nothing differs from version {latest.number}, so there is no new one.")
    with job.finishing(result={**told, "version": latest.pk, "unchanged": True}):
        afterwards()


@dataclass(frozen=True)
class ShardPiece:
    """A published shard as part of a version, and the digest of the rows that are deleted there, if any are."""

    digest: str
    num_samples: int
    num_bytes: int
    deletions: str = ""
    num_deleted: int = 0


def pieces_of(version: Version | None) -> list[ShardPiece]:
    """What a version is made of; nothing where there is none."""
    if version is None:
        return []
    # The order is part of the version: its digest and every position follow from it.
    rows = version.version_shards.order_by("ordinal").select_related("shard")
    return [
        ShardPiece(
            row.shard.digest, row.shard.num_samples, row.shard.num_bytes, row.deletions, row.num_deleted
        )
        for row in rows
    ]


def open_pieces(pieces: Sequence[ShardPiece]) -> OpenVersion:
    """The version that these make."""
    store = stores.store()
    return OpenVersion.open(
        [store.shard_path(piece.digest) for piece in pieces],
        [store.path(deletions.KIND, piece.deletions) if piece.deletions else None for piece in pieces],
    )


@dataclass(frozen=True)
class Draft:
    """A version before it is published: the pieces it is made of, and where it comes from."""

    dataset: int
    parent: Version | None
    pieces: Sequence[ShardPiece]
    mode: str
    note: str
    source_name: str = ""
    num_rejects: int = 0
    num_blank: int = 0
    digest: str = ""  # that it has to have, where that is known before

    def publish(
        self,
        job: RunningJob,
        result: Mapping[str, Any],
        *,
        afterwards: Callable[[], None] = lambda: None,
    ) -> None:
        """Write the rows and flip the dataset's `latest` in the transaction that ends the job.

        `result` becomes the job's, with the version's id; `afterwards` is called inside the transaction.
        """
        # Opening reads a manifest of every shard. That is done before the transaction, which on SQLite keeps
        # all other writers out for as long as it lasts.
        opened = open_pieces(self.pieces)
        digest = version_digest(opened)
        # Compaction writes other shards with the same samples; by the digest it is proved that they are.
        if self.digest not in ("", digest):
            raise CorruptError("The samples are not what they were; verify the store. Nothing was changed.")
        fields = [
            {"name": field.name, "types": list(field.types), "nulls": field.nulls, "absent": field.absent}
            for field in opened.fields
        ]
        told = dict(result)
        with job.finishing(result=told):
            # The lane lets one writer of a dataset work at a time; that what was built on is still the latest
            # is checked under the row's lock all the same, for a version that was built on another one would
            # undo that one's work unseen.
            dataset = find_dataset(self.dataset, lock=True)
            if dataset.latest_id != (self.parent.pk if self.parent else None):
                raise ConflictError(CONFLICT)
            version = self._row(dataset, job, opened, digest=digest, fields=fields)
            attach(version, self.pieces)
            dataset.latest = version
            dataset.save(update_fields=["latest", "updated_at"])
            told["version"] = version.pk
            data = {
                "dataset": dataset.pk,
                "name": dataset.name,
                "version": version.pk,
                "number": version.number,
                "digest": digest,
            }
            # From here on it is about what follows: jobs for statistics and selections, rows that are to
            # change with it. All of it is in the same transaction, so either the version is there with its
            # jobs queued, or none of it is.
            events.record("version.published", owner=dataset.owner, job=job.row, data=data)
            statistics.after_publication(version)
            subject_changed(dataset)
            afterwards()

    def _row(
        self, dataset: Dataset, job: RunningJob, opened: OpenVersion, *, digest: str, fields: list[Any]
    ) -> Version:
        """The version's own row; ages go on being counted from when its samples were first published."""
        # A restored or compacted version has the same samples as an older one. Were their ages counted from
        # now, their freshness and with it every weight would change by that alone.
        equal = dataset.versions.filter(digest=digest).order_by("number").first()
        return Version.objects.create(
            dataset=dataset,
            # The dataset's row is held, so nobody else takes the number. None is ever given twice: retention
            # never removes the latest version, which has the highest.
            number=1 + (dataset.versions.aggregate(last=Max("number"))["last"] or 0),
            digest=digest,
            parent=self.parent,
            num_samples=opened.num_samples,
            num_bytes=opened.num_bytes,
            num_rejects=self.num_rejects,
            num_blank=self.num_blank,
            fields=fields,
            note=self.note,
            mode=self.mode,
            source_name=self.source_name,
            job_id=job.id,
            created_by_id=job.owner.pk,
            first_created_at=equal.as_of if equal is not None else None,
        )


def attach(version: Version, pieces: Sequence[ShardPiece]) -> None:
    """One row a piece, its shard known or new; the collector takes no shard while its row is held here."""
    store = stores.store()
    rows: dict[str, Shard] = {}
    for piece in pieces:
        values = {"num_samples": piece.num_samples, "num_bytes": piece.num_bytes}
        if piece.digest not in rows:
            # A shard may be known from another version or dataset, and the
            # collector may be about to free it. The one who holds the row first
            # wins: it sees the row as used, or this sees its files gone, below.
            held = Shard.objects.select_for_update()
            rows[piece.digest], _ = held.get_or_create(digest=piece.digest, defaults=values)
    for piece in pieces:
        # Asked once all rows are held, for before that the answer could change at any time.
        has_all = store.has("shards", piece.digest)
        if not has_all or (piece.deletions and not store.has(deletions.KIND, piece.deletions)):
            raise GoneError("A shard was removed while it was being published; start again.")
    VersionShard.objects.bulk_create(
        VersionShard(
            version=version,
            shard=rows[piece.digest],
            ordinal=ordinal,
            deletions=piece.deletions,
            num_deleted=piece.num_deleted,
        )
        for ordinal, piece in enumerate(pieces)
    )


def find_dataset(pk: int, *, lock: bool = False) -> Dataset:
    """The dataset of a job; NotFoundError where it was deleted meanwhile."""
    # Of itself only: PostgreSQL refuses FOR UPDATE on the nullable side of an outer join, which `latest` is.
    datasets = Dataset.objects.select_for_update(of=("self",)) if lock else Dataset.objects.all()
    dataset = datasets.select_related("latest", "owner").filter(pk=pk).first()
    if dataset is None:
        raise NotFoundError("The dataset was deleted.")
    return dataset


def is_writing() -> bool:
    """Whether shards may be on disk that no row names yet; a job whose worker died has some until it is done again."""
    # A job that ingests several files is running for as long as its parts are, so these need not be named.
    begun = Q(state=JobState.RUNNING) | Q(state=JobState.QUEUED, started_at__isnull=False)
    return Job.objects.filter(begun, kind__in=WRITING_KINDS).exists()
