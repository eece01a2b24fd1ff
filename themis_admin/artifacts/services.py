"""Publishing and keeping files; what nobody keeps is freed."""

import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.storage.stores import FILES, store
from themisdb_datasets.errors import GoneError

# A file is published just before the row that keeps it is written; so long it is nobody's business to free it.
GRACE = timedelta(minutes=10)
BATCH = 500


def publish(file: Path, *, digest: str) -> None:
    """Move a finished file into the store, before the transaction that keeps it."""
    path = store().publish_file(file, kind=FILES, digest=digest)
    os.utime(path)  # one that was there already begins its time of grace anew


def keep(
    *, digest: str, num_bytes: int, content_type: str, name: str, keeper: str, owner: AbstractBaseUser
) -> Artifact:
    """Have `keeper` keep a published file; GoneError where it was freed in the meantime. In a transaction."""
    values = {"num_bytes": num_bytes, "content_type": content_type}
    # Holding the row is what closes the race with `_free`, which holds it too: one of the two waits. Then
    # either the file is gone, which is told below, or the ref is there and it is not freed.
    artifact, _ = Artifact.objects.select_for_update().get_or_create(
        kind=FILES, digest=digest, defaults=values
    )
    if not artifact.path.is_file():
        raise GoneError(f"{name} was removed while it was being published; start again.")
    ArtifactRef.objects.create(artifact=artifact, owner_id=owner.pk, keeper=keeper, name=name)
    return artifact


def release(keeper: str) -> int:
    """Let go of all that `keeper` keeps; answers the bytes that nobody else keeps. In a transaction."""
    refs = ArtifactRef.objects.filter(keeper=keeper)
    artifacts = list(Artifact.objects.filter(refs__in=refs).distinct())
    refs.delete()
    # The artifacts were listed before their refs went, for afterwards they cannot be found by these.
    return sum(each.num_bytes for each in artifacts if not each.refs.exists())


def free_unkept() -> tuple[int, int]:
    """Free the files that nobody keeps; answers how many these were, and their bytes."""
    files, digests = store(), list(store().digests(FILES))
    removed = freed = 0
    # It goes by what is in the store, not by rows: a worker that was killed between publishing and keeping
    # has left a file without one. The query a batch only spares most files the look under their row's lock.
    for start in range(0, len(digests), BATCH):
        part = digests[start : start + BATCH]
        refs = ArtifactRef.objects.filter(artifact__kind=FILES, artifact__digest__in=part)
        kept = set(refs.values_list("artifact__digest", flat=True))
        for digest in part:
            size = 0 if digest in kept else _free(files.path(FILES, digest), digest)
            removed, freed = removed + bool(size), freed + size
    return removed, freed


def _free(path: Path, digest: str) -> int:
    """Free one file, if it is nobody's and not just being published.

    That goes in a transaction that holds its row, made for the purpose where there is none: who is about to keep the
    file waits for it, and then sees the file gone.
    """
    with transaction.atomic(), suppress(FileNotFoundError):
        found = path.stat()
        if found.st_mtime > time.time() - GRACE.total_seconds():
            return 0
        nothing = {"num_bytes": 0, "content_type": ""}
        rows = Artifact.objects.select_for_update()
        row, _ = rows.get_or_create(kind=FILES, digest=digest, defaults=nothing)
        if row.refs.exists():
            return 0
        row.delete()
        path.unlink()
        return found.st_size
    return 0
