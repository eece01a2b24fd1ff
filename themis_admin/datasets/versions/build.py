"""The worker's side of whole versions: an old one is published again as the newest, or the newest from fewer shards."""

from django.conf import settings

from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.versions.publishing import (
    Draft,
    ShardPiece,
    find_dataset,
    finish_unchanged,
    pieces_of,
    progress_of,
)
from themis_admin.datasets.versions.services import check_restorable
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage import stores
from themisdb_datasets.engine.versions.compaction import runs
from themisdb_datasets.engine.versions.rewriting import rewrite
from themisdb_datasets.errors import GoneError, ImpossibleError


def restore(job: RunningJob, *, dataset: int, version: int, note: str) -> None:
    """Publish the samples of an old version as the newest one: the same shards, so it costs rows alone."""
    target = find_dataset(dataset)
    old = _version(target, version)
    # Asked again: jobs that were before this one in the dataset's lane may have changed what is the latest.
    check_restorable(target, old)
    draft = Draft(
        dataset=target.pk,
        parent=target.latest,
        pieces=pieces_of(old),
        mode="restore",
        note=note,
        source_name=f"version {old.number}",
    )
    draft.publish(job, {"restored": old.pk, "num_samples": old.num_samples})


def _version(dataset: Dataset, pk: int) -> Version:
    found = dataset.versions.filter(pk=pk).first()
    if found is None:
        raise GoneError("The version was removed.")
    return found


def compact(job: RunningJob, *, dataset: int, note: str) -> None:
    """Publish the newest version again, with its small shards joined and its deletions carried out."""
    target = find_dataset(dataset)
    latest = target.latest
    if latest is None:
        raise ImpossibleError("The dataset has no version.", code="no_version")
    opened, pieces = latest.open(), pieces_of(latest)
    worth = runs(opened, shard_bytes=settings.THEMIS.shard_bytes)
    told = {"num_shards_before": len(pieces), "num_bytes": sum(run.num_bytes for run in worth)}
    if not worth:
        finish_unchanged(job, latest, told)
        return
    progress, written = progress_of(job), 0
    for number, run in reversed(list(enumerate(worth))):  # from the end, so that places before it stay
        shards = rewrite(
            run.of(opened),
            store=stores.store(),
            workdir=job.workdir / str(number),
            shard_bytes=settings.THEMIS.shard_bytes,
            # A default binds the figure as it is in this round; a
            # free name would be looked up when it has grown already.
            report=lambda done, _, before=written: progress(before + done, told["num_bytes"]),  # type: ignore[misc]
        )
        pieces[run.start : run.stop] = [
            ShardPiece(each.digest, each.num_samples, each.num_bytes) for each in shards
        ]
        written += run.num_bytes
    told["num_shards"] = len(pieces)
    draft = Draft(
        dataset=target.pk, parent=latest, pieces=pieces, mode="compact", note=note, digest=latest.digest
    )
    draft.publish(job, told)
