"""Datasets, the shards and versions they are made of, themes and weighting rules."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models.functions import Lower

from themis_admin.datasets.artifacts import FILES, Artifact, ArtifactRef
from themis_admin.datasets.feedback_models import Factors, FeedbackRun, FeedbackSender
from themis_admin.datasets.label_models import VersionLabel
from themis_admin.datasets.snapshot_models import Snapshot
from themis_admin.datasets.statistics_models import StatisticsDocument
from themis_admin.datasets.upload_models import IdempotencyKey, Upload
from themisdb_datasets import deletions
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.errors import GoneError
from themisdb_datasets.version import OpenVersion

__all__ = [
    "Artifact",
    "ArtifactRef",
    "Factors",
    "FeedbackRun",
    "FeedbackSender",
    "IdempotencyKey",
    "Snapshot",
    "StatisticsDocument",
    "Upload",
    "VersionLabel",
]  # models of their own modules, which Django looks for in this one

Viewer = AbstractBaseUser | AnonymousUser
API = "/api/v1"


def sees_everything(user: Viewer) -> bool:
    return bool(user.is_authenticated and getattr(user, "is_superuser", False))


def _username(user: Any) -> str | None:
    return user.get_username() if user is not None else None


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: Viewer) -> Self:
        if sees_everything(user):
            return self
        return self.filter(owner_id=user.pk) if user.is_authenticated else self.none()

    def named(self, name: str) -> Self:
        """Those of this name in any case; compared in Python, for SQLite lowers only ASCII letters."""
        return self.filter(pk__in=_named(self, name))

    def with_latest(self) -> Self:
        """With all that `to_dict` reads."""
        return self.select_related("owner", "latest__created_by").prefetch_related("latest__labels")


class Dataset(models.Model):
    """A named collection of samples with a key field, a timestamp field and a default field mapping."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    key_field = models.CharField(max_length=500, blank=True, default="")
    timestamp_field = models.CharField(max_length=500, blank=True, default="")
    field_mapping = models.JSONField(default=dict, blank=True)
    split = models.JSONField(null=True, blank=True)
    retention = models.JSONField(null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="datasets")
    # A pointer beside the numbers: it flips in the transaction that publishes, so that readers see either the
    # old version or the whole new one.
    latest = models.ForeignKey("Version", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint("owner", Lower("name"), name="dataset_name_once_an_owner"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        return f"{API}/datasets/{self.pk}/"

    @property
    def lane(self) -> str:
        """The jobs that change this dataset run one after the other in this lane."""
        return f"dataset:{self.pk}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.pk,
            "url": self.url,
            "name": self.name,
            "description": self.description,
            "key_field": self.key_field,
            "timestamp_field": self.timestamp_field,
            "field_mapping": self.field_mapping,
            "split": self.split,
            "retention": self.retention,
            "latest": self.latest.to_dict() if self.latest is not None else None,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "created_by": _username(self.owner),
        }


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
        store = ArtifactStore(settings.THEMIS.storage)
        digests = self.version_shards.order_by("ordinal").values_list("shard__digest", flat=True)
        return [store.shard_path(digest) for digest in digests]

    def open(self) -> OpenVersion:
        store = ArtifactStore(settings.THEMIS.storage)
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
            "created_by": _username(self.created_by),
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


Kind = TypeVar("Kind", bound="OfDataset")


class OfDatasetQuerySet(models.QuerySet[Kind]):
    """What belongs to a dataset and has a name there."""

    def visible_to(self, user: Viewer) -> Self:
        if sees_everything(user):
            return self
        return self.filter(dataset__owner_id=user.pk) if user.is_authenticated else self.none()

    def named(self, name: str) -> Self:
        """Those of this name in any case; compared in Python, for SQLite lowers only ASCII letters."""
        return self.filter(pk__in=_named(self, name))


class OfDataset(models.Model):
    """Something that people make for a dataset under a name of its own."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    def described(self, url: str, dataset: int, own: dict[str, Any]) -> dict[str, Any]:
        """What the API tells of it, `own` in the middle."""
        return {
            "id": self.pk,
            "url": url,
            "dataset": dataset,
            "name": self.name,
            "description": self.description,
            **own,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "created_by": _username(self.created_by),
        }


class ThemeQuerySet(OfDatasetQuerySet["Theme"]):
    """Themes."""


class Theme(OfDataset):
    """A saved filter over a dataset."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="themes")
    where = models.JSONField()

    objects = ThemeQuerySet.as_manager()

    class Meta(OfDataset.Meta):
        constraints = [
            models.UniqueConstraint("dataset", Lower("name"), name="theme_name_once_a_dataset"),
        ]

    @property
    def url(self) -> str:
        return f"{API}/themes/{self.pk}/"

    def to_dict(self) -> dict[str, Any]:
        return self.described(self.url, self.dataset_id, {"where": self.where})


class WeightingRuleQuerySet(OfDatasetQuerySet["WeightingRule"]):
    """Weighting rules."""


class WeightingRule(OfDataset):
    """A rule that gives one factor of a sample's weight; `definition` is the engine's document of it."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="weighting_rules")
    definition = models.JSONField()

    objects = WeightingRuleQuerySet.as_manager()

    class Meta(OfDataset.Meta):
        constraints = [
            models.UniqueConstraint("dataset", Lower("name"), name="rule_name_once_a_dataset"),
        ]

    @property
    def url(self) -> str:
        return f"{API}/weighting-rules/{self.pk}/"

    def to_dict(self) -> dict[str, Any]:
        return self.described(self.url, self.dataset_id, self.definition)


def _named(objects: models.QuerySet[Any], name: str) -> list[int]:
    wanted = name.casefold()
    return [pk for pk, each in objects.order_by("pk").values_list("pk", "name") if each.casefold() == wanted]
