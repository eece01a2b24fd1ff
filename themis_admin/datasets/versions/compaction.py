"""Compaction of a dataset: its newest version again, from fewer and fuller shards, with the same digest.

It is a version of its own, because versions never change: who reads an older one goes on with that one's shards, and
continuous streams go past it without getting anything new.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets import cleaning
from themis_admin.datasets.models import Dataset
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themis_admin.storage.space import check_room
from themisdb_datasets.engine.versions.compaction import runs
from themisdb_datasets.errors import ConflictError, ImpossibleError

ROOM_FACTOR = 3  # the samples, their columns, and what is being built of them


@dataclass(frozen=True)
class Outlook:
    """What compaction would do to the newest version."""

    num_shards: int
    num_rewritten: int
    num_bytes: int
    num_deleted: int

    def to_dict(self) -> dict[str, int]:
        return {
            "num_shards": self.num_shards,
            "num_rewritten": self.num_rewritten,
            "num_bytes": self.num_bytes,
            "num_deleted": self.num_deleted,
        }


def outlook(dataset: Dataset) -> Outlook:
    """What would be written anew. ImpossibleError before there is a version."""
    if dataset.latest is None:
        message = "The dataset has no version yet; upload samples first."
        raise ImpossibleError(message, code="no_version")
    opened = dataset.latest.open()
    worth = runs(opened, shard_bytes=settings.THEMIS.shard_bytes)
    deleted = [0 if rows is None else len(rows) for rows in opened.deleted]
    return Outlook(
        num_shards=len(opened.parts),
        num_rewritten=sum(run.stop - run.start for run in worth),
        num_bytes=sum(run.num_bytes for run in worth),
        num_deleted=sum(sum(deleted[run.start : run.stop]) for run in worth),
    )


def start_compaction(dataset: Dataset, *, user: User, note: Any = "") -> Job:
    """Queue the job; ConflictError where no shard is worth it, TooLargeError where the disk has no room."""
    text = cleaning.clean_text(note, field="note", max_length=cleaning.MAX_NOTE)
    # Looked at now to answer at once, and again when the job's turn
    # comes, for the jobs before it in the lane may make another version.
    found = outlook(dataset)
    if not found.num_rewritten:
        message = (
            "The shards are as they should be: none is small beside another, and of none is much deleted."
        )
        raise ConflictError(message, code="nothing_to_compact")
    check_room(ROOM_FACTOR * found.num_bytes, folder=Path(settings.THEMIS.storage), what="Compaction")
    with transaction.atomic():
        params = {"dataset": dataset.pk, "note": text}
        title = f"Compact {dataset.name}"
        job = jobs.submit("compact", owner=user, title=title, params=params, lane=dataset.lane)
        detail = {"job": job.pk, **found.to_dict()}
        audit.record(user=user, action="dataset.compacted", object=dataset.url, detail=detail)
    return job
