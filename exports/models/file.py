"""Exports as files: a plan, or a part of one, kept until it expires."""

from typing import Any

from django.conf import settings
from django.db import models

from themis_admin.artifacts.models import KeepsFiles
from themis_admin.jobs.models import OwnedQuerySet
from themis_admin.web.times import iso

MANIFEST = "manifest.json"


class FileExport(KeepsFiles, models.Model):
    """A plan, or a part of it, as files that are kept until they expire.

    The plan is named by its digest, from `start` on, as a consumer with this rank would get it. `manifest` is there once
    the files are; they are the artifacts that `keeper` keeps.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(max_length=500)
    plan = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    start = models.PositiveBigIntegerField(default=0)
    limit = models.PositiveBigIntegerField(null=True)
    rank = models.PositiveBigIntegerField(default=0)
    world_size = models.PositiveBigIntegerField(default=1)
    drop_last = models.BooleanField(default=False)
    num_samples = models.PositiveBigIntegerField()
    file_type = models.CharField(max_length=20)
    max_bytes = models.PositiveBigIntegerField(null=True)
    job = models.ForeignKey("jobs.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    manifest = models.JSONField(null=True)
    num_bytes = models.PositiveBigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)

    PLACE = "exports"
    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["owner", "id"]), models.Index(fields=["expires_at"])]

    def __str__(self) -> str:
        return self.title

    @property
    def is_there(self) -> bool:
        return self.manifest is not None

    def sample_counts(self) -> dict[str, int]:
        """How many samples each of its files has, by name, once they are there."""
        return {file["name"]: file["num_samples"] for file in (self.manifest or {"files": []})["files"]}

    def to_dict(self) -> dict[str, Any]:
        """The export without its files."""
        return {
            "id": self.pk,
            "url": self.url,
            "title": self.title,
            "state": self.state,
            "file": {"type": self.file_type, "max_bytes": self.max_bytes},
            "plan": self.plan,
            "version": self.version,
            "cursor": f"{self.plan}.{self.start}",
            "limit": self.limit,
            "rank": self.rank,
            "world_size": self.world_size,
            "drop_last": self.drop_last,
            "num_samples": self.num_samples,
            "num_bytes": self.num_bytes,
            "num_files": len(self.manifest["files"]) if self.manifest else None,
            "weights": self.manifest["weights"] if self.manifest else None,
            "job": self.job.to_dict() if self.job is not None else None,
            "created_at": self.created_at.isoformat(),
            "created_by": self.owner.get_username(),
            "finished_at": iso(self.finished_at),
            "expires_at": iso(self.expires_at),
        }
