"""Published files as rows: what each is, and who keeps it. What nobody keeps is freed."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models, transaction

from themis_admin.jobs.models import UNENDED, Job, OwnedQuerySet, Viewer
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.errors import GoneError

FILES = "files"  # the store's kind of artifacts that are one file, named by the SHA-256 of its bytes
# A file is published just before the row that keeps it is written; so long it is nobody's business to free it.
GRACE = timedelta(minutes=10)
BATCH = 500


class ArtifactQuerySet(models.QuerySet["Artifact"]):
    """Artifacts, by who may read them."""

    def visible_to(self, user: Viewer) -> Self:
        """Those that something of the user's keeps; administrators see all."""
        if not user.is_authenticated:
            return self.none()
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(pk__in=ArtifactRef.objects.filter(owner_id=user.pk).values("artifact"))


class Artifact(models.Model):
    """A published, immutable file; equal content is one artifact, however often it is kept."""

    kind = models.CharField(max_length=31, default=FILES)
    digest = models.CharField(max_length=64)
    num_bytes = models.PositiveBigIntegerField()
    content_type = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ArtifactQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint("kind", "digest", name="artifact_once_a_store")]

    def __str__(self) -> str:
        return self.digest

    @property
    def url(self) -> str:
        return f"/api/v1/artifacts/{self.pk}/"

    @property
    def path(self) -> Path:
        """Where its bytes are."""
        return store().path(self.kind, self.digest)

    def to_dict(self, refs: Iterable["ArtifactRef"]) -> dict[str, Any]:
        """The artifact with those of its refs that the reader may see."""
        kept_by = sorted(refs, key=lambda ref: ref.pk)
        return {
            "id": self.pk,
            "url": self.url,
            "kind": self.kind,
            "sha256": self.digest,
            "num_bytes": self.num_bytes,
            "content_type": self.content_type,
            "created_at": self.created_at.isoformat(),
            "created_by": kept_by[0].owner.get_username() if kept_by else None,
            "kept_by": [ref.to_dict() for ref in kept_by],
        }


# Removing is letting go: rows of refs are deleted in the transaction that removes
# their keeper, and the file itself is freed later by a job. So a rollback loses
# nothing, and the digest that two exports share is freed with the last.
class ArtifactRef(models.Model):
    """Somebody keeps an artifact. Whatever does so writes one of these; freeing looks at nothing else.

    `keeper` is where the keeper is found, below /api/v1/ and in the console: `exports/12`.
    """

    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="refs")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    keeper = models.CharField(max_length=100, db_index=True)
    name = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint("keeper", "name", name="artifact_name_once_a_keeper")]

    def __str__(self) -> str:
        return f"{self.keeper}/{self.name}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "keeper": f"/api/v1/{self.keeper}/",
            "name": self.name,
            "created_at": self.created_at.isoformat(),
            "created_by": self.owner.get_username(),
        }


class KeepsFiles:
    """What a job makes files for, which are then artifacts that it keeps; mixed into a model with a `job`.

    `PLACE` is where such things are found, below /api/v1/ and in the console.
    """

    PLACE: ClassVar[str]
    pk: Any
    job: "Job | None"

    @property
    def is_there(self) -> bool:
        """Whether it has its files."""
        raise NotImplementedError

    @property
    def keeper(self) -> str:
        """The name under which it keeps its artifacts."""
        return f"{self.PLACE}/{self.pk}"

    @property
    def url(self) -> str:
        return f"/api/v1/{self.keeper}/"

    @property
    def state(self) -> str:
        """That of its job; once the files are there, succeeded."""
        if self.is_there:
            return "succeeded"
        return str(self.job.state) if self.job is not None else "failed"

    @property
    def busy(self) -> bool:
        return self.state in UNENDED

    def refs(self) -> "models.QuerySet[ArtifactRef]":
        """Its files by name, in the order in which they were published."""
        return ArtifactRef.objects.filter(keeper=self.keeper).select_related("artifact").order_by("id")


def store() -> ArtifactStore:
    """The content-addressed store."""
    return ArtifactStore(settings.THEMIS.storage)


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
