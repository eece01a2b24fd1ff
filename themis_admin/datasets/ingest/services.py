"""Starting an ingest: what comes in is checked and its job begun."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets import cleaning
from themis_admin.datasets.models import Dataset, Upload
from themis_admin.datasets.uploads import services as uploads
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themis_admin.storage.space import check_room, estimate_unpacked, unpacking_limits
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.errors import (
    ConflictError,
    ImpossibleError,
    MalformedError,
    NotFoundError,
    ThemisError,
)
from themisdb_datasets.names import nearest

MODES = ("append", "upsert", "replace")  # of an ingest
MAX_FILES = 1_000  # of one ingest
# Unpacked text, its shards, and the columns with what is being built of them.
ROOM_FACTOR = 3


def start_ingest(
    dataset: Dataset,
    *,
    user: User,
    sources: "Sequence[Upload | UploadedFile[Any] | Path]",
    mode: str = "append",
    note: str = "",
) -> Job:
    """Queue the job that makes a new version of uploads, files of this request, and files on the server.

    What can be refused at once is refused here: an unknown mode or kind of file, a damaged archive, an upsert without a
    key field, a disk without room for about three times the unpacked size.
    """
    check_mode(mode, MODES)
    note = cleaning.clean_text(note, field="note", max_length=cleaning.MAX_NOTE)
    if mode == "upsert" and not dataset.key_field:
        raise ImpossibleError.at(
            "mode", "An upsert goes by the key: give the dataset a key field first.", code="no_key_field"
        )
    if not 1 <= len(sources) <= MAX_FILES:
        raise MalformedError.at(
            "file", "Give at least one file, and at most {most:,} at once.", most=MAX_FILES
        )
    # Files of this request are taken before the transaction:
    # moving gigabytes inside it would hold up all other writers.
    received: list[Upload] = []
    taken: list[Upload | Path] = []
    try:
        for source in sources:
            if not isinstance(source, UploadedFile):
                taken.append(source)
                continue
            received.append(uploads.receive_file(source, owner=user))
            taken.append(received[-1])
        return _start(dataset, user=user, sources=taken, mode=mode, note=note)
    except ThemisError:
        for upload in received:
            uploads.discard(upload)  # nobody knows of it
        raise


def _start(dataset: Dataset, *, user: User, sources: "Sequence[Upload | Path]", mode: str, note: str) -> Job:
    files = [_described(source) for source in sources]
    names = [file["name"] for file in files]
    what = names[0] if len(names) == 1 else f"{len(names)} files"
    opened = zip(sources, names, strict=True)
    limits = unpacking_limits()
    # From the beginning of each file; reading it here also
    # finds a damaged archive while there is somebody to tell.
    needed = sum(
        estimate_unpacked(open_source(_path_of(source), name, limits=limits)) for source, name in opened
    )
    check_room(ROOM_FACTOR * needed, folder=Path(settings.THEMIS.storage), what=f"Ingesting {what}")
    params = {"dataset": dataset.pk, "sources": files, "mode": mode, "note": note}
    with transaction.atomic():
        for source in sources:
            if isinstance(source, Upload):
                _take(source)
        title = f"Ingest {what} into {dataset.name}"
        job = jobs.submit("ingest", owner=user, title=title, params=params, lane=dataset.lane)
        detail = {"job": job.pk, "name": what, "mode": mode}
        audit.record(user=user, action="dataset.ingest", object=dataset.url, detail=detail)
    return job


def _path_of(source: Upload | Path) -> Path:
    return source.path if isinstance(source, Upload) else source


def _described(source: Upload | Path) -> dict[str, Any]:
    """A file as the job is told of it; ConflictError, NotFoundError, ImpossibleError for one it could not read."""
    if isinstance(source, Upload) and source.state == Upload.State.OPEN:
        raise ConflictError.at(
            "upload",
            "The upload has {received:,} of {num_bytes:,} bytes; send the rest first.",
            code="upload_incomplete",
            received=source.received,
            num_bytes=source.num_bytes,
        )
    name = cleaning.clean_filename(source.filename if isinstance(source, Upload) else source.name)
    if not _is_file(_path_of(source)):
        raise _not_there(name)
    if isinstance(source, Upload):
        return {"name": name, "upload": str(source.pk), "path": None}
    return {"name": name, "upload": None, "path": str(source.resolve())}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its name is too long, or its folder is closed to us
        return False


def check_mode(mode: str, known: Sequence[str]) -> None:
    """Refuse modes that do not exist."""
    if mode not in known:
        raise MalformedError.at(
            "mode", "There is no mode {mode!r}{hint}.", mode=mode, hint=nearest(mode, known)
        )


def allowed_path(text: Any) -> Path:
    """The file on the server that a request names: it lies under a configured ingest root, and the way to it from there
    goes over no link and no `..`."""
    if not isinstance(text, str) or not text or "\x00" in text:
        raise MalformedError.at("path", "The path is a text.")
    path = Path(text)
    try:
        for root in map(Path, settings.THEMIS.ingest_roots):
            for base in (root, root.resolve()):
                if ".." in path.parts or not path.is_relative_to(base):
                    continue
                real = base.resolve() / path.relative_to(base)
                if real.resolve() == real:
                    return real
    except (OSError, RuntimeError, ValueError):  # a name too long, a loop of links, half a surrogate pair
        raise _not_there(path.name) from None
    raise ImpossibleError.at(
        "path",
        "Files are taken from the folders of THEMIS_INGEST_ROOTS only, and over no link and no “..”; upload this one instead.",
        code="path_not_allowed",
    )


def _not_there(name: str) -> NotFoundError:
    return NotFoundError(f"{name[:200]} is not there.", fields={"path": "There is no such file."})


def _take(upload: Upload) -> None:
    """Mark the upload as used by this ingest; of two that ask for it at once only one gets it."""
    if not Upload.objects.filter(pk=upload.pk, state=Upload.State.COMPLETE).update(state=Upload.State.USED):
        raise ConflictError.at(
            "upload", "Another ingest has taken this upload; upload the file again.", code="upload_used"
        )
