"""What people do with datasets and themes: database, disk and queue together."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import ProtectedError

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets import checks, feedback, rows, statistics, uploads
from themis_admin.datasets.models import Dataset, Theme, Upload
from themis_admin.datasets.rows import hold, name_taken, saved, still_used
from themis_admin.datasets.signals import subject_changed
from themis_admin.datasets.space import check_room, estimate_unpacked, remove_file, unpacking_limits
from themis_admin.jobs import events
from themis_admin.jobs import services as jobs
from themis_admin.jobs.files import rejects_path
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import (
    ConflictError,
    ImpossibleError,
    MalformedError,
    NotFoundError,
    ThemisError,
)
from themisdb_datasets.names import nearest
from themisdb_datasets.sources import open_source

MODES = ("append", "upsert", "replace")  # of an ingest
MAX_FILES = 1_000  # of one ingest
MAX_NOTE = 2_000
# Unpacked text, its shards, and the columns with what is being built of them.
ROOM_FACTOR = 3


def create_dataset(*, user: User, name: Any, **settings_: Any) -> Dataset:
    """A new, empty dataset; ConflictError when the user has one of this name in any case."""
    values = _dataset_values({"name": name, **settings_})
    with transaction.atomic():
        if Dataset.objects.filter(owner=user).named(values["name"]).exists():
            raise name_taken(values["name"], "dataset")
        dataset = saved(Dataset(owner=user, **values), "dataset")
        audit.record(user=user, action="dataset.created", object=dataset.url, detail={"name": dataset.name})
        events.record("dataset.created", owner=user, data={"dataset": dataset.pk, "name": dataset.name})
    return dataset


def update_dataset(dataset: Dataset, *, user: User, **changes: Any) -> Dataset:
    """Change a dataset's name, description, fields or mapping; its versions stay as they are."""
    values = _dataset_values(changes)
    with transaction.atomic():
        hold(dataset, "dataset")
        if "name" in values:
            others = Dataset.objects.filter(owner_id=dataset.owner_id).exclude(pk=dataset.pk)
            if others.named(values["name"]).exists():
                raise name_taken(values["name"], "dataset")
        for field, value in values.items():
            setattr(dataset, field, value)
        saved(dataset, "dataset", update_fields=[*values, "updated_at"])
        audit.record(
            user=user, action="dataset.updated", object=dataset.url, detail={"fields": sorted(values)}
        )
    return dataset


def delete_dataset(dataset: Dataset, *, user: User) -> Job:
    """Delete a dataset with its versions, rejects and themes; a job then frees the shards that nothing refers to."""
    with transaction.atomic():
        # Held first: of two who delete it at once the second waits,
        # and is told that it is gone instead of failing midway.
        locked = Dataset.objects.select_for_update().filter(pk=dataset.pk).first()
        if locked is None:
            raise NotFoundError("The dataset is gone already.")
        busy = Job.objects.filter(lane=locked.lane, state__in=("queued", "running")).first()
        if busy is not None:
            raise ConflictError(
                f"“{busy.title}” is {busy.state}; cancel that job or wait for it, then delete the dataset.",
                code="dataset_busy",
                fields={"job": busy.pk},
            )
        detail = {"name": locked.name, "num_versions": locked.versions.count()}
        audit.record(user=user, action="dataset.deleted", object=locked.url, detail=detail)
        data = {"dataset": locked.pk, "name": locked.name}
        for pk in Job.objects.filter(lane=locked.lane).values_list("pk", flat=True):
            # Files cannot be rolled back, so they go when the rows are gone for certain.
            transaction.on_commit(partial(remove_file, rejects_path(pk)))
        feedback.forget_all(locked)
        try:
            locked.delete()
        # Rows of other apps may point at it, a snapshot or an index of one of its versions; they protect
        # themselves, so that this need not know of them.
        except ProtectedError as error:
            raise still_used(error) from None
        events.record("dataset.deleted", owner=locked.owner, data=data)
        return jobs.submit(
            "collect", owner=user, title="Free the space of deleted data", params={}, lane="collect"
        )


def create_theme(dataset: Dataset, *, user: User, name: Any, where: Any, description: Any = "") -> Theme:
    """Save a filter over the dataset under a name; ConflictError when the name is taken in any case."""
    values = _theme_values(dataset, {"name": name, "where": where, "description": description})
    with transaction.atomic():
        theme = rows.create(Theme, dataset, user=user, values=values)
        statistics.after_saving(theme)
        subject_changed.send(Dataset, dataset=dataset)
    return theme


def update_theme(theme: Theme, *, user: User, **changes: Any) -> Theme:
    """Change a theme; streams that are already planned keep the filter they were planned with."""
    with transaction.atomic():
        changed = rows.update(theme, user=user, values=_theme_values(theme.dataset, changes))
        statistics.after_saving(changed)
        subject_changed.send(Dataset, dataset=changed.dataset)
    return changed


def delete_theme(theme: Theme, *, user: User) -> None:
    """Delete a theme; the samples stay."""
    rows.delete(theme, user=user)


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
    note = checks.clean_text(note, field="note", max_length=MAX_NOTE)
    if mode == "upsert" and not dataset.key_field:
        message = "An upsert goes by the key: give the dataset a key field first."
        raise ImpossibleError(message, code="no_key_field", fields={"mode": message})
    if not 1 <= len(sources) <= MAX_FILES:
        message = f"Give at least one file, and at most {MAX_FILES:,} at once."
        raise MalformedError(message, fields={"file": message})
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
        message = f"The upload has {source.received:,} of {source.num_bytes:,} bytes; send the rest first."
        raise ConflictError(message, code="upload_incomplete", fields={"upload": message})
    name = checks.clean_filename(source.filename if isinstance(source, Upload) else source.name)
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


def start_delete(dataset: Dataset, *, user: User, where: Any, note: str = "") -> Job:
    """Queue the job that makes a new version without the samples that a filter keeps; older versions keep them."""
    note = checks.clean_text(note, field="note", max_length=MAX_NOTE)
    if dataset.latest is None:
        raise ImpossibleError("The dataset has no version, and so no samples.", code="no_version")
    params = {"dataset": dataset.pk, "where": checks.clean_where(where, dataset), "note": note}
    with transaction.atomic():
        title = f"Delete samples from {dataset.name}"
        job = jobs.submit("delete", owner=user, title=title, params=params, lane=dataset.lane)
        detail = {"job": job.pk, "where": params["where"]}
        audit.record(user=user, action="dataset.samples_deleted", object=dataset.url, detail=detail)
    return job


def check_mode(mode: str, known: Sequence[str]) -> None:
    """Refuse modes that do not exist."""
    if mode not in known:
        message = f"There is no mode {mode!r}{nearest(mode, known)}."
        raise MalformedError(message, fields={"mode": message})


def allowed_path(text: Any) -> Path:
    """The file on the server that a request names: it lies under a configured ingest root, and the way to it from there
    goes over no link and no `..`."""
    if not isinstance(text, str) or not text or "\x00" in text:
        raise MalformedError("The path is a text.", fields={"path": "The path is a text."})
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
    message = (
        "Files are taken from the folders of THEMIS_INGEST_ROOTS only, and over no link and no “..”; upload this one"
        " instead."
    )
    raise ImpossibleError(message, code="path_not_allowed", fields={"path": message})


def _not_there(name: str) -> NotFoundError:
    return NotFoundError(f"{name[:200]} is not there.", fields={"path": "There is no such file."})


def _take(upload: Upload) -> None:
    """Mark the upload as used by this ingest; of two that ask for it at once only one gets it."""
    if not Upload.objects.filter(pk=upload.pk, state=Upload.State.COMPLETE).update(state=Upload.State.USED):
        message = "Another ingest has taken this upload; upload the file again."
        raise ConflictError(message, code="upload_used", fields={"upload": message})


def _dataset_values(given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, value in given.items():
        if field == "name":
            values[field] = checks.clean_name(value)
        elif field == "description":
            values[field] = checks.clean_text(value, field=field)
        elif field in ("key_field", "timestamp_field"):
            values[field] = checks.clean_text(value, field=field, max_length=checks.MAX_FIELD)
        elif field == "field_mapping":
            values[field] = checks.clean_mapping(value)
        elif field == "split":
            values[field] = checks.clean_split(value)
        else:
            raise TypeError(f"a dataset has no {field}")
    return values


def _theme_values(dataset: Dataset, given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, value in given.items():
        if field == "name":
            values[field] = checks.clean_name(value)
        elif field == "description":
            values[field] = checks.clean_text(value, field=field)
        elif field == "where":
            values[field] = checks.clean_where(value, dataset)
        else:
            raise TypeError(f"a theme has no {field}")
    return values
