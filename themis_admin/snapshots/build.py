"""The worker's side of snapshots: one is built, published with its folder in the archive, and verified."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from themis_admin.artifacts import services as artifacts
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.jobs import events
from themis_admin.jobs.runner import RunningJob
from themis_admin.snapshots import archive, services
from themis_admin.snapshots.models import Snapshot
from themis_admin.storage import stores
from themis_admin.storage.space import check_room
from themis_admin.storage.stores import kept_files, limits
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.shards.shard import describe_file
from themisdb_datasets.engine.snapshots.snapshot import (
    DATABASE,
    FILES,
    MANIFEST,
    SAMPLES,
    Frozen,
    NotedFile,
    build,
    verify,
    wrong_file,
)
from themisdb_datasets.errors import ConflictError, CorruptError, GoneError

DIGITS = 12
# The same samples are written twice: as Parquet, and as the one file for a laptop.
PARQUET_AND_DATABASE = 2


def build_snapshot(job: RunningJob, pk: int) -> None:
    """Make a snapshot's files, and publish them with the end of the job."""
    row = _snapshot(pk)
    if row.published_at is not None:
        raise ConflictError("The snapshot has its files already.", code="snapshot_done")
    Snapshot.objects.filter(pk=pk).update(job_id=job.id)
    frozen = _frozen(row, kept_files())
    num = frozen.selection.num_samples
    share = num / max(row.version.num_samples, 1)
    # An estimate by the samples that are kept, as if all were
    # equally long; it is there to refuse what cannot end well.
    needed = int(PARQUET_AND_DATABASE * share * row.version.num_bytes)
    check_room(needed, folder=Path(settings.THEMIS.storage), what="This snapshot")
    folder = job.workdir / "files"
    folder.mkdir()
    report = partial(_report, job, total=2 * num)
    manifest = build(frozen, folder, report=report, limits=limits())
    files = {name: describe_file(folder / name) for name in (DATABASE, SAMPLES, MANIFEST)}
    for name, file in files.items():
        job.check()
        artifacts.publish(folder / name, digest=file["sha256"])
    # By the digest of the manifest, which has those of the other files: a folder of this name has this content.
    place = f"{row.pk}-{files[MANIFEST]['sha256'][:DIGITS]}"
    store = stores.store()
    kept = {name: store.path(stores.FILES, file["sha256"]) for name, file in files.items()}
    # Before the row names it: a folder that no row names is removed by the archive's tidying, a row without
    # its folder would be a snapshot that cannot be read.
    archive.archive().place(row.dataset_id, place, kept)
    _publish(job, row, place, manifest, files)


def _report(job: RunningJob, done: int, *, total: int) -> None:
    job.report(done, total, unit="samples")


def _snapshot(pk: int) -> Snapshot:
    row = Snapshot.objects.for_lists().filter(pk=pk).first()
    if row is None:
        raise GoneError("The snapshot was removed.")
    return row


def _frozen(row: Snapshot, selections: SelectionCache) -> Frozen:
    version = row.version
    opened = version.open()
    criteria = row.criteria
    theme = {"name": row.theme_name, "where": row.where}
    about = {
        "snapshot": row.pk,
        "series": row.series,
        "created_at": row.created_at.isoformat(),
        "dataset": row.dataset.name,
        "version": {
            "number": version.number,
            "digest": version.digest,
            "note": version.note,
            "created_at": version.created_at.isoformat(),
        },
        "theme": theme if row.where is not None else None,
        "weighting": {
            "as_of": row.as_of.isoformat(),
            "rules": [{"name": name, "definition": text} for name, text in row.rules],
        },
    }
    return Frozen(opened, version.digest, criteria, selections.get(opened, version.digest, criteria), about)


def _publish(
    job: RunningJob, row: Snapshot, place: str, manifest: dict[str, Any], files: dict[str, dict[str, Any]]
) -> None:
    size = sum(file["num_bytes"] for file in files.values())
    num = manifest["num_samples"]
    with job.finishing(result={"snapshot": row.pk, "num_samples": num, "num_bytes": size}):
        # The condition makes it once, and the update holds the row: a removal that comes at this moment
        # waits, and then finds a snapshot with files to let go of.
        done = Snapshot.objects.filter(pk=row.pk, published_at=None).update(
            manifest=manifest, folder=place, num_samples=num, num_bytes=size, published_at=timezone.now()
        )
        if not done:
            raise GoneError("The snapshot was removed, or has its files already.")
        for name, file in files.items():
            artifacts.keep(
                digest=file["sha256"],
                num_bytes=file["num_bytes"],
                content_type=FILES[name],
                name=name,
                keeper=row.keeper,
                owner=row.owner,
            )
        transaction.on_commit(partial(archive.point, row.dataset_id, row.series), robust=True)
        for old in _outdated(row):
            services.drop(old, user=None, reason="superseded")
        data = {"snapshot": row.pk, "title": row.title, "dataset": row.dataset_id, "series": row.series}
        events.record("snapshot.published", owner=row.owner, job=job.row, data=data)


def _outdated(row: Snapshot) -> list[Snapshot]:
    """The older snapshots of the series that are more than it keeps."""
    if row.keep_last is None:
        return []
    # Held, for somebody may remove one of them by hand at this moment. The slice leaves out one less than is
    # kept: the snapshot that is being published is the newest and counts too.
    older = Snapshot.objects.select_for_update(of=("self",)).published().order_by("-pk")
    older = older.filter(dataset_id=row.dataset_id, series=row.series, pk__lt=row.pk)
    return list(older.select_related("dataset__owner", "version")[row.keep_last - 1 :])


def verify_snapshot(job: RunningJob, pk: int) -> None:
    """Compare a snapshot with its digests and its version, and note what is wrong with it."""
    row = _snapshot(pk)
    if row.published_at is None:
        raise ConflictError("The snapshot has no files yet.", code="snapshot_unfinished")
    folder = archive.archive().folder(row.dataset_id, row.folder)
    refs = list(row.refs())
    known = {ref.name: NotedFile(ref.artifact.digest, ref.artifact.num_bytes) for ref in refs}
    try:
        # The kept selection is what the snapshot was made of, so that is made anew.
        frozen = _frozen(row, SelectionCache(job.workdir / "selections", limits=limits()))
        report = partial(_report, job, total=2 * frozen.selection.num_samples)
        problems = verify(frozen, folder, files=known, report=report, limits=limits())
        # What is downloaded may be a copy of what lies in the archive,
        # where the disk has no hard links; then both are read.
        problems += _wrong_downloads(refs, folder, known)
    except CorruptError as error:
        problems = [error.message]
    for problem in problems:
        job.log(problem)
    with job.finishing(result={"snapshot": row.pk, "problems": problems}):
        Snapshot.objects.filter(pk=row.pk).update(verified_at=timezone.now(), problems=problems)
        data = {"snapshot": row.pk, "title": row.title, "num_problems": len(problems)}
        events.record("snapshot.verified", owner=row.owner, job=job.row, data=data)


def _wrong_downloads(
    refs: Sequence[ArtifactRef], folder: Path, known: Mapping[str, NotedFile]
) -> Iterator[str]:
    """What is wrong with the files that are sent, where they are not the archive's own."""
    for ref in refs:
        path, beside = ref.artifact.path, folder / ref.name
        # One file under two names, which was read through the other one already.
        if path.is_file() and beside.is_file() and path.samefile(beside):
            continue
        if (wrong := wrong_file(path, known[ref.name])) is not None:
            yield f"The download of {ref.name} {wrong}"
