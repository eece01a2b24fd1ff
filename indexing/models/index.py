"""Indexes: random access to the samples of a version, of what a theme keeps of it, or of an export's file."""

from typing import Any, Self

from django.conf import settings
from django.db import models

from themis_admin.artifacts.models import KeepsFiles
from themis_admin.jobs.models import OwnedQuerySet
from themis_admin.web.times import iso

OFFSETS, TOKENS = "offsets", "tokens"


class IndexQuerySet(OwnedQuerySet):
    """Indexes, by who may see them."""

    def published(self) -> Self:
        return self.filter(published_at__isnull=False)

    def for_lists(self) -> Self:
        """With all that `to_dict` and the pages read."""
        return self.select_related("dataset__latest", "version", "theme", "artifact", "job__owner", "owner")


class Index(KeepsFiles, models.Model):
    """An index over a version, or over an export's file, which is an artifact; `where` is the theme's filter as it was.

    `manifest` is there once its files are, which are the artifacts that `keeper` keeps. `params` are what its kind needs
    besides. `num_bytes` and `sha256` are those of its folder as one download.
    """

    kind = models.CharField(max_length=20)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    dataset = models.ForeignKey(
        "datasets.Dataset", on_delete=models.CASCADE, null=True, related_name="indexes"
    )
    # An index has places in the version's shards, so the version may not go before it.
    version = models.ForeignKey(
        "datasets.Version", on_delete=models.PROTECT, null=True, related_name="indexes"
    )
    theme = models.ForeignKey("datasets.Theme", on_delete=models.SET_NULL, null=True, related_name="+")
    theme_name = models.CharField(max_length=200, blank=True)
    where = models.JSONField(null=True)
    artifact = models.ForeignKey(
        "artifacts.Artifact", on_delete=models.PROTECT, null=True, related_name="indexes"
    )
    file_name = models.CharField(max_length=255, blank=True)
    params = models.JSONField(default=dict)
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    manifest = models.JSONField(null=True)
    num_samples = models.PositiveBigIntegerField(null=True)
    num_bytes = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True)

    PLACE = "indexes"
    objects = IndexQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "indexes"
        indexes = [models.Index(fields=["owner", "id"])]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """What it leads to, in words."""
        if self.version is None:
            return self.file_name
        return f"{self.theme_name or 'all samples'}, version {self.version.number}"

    @property
    def is_there(self) -> bool:
        return self.published_at is not None

    @property
    def stale(self) -> list[str]:
        """Why an index that is made now would be another one; its own samples never change."""
        reasons = []
        latest = self.dataset.latest if self.dataset is not None else None
        if self.version is not None and latest is not None and latest.pk != self.version_id:
            reasons.append(
                f"Version {latest.number} is the latest; this is of version {self.version.number}."
            )
        # The theme's foreign key became null with its deletion; the filter stays, as it was copied.
        if self.where is not None and self.theme is None:
            reasons.append(f"The theme {self.theme_name} was deleted.")
        elif self.theme is not None and self.theme.where != self.where:
            reasons.append(f"The filter of the theme {self.theme.name} has changed.")
        return reasons

    def to_dict(self) -> dict[str, Any]:
        """The index without its manifest."""
        return {
            "id": self.pk,
            "url": self.url,
            "kind": self.kind,
            "title": self.title,
            "state": self.state,
            "dataset": self.dataset_id,
            "version": self.version_id,
            "theme": self.theme_id,
            "theme_name": self.theme_name,
            "where": self.where,
            "artifact": self.artifact_id,
            "file_name": self.file_name,
            **self.params,
            "num_samples": self.num_samples,
            **({"num_tokens": (self.manifest or {}).get("num_tokens")} if self.kind == TOKENS else {}),
            "num_bytes": self.num_bytes,
            "sha256": self.sha256 or None,
            "stale": self.stale,
            "job": self.job.to_dict() if self.job is not None else None,
            "created_at": self.created_at.isoformat(),
            "created_by": self.owner.get_username(),
            "published_at": iso(self.published_at),
        }
