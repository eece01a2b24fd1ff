"""Published files as rows: what each is, and who keeps it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models

from themis_admin.jobs.models import UNENDED, Job, OwnedQuerySet, Viewer
from themis_admin.storage.stores import FILES, store


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
