"""Versions and shards as rows: which published files a version is made of."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.db import models

from themis_admin.datasets.models.dataset import API, Dataset, sees_everything, username_of
from themis_admin.jobs.models import Viewer
from themis_admin.storage import stores
from themis_admin.storage.stores import FILES
from themisdb_datasets.engine.versions import deletions
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import GoneError


class Shard(models.Model):
    """An immutable, content-addressed folder of samples; the same shard may be part of many versions."""

    digest = models.CharField(max_length=64, unique=True)
    num_samples = models.PositiveBigIntegerField()
    num_bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest


class VersionQuerySet(models.QuerySet["Version"]):
    def visible_to(self, user: Viewer) -> Self:
        if sees_everything(user):
            return self
        return self.filter(dataset__owner_id=user.pk) if user.is_authenticated else self.none()

    def for_lists(self) -> Self:
        """With all that `to_dict` reads."""
        return self.select_related("created_by").prefetch_related("labels")


class Version(models.Model):
    """An immutable, ordered list of shards; its digest is that of its samples in order."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, db_index=True)
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children"
    )
    num_samples = models.PositiveBigIntegerField()
    num_bytes = models.PositiveBigIntegerField()
    num_rejects = models.PositiveBigIntegerField(default=0)
    num_blank = models.PositiveBigIntegerField(default=0)
    fields = models.JSONField(default=list)
    note = models.TextField(blank=True, default="")
    mode = models.CharField(max_length=20)
    source_name = models.CharField(max_length=500, blank=True, default="")
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="versions"
    )
    shards = models.ManyToManyField(Shard, through="VersionShard", related_name="versions")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # Of the first version with these samples, where this one has them again.
    first_created_at = models.DateTimeField(null=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint("dataset", "number", name="version_number_once_a_dataset"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} {self.number}"

    @property
    def url(self) -> str:
        return f"{API}/versions/{self.pk}/"

    @property
    def as_of(self) -> datetime:
        """The time by which its samples are weighed: equal samples are weighed alike, also where they are restored."""
        return self.first_created_at or self.created_at

    @property
    def is_latest(self) -> bool:
        return self.dataset.latest_id == self.pk

    def shard_paths(self) -> list[Path]:
        """The folders of this version's shards, in order."""
        store = stores.store()
        digests = self.version_shards.order_by("ordinal").values_list("shard__digest", flat=True)
        return [store.shard_path(digest) for digest in digests]

    def open(self) -> OpenVersion:
        store = stores.store()
        rows = self.version_shards.order_by("ordinal").values_list("shard__digest", "deletions")
        shards = [store.shard_path(shard) for shard, _ in rows]
        deleted = [store.path(deletions.KIND, digest) if digest else None for _, digest in rows]
        # The row in hand is from before a removal; without
        # this an empty version would be opened in its place.
        if not shards and self.num_samples:
            raise GoneError("The version was removed.")
        return OpenVersion.open(shards, deleted, files=partial(store.path, FILES))

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.pk,
            "url": self.url,
            "dataset": self.dataset_id,
            "number": self.number,
            "digest": self.digest,
            "parent": self.parent_id,
            "labels": [label.name for label in self.labels.all()],
            "num_samples": self.num_samples,
            "num_bytes": self.num_bytes,
            "num_rejects": self.num_rejects,
            "num_blank": self.num_blank,
            "fields": self.fields,
            "note": self.note,
            "mode": self.mode,
            "source_name": self.source_name,
            "job": self.job_id,
            "created_at": self.created_at.isoformat(),
            "created_by": username_of(self.created_by),
        }


class VersionShard(models.Model):
    """The place of one shard in one version, and the digest of which of its rows are deleted there, if any are."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="version_shards")
    # A shard's row outlives every version that has it; only the collector removes it, and then the folder.
    shard = models.ForeignKey(Shard, on_delete=models.PROTECT, related_name="version_shards")
    ordinal = models.PositiveIntegerField()
    deletions = models.CharField(max_length=64, blank=True, default="", db_index=True)
    num_deleted = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["ordinal"]
        constraints = [
            models.UniqueConstraint("version", "ordinal", name="shard_ordinal_once_a_version"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id}/{self.ordinal}"
