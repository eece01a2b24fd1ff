"""The worker's side of ingest: files become shards, side by side, and then all at once a version."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from django.conf import settings
from django.db import transaction

from themis_admin.datasets.models import Dataset, Upload
from themis_admin.datasets.versions.publishing import (
    Draft,
    ShardPiece,
    find_dataset,
    finish_unchanged,
    open_pieces,
    pieces_of,
    progress_of,
)
from themis_admin.jobs import runner
from themis_admin.jobs import services as jobs
from themis_admin.jobs.files import keep_rejects, rejects_path
from themis_admin.jobs.models import Job, JobState
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage import stores
from themis_admin.storage.space import remove_file, unpacking_limits
from themis_admin.storage.stores import kept_files
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.shards.ingest import IngestResult, ingest
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.engine.versions import deletions, edits
from themisdb_datasets.engine.versions.edits import Deleted
from themisdb_datasets.engine.versions.rewriting import rewrite
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import CancelledError, GoneError, ImpossibleError

LOOK_SECONDS = 0.3


# It is a job's parameter, kept as JSON in the job's row, so it names a file and never holds an open one.
class SourceFile(msgspec.Struct):
    """A file to ingest: an upload's id, or a path on the server; its name says what it holds."""

    name: str
    upload: str | None = None
    path: str | None = None

    def open_path(self) -> Path:
        """Where it lies; GoneError where it is gone."""
        row = Upload.objects.filter(pk=self.upload).first() if self.upload else None
        source = Path(self.path) if self.path is not None else row.path if row is not None else None
        if source is None or not source.is_file():
            raise GoneError(f"{self.name} is gone; upload it again.")
        if self.path is not None and source.resolve() != source:  # it was none when it was allowed
            raise GoneError(f"{self.name} is a link now; upload it instead.")
        return source


class Ingested(msgspec.Struct):
    """What became of one or more files; it is the result of a job that ingests one of several."""

    shards: list[tuple[str, int, int]]
    num_samples: int
    num_rejects: int
    num_blank: int

    @property
    def pieces(self) -> list[ShardPiece]:
        return [ShardPiece(*shard) for shard in self.shards]

    def counts(self) -> dict[str, Any]:
        """What a job tells of it."""
        return {
            "num_samples": self.num_samples,
            "num_rejects": self.num_rejects,
            "num_blank": self.num_blank,
        }


def ingest_files(
    job: RunningJob, *, dataset: int, sources: list[dict[str, Any]], mode: str, note: str
) -> None:
    """Make a new version of the dataset from files, and publish it with the end of the job."""
    target = find_dataset(dataset)
    files = msgspec.convert(sources, list[SourceFile])
    key = target.key_field if mode == "upsert" else ""
    result = _ingest(job, files[0], key) if len(files) == 1 else _side_by_side(job, files, key)
    if not result.num_samples:
        raise _no_samples(job.id, result, files)
    # Up to here nothing depends on what the dataset holds; shards are on disk
    # that no row names. From here on the version is put together, from the
    # latest as it is now, and publishing checks that it is still the latest.
    told, pieces, is_rewritten = result.counts(), result.pieces, False
    if mode == "append":
        pieces = [*pieces_of(target.latest), *pieces]
    elif mode == "upsert":
        counts, pieces, is_rewritten = _upserted(job, target, pieces)
        told |= counts

    def afterwards() -> None:
        for file in files:
            # In the transaction that publishes: a job that fails keeps its
            # uploads, so that it can be retried without sending them again.
            if file.upload is not None:
                drop_upload(file.upload)
        if is_rewritten:  # nobody needs the files' own shards
            submit_collect(target)

    # Every sample was there already. A version that equals the
    # one before would only wake streams and jobs for nothing.
    if mode == "upsert" and target.latest is not None and pieces == pieces_of(target.latest):
        finish_unchanged(job, target.latest, told, afterwards=afterwards)
        return
    draft = Draft(
        dataset=target.pk,
        parent=target.latest,
        pieces=pieces,
        mode=mode,
        note=note,
        source_name=_named(files),
        num_rejects=result.num_rejects,
        num_blank=result.num_blank,
    )
    draft.publish(job, told, afterwards=afterwards)


def ingest_part(job: RunningJob, *, source: dict[str, Any], key: str) -> None:
    """Ingest one of several files; the job that waits for it makes the version."""
    result = _ingest(job, msgspec.convert(source, SourceFile), key)
    with job.finishing(result=msgspec.to_builtins(result)):
        pass


def delete_samples(job: RunningJob, *, dataset: int, where: Any, note: str) -> None:
    """Make a new version without the samples that a filter keeps."""
    target = find_dataset(dataset)
    latest = target.latest
    if latest is None:
        raise ImpossibleError("The dataset has no version, and so no samples.", code="no_version")
    opened = latest.open()
    deleted = edits.delete(opened, parse_filter(where), limits=kept_files().limits)
    # Counted by the reader of versions itself, since `deleted` has the rows of earlier deletions too.
    left = OpenVersion(opened.parts, deleted).num_samples
    told = {"num_deleted": opened.num_samples - left}
    if left == opened.num_samples:
        finish_unchanged(job, latest, told)
        return
    if not left:
        message = "The filter keeps every sample, so nothing would be left; delete the dataset instead."
        raise ImpossibleError(message, code="nothing_left")
    pieces = _less(job, pieces_of(latest), deleted)
    Draft(dataset=target.pk, parent=latest, pieces=pieces, mode="delete", note=note).publish(job, told)


def submit_collect(dataset: Dataset) -> None:
    """Have what nothing refers to freed."""
    jobs.submit(
        "collect", owner=dataset.owner, title="Free the space of replaced data", params={}, lane="collect"
    )


def _ingest(job: RunningJob, file: SourceFile, key: str) -> Ingested:
    result: IngestResult = ingest(
        open_source(file.open_path(), file.name, limits=unpacking_limits()),
        store=stores.store(),
        workdir=job.workdir,
        shard_bytes=settings.THEMIS.shard_bytes,
        max_line_bytes=settings.THEMIS.max_line_bytes,
        key=key,
        report=progress_of(job),
    )
    keep_rejects(job.id, result.rejects_path)
    # Only what a row of a shard needs: this is kept as the result
    # of a part, and the part's job may be on another host.
    shards = [(shard.digest, shard.num_samples, shard.num_bytes) for shard in result.shards]
    return Ingested(shards, result.num_samples, result.num_rejects, result.num_blank)


def _side_by_side(job: RunningJob, files: Sequence[SourceFile], key: str) -> Ingested:
    """Ingest each file in a job of its own, on whatever worker is free, this one included.

    A claim that begins anew finds the jobs of the one before, and what they have done.
    """
    # The lanes' names are how a part is found again: by a later claim of this job, and by `cancel_parts`.
    lanes = [f"job:{job.id}:{number}" for number in range(len(files))]
    total = sum(file.open_path().stat().st_size for file in files)
    with transaction.atomic():
        # Where this claim is the second one, the parts of the
        # first go on or are done, and nothing is read twice.
        known = set(Job.objects.filter(lane__in=lanes).values_list("lane", flat=True))
        for lane, file in zip(lanes, files, strict=True):
            if lane not in known:
                params = {"source": msgspec.to_builtins(file), "key": key}
                title = f"{file.name}, of job {job.id}"
                jobs.submit("ingest-part", owner=job.owner, title=title, params=params, lane=lane)
    try:
        while True:
            looks = _looks(lanes)
            done = sum(look.total or 0 if look.state == JobState.SUCCEEDED else look.done for look in looks)
            job.report(done, total, unit="bytes")
            for look, file in zip(looks, files, strict=True):
                if look.state in (JobState.FAILED, JobState.CANCELLED):
                    raise _failed(Job.objects.get(pk=look.pk), file)
            if all(look.state == JobState.SUCCEEDED for look in looks):
                break
            queued = next((look for look in looks if look.state == JobState.QUEUED), None)
            # This worker takes part too instead of waiting idly. With one worker it has to: nobody else would
            # ever do the parts, and a job that only waited for them would wait for ever.
            if queued is not None:
                runner.run(queued.pk)
            else:
                time.sleep(LOOK_SECONDS)
    # Not for FencedError: this claim is lost then, and another goes on with these very parts.
    except (ImpossibleError, CancelledError):
        jobs.cancel_parts(job.id)
        raise
    found = Job.objects.in_bulk([look.pk for look in looks])
    parts = [found[look.pk] for look in looks]
    results = [msgspec.convert(part.result, Ingested) for part in parts]
    _join_rejects(job, parts, files)
    return Ingested(
        [shard for result in results for shard in result.shards],
        sum(result.num_samples for result in results),
        sum(result.num_rejects for result in results),
        sum(result.num_blank for result in results),
    )


class _Look(NamedTuple):
    """How far the job of one of several files is."""

    lane: str
    pk: int
    state: str
    done: int
    total: int | None


def _looks(lanes: Sequence[str]) -> list[_Look]:
    """The job of each lane, the first of those that it has; asked all at once, for there may be a thousand."""
    # The newest come first, so the dict keeps the oldest of each lane: a part that somebody retried by hand
    # is another job, of whose end this one knows nothing.
    rows = Job.objects.filter(lane__in=lanes).order_by("-pk").values_list(*_Look._fields)
    by_lane = {row[0]: _Look(*row) for row in rows}
    return [by_lane[lane] for lane in lanes]


def _failed(part: Job, file: SourceFile) -> ImpossibleError:
    error = part.error or "Its job was cancelled."
    return ImpossibleError(f"{file.name}: {error}", code=part.error_code or "part_cancelled")


def _join_rejects(job: RunningJob, parts: Sequence[Job], files: Sequence[SourceFile]) -> None:
    """Keep the parts' rejected lines as this job's, each with the name of its file."""
    path = job.workdir / "rejects.jsonl"
    with path.open("wb") as joined:
        for part, file in zip(parts, files, strict=True):
            # Each line is a JSON object, whose brace the name goes
            # behind; so no line is parsed, and each stays as it was.
            head = b'{"file":%b,' % msgspec.json.encode(file.name)
            if rejects_path(part.pk).exists():
                with rejects_path(part.pk).open("rb") as lines:
                    joined.writelines(head + line[1:] for line in lines)
    keep_rejects(job.id, path)


def _upserted(
    job: RunningJob, target: Dataset, pieces: list[ShardPiece]
) -> tuple[dict[str, int], list[ShardPiece], bool]:
    """What becomes of samples that are put in by their key, what the dataset is made of then, and whether the shards
    were rewritten because most of their samples are there already."""
    known = pieces_of(target.latest)
    new = open_pieces(pieces)
    found = edits.upsert(open_pieces(known), new, key_field=target.key_field, limits=kept_files().limits)
    # Of the new shards only the samples that are new or changed count. Where these are the lesser part, as in
    # an upsert of a whole file of which a few lines changed, keeping the shards with deletions would store
    # most of the dataset a second time; so what counts is written to shards of its own. Otherwise writing all
    # again costs more than it saves.
    left = OpenVersion(new.parts, found.new)
    is_rewritten = 2 * left.num_samples <= new.num_samples
    if is_rewritten:
        shards = rewrite(
            left,
            store=stores.store(),
            workdir=job.workdir / "rewritten",
            shard_bytes=settings.THEMIS.shard_bytes,
        )
        pieces = [ShardPiece(shard.digest, shard.num_samples, shard.num_bytes) for shard in shards]
    else:
        pieces = _less(job, pieces, found.new)
    counts = {
        "num_added": found.num_added,
        "num_changed": found.num_changed,
        "num_unchanged": found.num_unchanged,
        "num_superseded": found.num_superseded,
    }
    return counts, [*_less(job, known, found.base), *pieces], is_rewritten


def _less(job: RunningJob, pieces: Sequence[ShardPiece], deleted: Deleted) -> list[ShardPiece]:
    """These pieces with these deletions, which are published; one that has nothing left is dropped."""
    store = stores.store()
    left = []
    for piece, rows in zip(pieces, deleted, strict=True):
        count = 0 if rows is None else len(rows)
        if count == piece.num_samples:
            continue
        # Deletions only ever grow: as many as before are the same, whose file is there already.
        if rows is not None and count != piece.num_deleted:
            digest = deletions.publish(np.asarray(rows), store=store, workdir=job.workdir)
            piece = replace(piece, deletions=digest, num_deleted=count)
        left.append(piece)
    return left


def _named(files: Sequence[SourceFile]) -> str:
    if len(files) == 1:
        return files[0].name
    names = f"{len(files)} files: " + ", ".join(file.name for file in files)
    return names if len(names) <= 500 else f"{names[:499]}…"


def _no_samples(job_id: int, result: Ingested, files: Sequence[SourceFile]) -> ImpossibleError:
    """Why there is no version: all is empty, or the first of the lines that were rejected."""
    name = files[0].name if len(files) == 1 else "the files"
    if not result.num_rejects:
        held = f"{name} holds" if len(files) == 1 else "The files hold"
        why = ": all of it is blank" if result.num_blank else ""
        return ImpossibleError(f"{held} no samples{why}.", code="no_samples")
    with rejects_path(job_id).open("rb") as file:
        first = msgspec.json.decode(file.readline())
    lines = "The only line" if result.num_rejects == 1 else f"None of the {result.num_rejects:,} lines"
    verb = "is no sample" if result.num_rejects == 1 else "is a sample"
    message = f"{lines} of {name} {verb}. Line {first['line']:,}: {first['message']}"
    return ImpossibleError(message, code="no_samples")


def drop_upload(upload: str) -> None:
    """Remove an upload that has become samples; in the transaction that publishes these."""
    row = Upload.objects.filter(pk=upload).first()
    if row is not None:
        path = row.path
        row.delete()
        transaction.on_commit(lambda: remove_file(path))
