"""What people do with exports as files: ask for one, see what its removal breaks, remove it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from exports.delivery.estimates import estimate_bytes
from exports.files.body import FileRequest
from exports.models import FileExport, Link
from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.artifacts import services as artifacts
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.jobs import events
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themis_admin.storage.space import check_room
from themisdb_datasets.errors import ConflictError, NotFoundError


def start_export(file_request: FileRequest, *, user: User) -> Job:
    """Queue the job that makes the files; TooLargeError where the disk has no room for them."""
    opened, body = file_request.opened, file_request.body
    needed = estimate_bytes(opened.delivery, opened.window)
    check_room(needed, folder=Path(settings.THEMIS.storage), what="This export")
    with transaction.atomic():
        export = FileExport.objects.create(
            owner=user,
            title=opened.title,
            plan=opened.delivery.plan.digest,
            version=opened.delivery.plan.version,
            start=opened.start,
            limit=body.limit,
            rank=body.rank,
            world_size=body.world_size,
            drop_last=body.drop_last,
            num_samples=len(opened.window),
            file_type=file_request.file.type,
            max_bytes=file_request.file.max_bytes,
        )
        title = f"Export {opened.title} as {file_request.file.type}"
        lane = f"export:{export.pk}"
        job = jobs.submit("export", owner=user, title=title, params={"export": export.pk}, lane=lane)
        FileExport.objects.filter(pk=export.pk).update(job=job)
        detail = {
            "plan": export.plan,
            "start": export.start,
            "num_samples": export.num_samples,
            "job": job.pk,
        }
        audit.record(user=user, action="export.file", object=export.url, detail=detail)
    return job


def prolong(export: FileExport, *, user: User, days: int | None) -> None:
    """Keep a finished export for so many days from now, or for good; its owner is warned anew."""
    with transaction.atomic():
        until = timezone.now() + timedelta(days=days) if days is not None else None
        if not FileExport.objects.filter(pk=export.pk, manifest__isnull=False).update(
            expires_at=until, warned_at=None
        ):
            raise ConflictError("Only finished exports are kept for a time.", code="export_unfinished")
        audit.record(user=user, action="export.prolonged", object=export.url, detail={"days": days})
    export.refresh_from_db(fields=["expires_at", "warned_at"])


def links_broken_by(export: FileExport) -> list[Link]:
    """The live links that would lead nowhere without this export: to it, or to a file that nothing else keeps."""
    own = ArtifactRef.objects.filter(keeper=export.keeper).values("artifact")
    # Kept by the link's owner elsewhere: what only others keep the link may not show.
    elsewhere = ArtifactRef.objects.exclude(keeper=export.keeper).filter(owner=export.owner_id)
    only = Artifact.objects.filter(pk__in=own).exclude(pk__in=elsewhere.values("artifact"))
    live = Link.objects.live().for_lists()
    return [*live.filter(export=export), *live.filter(artifact__in=only, owner=export.owner_id)]


def removal(export: FileExport) -> dict[str, Any]:
    """What removing the export would free, and which links it would break."""
    own = Artifact.objects.filter(refs__keeper=export.keeper).distinct()
    only = own.exclude(refs__in=ArtifactRef.objects.exclude(keeper=export.keeper))
    broken = [
        {
            "id": link.pk,
            "url": link.url,
            "title": link.title,
            "note": link.note,
            "expires_at": link.expires_at.isoformat(),
        }
        for link in links_broken_by(export)
    ]
    return {"export": export.pk, "freed_bytes": sum(each.num_bytes for each in only), "broken_links": broken}


def remove_export(
    export: FileExport, *, user: User | None, break_links: bool = False, reason: str = "removed"
) -> int:
    """Remove an export with its files; ConflictError while its job goes on, or where links break and may not.

    `user` is None where its time has come. Answers the bytes that nobody keeps any more.
    """
    with transaction.atomic():
        row = (
            FileExport.objects.select_for_update(of=("self",))
            .select_related("job", "owner")
            .filter(pk=export.pk)
            .first()
        )
        if row is None:
            raise NotFoundError("The export is gone already.")
        if row.busy:
            message = f"Its job is {row.state}; cancel that first."
            raise ConflictError(message, code="export_busy", fields={"job": row.job_id})
        plan = removal(row)
        broken = plan["broken_links"]
        if broken and not break_links:
            message = f"{len(broken):,} link{'' if len(broken) == 1 else 's'} would break; say break_links=true to do it."
            raise ConflictError(message, code="breaks_links", fields=plan)
        # What is removed for good leaves links that say so to their owner.
        gone = Artifact.objects.filter(refs__keeper=row.keeper).exclude(
            pk__in=ArtifactRef.objects.exclude(keeper=row.keeper).filter(owner=row.owner).values("artifact")
        )
        Link.objects.filter(artifact__in=list(gone), owner=row.owner).update(artifact=None)
        freed = artifacts.release(row.keeper)
        detail = {"title": row.title, "reason": reason, "links": [link["id"] for link in broken]}
        audit.record(user=user, action="export.removed", object=row.url, detail=detail)
        owner, data = row.owner, {"export": row.pk, **detail}
        row.delete()
        events.record("export.removed", owner=owner, data=data)
    return freed
