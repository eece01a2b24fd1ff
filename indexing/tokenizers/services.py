"""What people do with tokenizers: upload one, which has to load and to encode; look at it; delete it."""

import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction

from indexing.models import Tokenizer
from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.artifacts import services as artifacts
from themis_admin.datasets import cleaning
from themis_admin.datasets.rows import name_taken
from themis_admin.jobs import events
from themis_admin.storage import stores
from themis_admin.storage.space import check_room
from themisdb_datasets.engine.indexes.tokenizer import MAX_BYTES
from themisdb_datasets.engine.indexes.tokenizer import Tokenizer as Loaded
from themisdb_datasets.errors import GoneError, NotFoundError, TooLargeError

FILE_NAME = "tokenizer.json"
MAX_SHOWN = 100  # special tokens


def add_tokenizer(file: "UploadedFile[Any]", *, user: User, name: Any = "") -> Tokenizer:
    """Keep an uploaded tokenizer.json under a name, by default that of its file.

    TooLargeError; MalformedError where it does not load or encode; ConflictError when the user has one of this name.
    """
    name = cleaning.clean_name(name or Path(file.name or "").stem)
    if (file.size or 0) > MAX_BYTES:
        raise TooLargeError.at("file", "A tokenizer.json has at most {most} MB.", most=MAX_BYTES >> 20)
    data = file.read()
    loaded = Loaded.load(data)
    # The file first: a row without it would be a tokenizer
    # that cannot be loaded, a file without a row is freed.
    _publish(data, loaded.digest)
    with transaction.atomic():
        # A row of the user's own to wait for: two uploads of one name at once are one after the other.
        User.objects.select_for_update().get(pk=user.pk)
        if Tokenizer.objects.filter(owner=user).named(name).exists():
            raise name_taken(name, "tokenizer")
        row = _saved(user, name, loaded, len(data))
        detail = {"name": row.name, "sha256": row.digest}
        audit.record(user=user, action="tokenizer.created", object=row.url, detail=detail)
        events.record("tokenizer.created", owner=user, data={"tokenizer": row.pk, "name": row.name})
    return row


def delete_tokenizer(row: Tokenizer, *, user: User) -> None:
    """Delete a tokenizer; indexes that were made with it keep its file."""
    with transaction.atomic():
        held = Tokenizer.objects.select_for_update(of=("self",)).filter(pk=row.pk).select_related("owner")
        locked = held.first()
        if locked is None:
            raise NotFoundError("The tokenizer is gone already.")
        keeper, url, owner = locked.keeper, locked.url, locked.owner
        data = {"tokenizer": locked.pk, "name": locked.name}
        locked.delete()
        artifacts.release(keeper)
        audit.record(user=user, action="tokenizer.deleted", object=url, detail={"name": row.name})
        events.record("tokenizer.deleted", owner=owner, data=data)


def load(digest: str) -> Loaded:
    """The tokenizer whose file has this SHA-256; GoneError where nobody keeps it any more."""
    try:
        return Loaded.load(stores.store().path(stores.FILES, digest).read_bytes())
    except FileNotFoundError:
        raise GoneError("The tokenizer's file is gone; upload it again.") from None


def _publish(data: bytes, digest: str) -> None:
    check_room(len(data), folder=Path(settings.THEMIS.storage), what="This tokenizer")
    work = Path(settings.THEMIS.work_dir)
    work.mkdir(parents=True, exist_ok=True)
    file = work / f"tokenizer-{uuid.uuid4().hex}.json"
    try:
        file.write_bytes(data)
        artifacts.publish(file, digest=digest)
    finally:
        file.unlink(missing_ok=True)


def _saved(user: User, name: str, loaded: Loaded, num_bytes: int) -> Tokenizer:
    """The row, which keeps its file; in a transaction."""
    model = loaded.document.get("model")
    added = [token for token in loaded.added_tokens if "\0" not in token]  # which PostgreSQL cannot store
    try:
        with transaction.atomic():
            row = Tokenizer.objects.create(
                owner=user,
                name=name,
                digest=loaded.digest,
                num_bytes=num_bytes,
                vocabulary_size=loaded.vocabulary_size,
                eos_token=loaded.usual_eos or "",
                details={
                    "model": str(model.get("type", "")) if isinstance(model, dict) else "",
                    "num_added_tokens": len(added),
                    "added_tokens": added[:MAX_SHOWN],
                },
            )
    except IntegrityError:
        raise name_taken(name, "tokenizer") from None
    artifacts.keep(
        digest=row.digest,
        num_bytes=num_bytes,
        content_type="application/json",
        name=FILE_NAME,
        keeper=row.keeper,
        owner=user,
    )
    return row
