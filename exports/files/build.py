"""The worker's side of exports as files: the plan is run into files, which are published with their manifest."""

import hashlib
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.utils import timezone
from django.utils.text import slugify

from exports.delivery import opening
from exports.delivery.opening import OpenedDelivery
from exports.models import MANIFEST, FileExport
from exports.requests.body import StreamBody
from themis_admin.artifacts import services as artifacts
from themis_admin.jobs import events
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage.space import Progress
from themisdb_datasets.engine.plans.files import TYPES, WrittenFile, write_files
from themisdb_datasets.engine.plans.plan import Cursor
from themisdb_datasets.errors import ConflictError, GoneError

FORMAT_VERSION = 1
LOOK_EVERY = 100_000  # samples between two looks at the free space
STEM = 100


def build_files(job: RunningJob, export: int) -> None:
    """Make the files of an export and publish them with the end of the job."""
    row = _export(export)
    if row.manifest is not None:
        raise ConflictError("The export has its files already.", code="export_done")
    # A retry is another job; the row names the one that works on it now.
    FileExport.objects.filter(pk=row.pk).update(job_id=job.id)
    # By its cursor, so it is the plan that was checked when the
    # export was asked for, though its theme may have changed since.
    opened = opening.open_request(_body(row), row.owner)
    progress = Progress(partial(job.report, unit="samples"), Path(settings.THEMIS.work_dir), every=LOOK_EVERY)
    files, weights = write_files(
        opened.delivery,
        opened.window,
        job.workdir,
        stem=slugify(row.title)[:STEM].strip("-_") or "export",
        kind=row.file_type,
        max_bytes=row.max_bytes,
        report=lambda done: progress(done, len(opened.window)),
    )
    manifest = _manifest(row, opened, files, weights)
    files.append(_write_manifest(job.workdir / MANIFEST, manifest))
    for file in files:
        # A job that was cancelled, or has lost its claim, publishes
        # no more; what it has published is kept by nobody, and freed.
        job.check()
        artifacts.publish(file.path, digest=file.sha256)
    _publish(job, files, manifest)


def _export(pk: int) -> FileExport:
    row: FileExport | None = FileExport.objects.select_related("owner").filter(pk=pk).first()
    if row is None:
        raise GoneError("The export was removed.")
    return row


def _body(row: FileExport) -> StreamBody:
    """The part of the plan that was asked for, as one who goes on with a stream would ask for it."""
    return StreamBody(
        cursor=str(Cursor(row.plan, row.start)),
        limit=row.limit,
        rank=row.rank,
        world_size=row.world_size,
        drop_last=row.drop_last,
    )


def _manifest(
    row: FileExport, opened: OpenedDelivery, files: list[WrittenFile], weights: dict[str, Any] | None
) -> dict[str, Any]:
    """All that is needed to prove and repeat the files; it has no time, so that equal exports have equal manifests."""
    version, delivery = opened.version, opened.delivery
    return {
        "format_version": FORMAT_VERSION,
        "title": row.title,
        "plan": row.plan,
        "document": delivery.plan.to_document(),
        "version": {"dataset": version.dataset.name, "number": version.number, "digest": row.version},
        "cursor": str(opened.cursor),
        "limit": row.limit,
        "rank": row.rank,
        "world_size": row.world_size,
        "drop_last": row.drop_last,
        "type": row.file_type,
        "max_bytes": row.max_bytes,
        "num_samples": sum(file.num_samples for file in files),
        "num_line_bytes": sum(file.num_line_bytes for file in files),
        "num_bytes": sum(file.num_bytes for file in files),
        "selected": [{"num_samples": each.num_samples, **each.counts} for each in delivery.selections],
        "weights": weights,
        "files": [
            {
                "name": file.name,
                "sha256": file.sha256,
                "num_bytes": file.num_bytes,
                "num_samples": file.num_samples,
                "num_line_bytes": file.num_line_bytes,
            }
            for file in files
        ],
    }


def _write_manifest(path: Path, manifest: dict[str, Any]) -> WrittenFile:
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    path.write_bytes(content)
    return WrittenFile(path, MANIFEST, 0, 0, len(content), hashlib.sha256(content).hexdigest())


def _publish(job: RunningJob, files: list[WrittenFile], manifest: dict[str, Any]) -> None:
    row = _export(job.row.params["export"])
    result = {"export": row.pk, "num_samples": manifest["num_samples"], "num_bytes": manifest["num_bytes"]}
    with job.finishing(result=result):
        now, days = timezone.now(), settings.THEMIS.export_days
        done = FileExport.objects.filter(pk=row.pk, manifest__isnull=True).update(
            manifest=manifest,
            num_bytes=manifest["num_bytes"],
            num_samples=manifest["num_samples"],
            finished_at=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
        if not done:
            raise GoneError("The export was removed, or has its files already.")
        for file in files:
            artifacts.keep(
                digest=file.sha256,
                num_bytes=file.num_bytes,
                content_type=TYPES.get(row.file_type, "") if file.name != MANIFEST else "application/json",
                name=file.name,
                keeper=row.keeper,
                owner=row.owner,
            )
        data = {"export": row.pk, "title": row.title, "num_bytes": manifest["num_bytes"]}
        events.record("export.published", owner=row.owner, job=job.row, data=data)
