"""What people do with exports as files: ask for one, see what its removal breaks, remove it."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from msgspec import Meta

from exports import services
from exports.body import StreamBody, bad, parse_body
from exports.estimates import estimate_bytes
from exports.file_models import FileExport, Link
from exports.limits import Consumer
from exports.services import Opened
from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.api import check_names
from themis_admin.datasets import artifacts
from themis_admin.datasets.artifacts import Artifact, ArtifactRef
from themis_admin.datasets.space import check_room
from themis_admin.jobs import events
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import ConflictError, MalformedError, NotFoundError
from themisdb_datasets.files import TYPES
from themisdb_datasets.names import nearest


class FileOptions(msgspec.Struct, forbid_unknown_fields=True):
    """The part `file` of an export's body: what kind of file, and where it is cut."""

    type: str = "jsonl"
    max_bytes: Annotated[int, Meta(ge=1, le=1 << 50)] | None = None


@dataclass(frozen=True)
class Asked:
    """A request for files that was found to be possible."""

    body: StreamBody
    file: FileOptions
    opened: Opened


def parse_file(document: Any) -> FileOptions:
    """Check the part `file`; MalformedError names what is wrong."""
    if not isinstance(document, dict):
        raise bad("file", 'file says what to make, such as {"type": "jsonl.zst"}.')
    try:
        check_names(document, FileOptions.__struct_fields__, what="parameter")
        options = msgspec.convert(document, FileOptions, strict=True)
    except MalformedError as error:
        raise bad(f"file.{next(iter(error.fields))}", error.message) from None
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        raise bad(
            f"file.{path.rstrip('`')}", f"file.{path.rstrip('`')}: {what[:1].lower()}{what[1:]}."
        ) from None
    if options.type not in TYPES:
        message = f"{options.type!r} is no type of file{nearest(options.type, TYPES)}; there are {', '.join(TYPES)}."
        raise bad("file.type", message)
    return options


def open_export(document: Any, *, consumer: Consumer) -> Asked:
    """Check a request for files, all that can be refused at once: its words, its plan, and the limit of new plans."""
    if not isinstance(document, dict):
        raise MalformedError('The body is one JSON object, such as {"theme": "Datenschutz", "file": {}}.')
    file = parse_file(document.get("file", {}))
    # The rest is the body of a stream, word for word, so whatever can be streamed can be made into files.
    body = parse_body({name: value for name, value in document.items() if name != "file"})
    if body.stream_mode == "continuous":
        raise bad("stream_mode", "A file ends; leave stream_mode out, or stream.")
    opened = services.open_request(body, consumer.user, consumer=consumer.counting(dry_run=body.dry_run))
    if opened.delivery.plan.continuous:
        raise bad(
            "cursor",
            "This is the cursor of a continuous stream; a file ends, so start it without the cursor.",
        )
    return Asked(body, file, opened)


def start_export(asked: Asked, *, user: User) -> Job:
    """Queue the job that makes the files; TooLargeError where the disk has no room for them."""
    opened, body = asked.opened, asked.body
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
            file_type=asked.file.type,
            max_bytes=asked.file.max_bytes,
        )
        title = f"Export {opened.title} as {asked.file.type}"
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
