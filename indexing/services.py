"""What people do with indexes: have one built, and remove it."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from indexing.models import Index
from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets import artifacts
from themis_admin.datasets.artifacts import Artifact, ArtifactRef
from themis_admin.datasets.models import Theme, Version
from themis_admin.jobs import events
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import ConflictError, ImpossibleError, NotFoundError

LINES = ".jsonl"


def start_index(
    version: Version,
    *,
    user: User,
    kind: str,
    theme: Theme | None = None,
    params: dict[str, Any] | None = None,
    kept: Mapping[str, Artifact] | None = None,
) -> Job:
    """Queue the job that builds an index over a version, or over what a theme keeps of it as its filter is now.

    `kept` are published files that the index keeps from now on, by name.
    """
    if theme is not None and theme.dataset_id != version.dataset_id:
        message = "The theme is of another dataset than the version; choose one of the same."
        raise ImpossibleError(message, code="different_datasets", fields={"theme": message})
    index = Index(
        kind=kind,
        owner=version.dataset.owner,
        dataset=version.dataset,
        version=version,
        theme=theme,
        theme_name=theme.name if theme is not None else "",
        where=theme.where if theme is not None else None,
        params=params or {},
    )
    title = f"Index of {version.dataset.name}: {index.title}"
    return _start(index, user=user, title=title, kept=kept or {})


def start_file_index(ref: ArtifactRef, *, user: User, kind: str) -> Job:
    """Queue the job that builds an index over the lines of a published file, which the index keeps from then on."""
    if not ref.name.endswith(LINES):
        message = f"{ref.name} is no plain {LINES} file, whose lines have places; export it as jsonl."
        raise ImpossibleError(message, code="no_lines", fields={"artifact": message})
    index = Index(kind=kind, owner=ref.owner, artifact=ref.artifact, file_name=ref.name)
    return _start(index, user=user, title=f"Index of {ref.name}", kept={ref.name: ref.artifact})


def _start(index: Index, *, user: User, title: str, kept: Mapping[str, Artifact]) -> Job:
    with transaction.atomic():
        # First, for its number is in the name under which it keeps files and in its job's lane.
        index.save()
        for name, artifact in kept.items():
            ArtifactRef.objects.create(artifact=artifact, owner=index.owner, keeper=index.keeper, name=name)
        params = {"index": index.pk}
        job = jobs.submit(f"index-{index.kind}", owner=user, title=title, params=params, lane=index.keeper)
        Index.objects.filter(pk=index.pk).update(job=job)
        detail = {"kind": index.kind, "title": index.title, "job": job.pk}
        audit.record(user=user, action="index.created", object=index.url, detail=detail)
    return job


def remove_index(index: Index, *, user: User) -> None:
    """Remove an index with its files; ConflictError while its job goes on. A job then frees their space."""
    with transaction.atomic():
        row = Index.objects.select_for_update(of=("self",)).filter(pk=index.pk).first()
        if row is None:
            raise NotFoundError("The index is gone already.")
        if row.busy:
            message = "A job builds the index; cancel that first."
            raise ConflictError(message, code="index_busy", fields={"job": row.job_id})
        artifacts.release(row.keeper)
        detail = {"kind": row.kind, "title": row.title}
        audit.record(user=user, action="index.removed", object=row.url, detail=detail)
        events.record("index.removed", owner=row.owner, data={"index": row.pk, **detail})
        row.delete()
        title = "Free the space of a removed index"
        jobs.submit("collect", owner=user, title=title, params={}, lane="collect")
