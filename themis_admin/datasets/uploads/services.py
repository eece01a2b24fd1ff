"""Resumable uploads: opened with a size, filled part by part, and kept until an ingest has used them."""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Protocol

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.utils import timezone

from themis_admin.accounts.models import User
from themis_admin.datasets.cleaning import clean_filename
from themis_admin.datasets.models import Upload
from themis_admin.jobs.models import Job
from themis_admin.storage.space import check_room, remove_file
from themisdb_datasets.errors import ConflictError, GoneError, MalformedError, TooLargeError

MAX_PART = 16 * 1024 * 1024
COPY = 1024 * 1024
STALE_AFTER = timedelta(days=7)


class Readable(Protocol):
    """Where a part comes from: a request's body, a file."""

    def read(self, size: int = -1, /) -> bytes: ...


def open_upload(*, owner: User, filename: str, num_bytes: int) -> Upload:
    """Open an upload of `num_bytes`; refused when its kind is unknown or the disk has no room for it."""
    name = clean_filename(filename)
    if num_bytes <= 0:
        raise MalformedError(f"{name} is empty.", fields={"num_bytes": "A file has at least one byte."})
    folder = uploads_folder()
    check_room(num_bytes, folder=folder, what="The upload")
    expire_uploads()
    upload = Upload(owner=owner, filename=name, num_bytes=num_bytes)
    # The file before its row: a crash in between leaves a file that nobody knows, which `_remove_orphans`
    # finds, and not an upload that looks open and cannot be written.
    upload.path.touch(exist_ok=False)
    upload.save()
    return upload


def append_part(upload: Upload, *, offset: int, part: Readable, announced: int | None = None) -> Upload:
    """Write one part at `offset`, which must be where the upload stands; answers how it stands afterwards.

    A part that breaks off leaves the upload as it was: the sender asks for `received` and goes on there.
    """
    if announced is not None and announced > MAX_PART:
        raise _part_too_large()
    with _locked(upload) as file:
        upload.refresh_from_db()
        if upload.state != Upload.State.OPEN:
            raise ConflictError("This upload is already complete.", fields={"received": upload.received})
        # The sender says where it thinks that it is. A part that is sent again after a lost answer is refused
        # with the place to go on, instead of being written twice.
        if offset != upload.received:
            message = f"The upload stands at {upload.received}, not at {offset}; go on there."
            raise ConflictError(message, code="wrong_offset", fields={"received": upload.received})
        size = _write(file, part, offset=offset, room=upload.num_bytes - offset)
        if announced is not None and size != announced:
            raise MalformedError(f"{announced} bytes were announced, {size} arrived; send the part again.")
        received = offset + size
        state = Upload.State.COMPLETE if received == upload.num_bytes else Upload.State.OPEN
        # The bytes are on disk by now. The row counts them only
        # if it still stands where it stood when they were taken.
        standing = Upload.objects.filter(pk=upload.pk, state=Upload.State.OPEN, received=offset)
        if not standing.update(received=received, state=state, updated_at=timezone.now()):
            raise GoneError("The upload was removed meanwhile.")
    upload.refresh_from_db()
    return upload


def receive_file(file: "UploadedFile[Any]", *, owner: User) -> Upload:
    """Take a file that came as one multipart body; it is moved into place, not copied."""
    name = clean_filename(file.name or "")
    size = file.size or 0
    if size == 0:
        raise MalformedError(f"{name} is empty.", fields={"file": "A file has at least one byte."})
    limit = settings.THEMIS.max_body_bytes
    if size > limit:
        raise TooLargeError(
            f"A file sent in one piece may have {limit:,} bytes; send larger ones through /api/v1/uploads/.",
            fields={"file": f"{size:,} bytes"},
        )
    folder = uploads_folder()
    upload = Upload(owner=owner, filename=name, num_bytes=size, received=size, state=Upload.State.COMPLETE)
    if isinstance(file, TemporaryUploadedFile):
        # A rename, because the server's temporary folder lies in the data folder; Django's handler finds its
        # file gone when it closes it, which it allows for.
        shutil.move(file.temporary_file_path(), upload.path)
    else:
        check_room(size, folder=folder, what="The upload")
        with upload.path.open("xb") as target:
            for chunk in file.chunks(COPY):
                target.write(chunk)
    upload.save()
    return upload


def discard(upload: Upload) -> None:
    """Remove an upload that no ingest has taken."""
    # The condition is part of the delete, so an ingest that
    # takes it at the same moment either has it or finds none.
    removed, _ = Upload.objects.filter(pk=upload.pk).exclude(state=Upload.State.USED).delete()
    if not removed:
        raise ConflictError("An ingest uses this upload; it is removed when that has succeeded.")
    remove_file(upload.path)


def expire_uploads() -> int:
    """Remove what nobody has touched for a week, unless a job still waits for it; returns how many."""
    active = Job.objects.filter(kind="ingest", state__in=("queued", "running")).values_list(
        "params", flat=True
    )
    # One that waits behind a long line of jobs may be older than a week when its turn comes.
    taken = {source.get("upload") for params in active for source in params.get("sources", ())}
    stale = Upload.objects.filter(updated_at__lt=timezone.now() - STALE_AFTER)
    removed = 0
    for upload in stale.iterator():
        if str(upload.pk) not in taken:
            path = upload.path
            upload.delete()
            remove_file(path)
            removed += 1
    return removed + _remove_orphans()


def uploads_folder() -> Path:
    """The folder of uploads, made when it is missing."""
    folder = Path(settings.THEMIS.uploads_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _remove_orphans() -> int:
    """Files whose row was never written or is gone, left by a crash."""
    limit = (timezone.now() - STALE_AFTER).timestamp()
    removed = 0
    for path in uploads_folder().glob("*.part"):
        known = _uuid(path.stem)
        if known is None or Upload.objects.filter(pk=known).exists():
            continue
        if path.stat().st_mtime < limit:
            remove_file(path)
            removed += 1
    return removed


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@contextmanager
def _locked(upload: Upload) -> Iterator[IO[bytes]]:
    """The upload's file, held against a second writer; a row's lock would stall SQLite's other writers."""
    try:
        file = upload.path.open("r+b")
    except FileNotFoundError:
        raise GoneError("The upload's file is gone; start a new upload.") from None
    with file:
        try:
            # The kernel lets go of it when the process dies, so no upload stays locked after a crash.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                "Another part of this upload is being received.", code="upload_busy"
            ) from None
        yield file


def _write(file: IO[bytes], part: Readable, *, offset: int, room: int) -> int:
    """Write all of `part` at `offset` and make it durable; nothing of an oversized part is kept."""
    # More than `offset` is all right: it is what a part that broke off has left, and is written over now.
    if os.fstat(file.fileno()).st_size < offset:
        raise GoneError("The upload's file is damaged; start a new upload.")
    file.seek(offset)
    size = 0
    while chunk := part.read(COPY):
        size += len(chunk)
        if size > MAX_PART:
            raise _part_too_large()
        if size > room:
            raise MalformedError.at(
                "Upload-Offset",
                "The upload was opened for a file that has only {room:,} more bytes.",
                room=room,
            )
        file.write(chunk)
    if not size:
        raise MalformedError("The part is empty.")
    file.flush()
    # Before the row counts it: after a power cut the row must not name bytes that never reached the disk.
    os.fdatasync(file.fileno())
    return size


def _part_too_large() -> TooLargeError:
    return TooLargeError(f"A part may have {MAX_PART:,} bytes at most; send smaller ones.")
